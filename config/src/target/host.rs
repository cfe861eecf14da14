//! Who is probed: an address, or a name that is looked up.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Who is probed.
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

/// A port of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whose port it is.
    pub host: Host,
    /// Never 0.
    pub port: u16,
}

impl Host {
    /// Whether it is probed over IPv4 (else over IPv6).
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        match self {
            Self::Address(address) => address.is_ipv4(),
            Self::Name { ipv6, .. } => !*ipv6,
        }
    }

    /// As it stands before a port.
    pub(super) fn bracketed(&self) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Self::Address(_) | Self::Name { .. } => self.to_string(),
        }
    }
}

impl<A: Into<IpAddr>> From<A> for Host {
    fn from(address: A) -> Self {
        Self::Address(address.into())
    }
}

impl<A: Into<SocketAddr>> From<A> for Endpoint {
    fn from(socket: A) -> Self {
        let socket = socket.into();
        Self { host: socket.ip().into(), port: socket.port() }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { name, .. } => f.write_str(name),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.bracketed(), self.port)
    }
}
