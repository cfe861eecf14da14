//! Targets: what is probed, what counts as a good answer, and how much that answer counts.

mod forms;
mod list;
mod page;

pub(crate) use forms::checked;
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
    /// `http://192.0.2.1/path`, `https://example.com/path`: a page is served as it should be.
    Page(Page),
}

/// A page, and what it is to be like.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page {
    /// Over TLS.
    pub secure: bool,
    /// Whose page it is.
    pub host: Host,
    /// 80, or 443 over TLS, unless given.
    pub port: u16,
    /// Path and query, in the letters of RFC 3986; begins with a slash.
    pub path: String,
    /// The status that is good; `None`: 200 to 299.
    pub status: Option<u16>,
    /// What the beginning of the body must contain; `None`: the body does not matter.
    pub body: Option<String>,
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// At an address.
    Address(IpAddr),
    /// At an address that is to be found over the probed link.
    Name {
        /// A domain name without the trailing dot.
        name: String,
        /// Asked for over IPv6 (else over IPv4).
        ipv6: bool,
    },
}

impl Target {
    /// The address that is probed; `None` where it is to be found by a name.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Icmp(address) => Some(*address),
            Self::Tcp(socket) | Self::Dns { server: socket, .. } => Some(socket.ip()),
            Self::Page(Page { host: Host::Address(address), .. }) => Some(*address),
            Self::Page(Page { host: Host::Name { .. }, .. }) => None,
        }
    }

    /// Whether it is probed over IPv4 (else over IPv6).
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        match self {
            Self::Icmp(address) | Self::Page(Page { host: Host::Address(address), .. }) => address.is_ipv4(),
            Self::Tcp(socket) | Self::Dns { server: socket, .. } => socket.is_ipv4(),
            Self::Page(Page { host: Host::Name { ipv6, .. }, .. }) => !*ipv6,
        }
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
            Self::Page(page) => page.fmt(f),
        }
    }
}

impl Page {
    /// The port that goes without saying.
    #[must_use]
    pub const fn usual_port(secure: bool) -> u16 {
        if secure { 443 } else { 80 }
    }

    /// Host and, if it is not the usual one, port: what a client writes into `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Host::Address(address) => address.to_string(),
            Host::Name { name, .. } => name.clone(),
        };
        if self.port == Self::usual_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)?;
        match self.host {
            Host::Name { ipv6: true, .. } => f.write_str(" over IPv6"),
            Host::Name { .. } | Host::Address(_) => Ok(()),
        }
    }
}
