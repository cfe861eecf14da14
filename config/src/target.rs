//! Targets: what is probed, what counts as a good answer, and how much that answer counts.

mod forms;
mod list;

pub(crate) use list::targets;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A target of a link, and how much it counts there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Weighted {
    /// What is probed.
    pub target: Target,
    /// How much its answer counts towards the quorum; from 1 to 10.
    pub weight: u8,
}

/// Something that answers probes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// `192.0.2.1`: ICMP echo.
    Icmp(IpAddr),
    /// `tcp://192.0.2.1:443`: a connection is accepted.
    Tcp(SocketAddr),
    /// `dns://192.0.2.1/example.com` (port 53 unless given): the name's A (or AAAA, by the server's family) is answered.
    Dns {
        /// The server.
        server: SocketAddr,
        /// The name asked for, without the trailing dot.
        name: String,
        /// The address that must be among the answers, of the server's family; `None`: any will do.
        answer: Option<IpAddr>,
    },
}

impl Target {
    /// The address that is probed.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        match self {
            Self::Icmp(address) => *address,
            Self::Tcp(socket) | Self::Dns { server: socket, .. } => socket.ip(),
        }
    }

    /// Whether it is probed over IPv4 (else over IPv6).
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.address().is_ipv4()
    }
}

impl From<Target> for Weighted {
    /// With the weight that a target has unless it is given another.
    fn from(target: Target) -> Self {
        Self { target, weight: list::WEIGHT }
    }
}

impl fmt::Display for Weighted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(address) => write!(f, "{address}"),
            Self::Tcp(socket) => write!(f, "tcp://{socket}"),
            Self::Dns { server, name, .. } => write!(f, "dns://{server}/{name}"),
        }
    }
}
