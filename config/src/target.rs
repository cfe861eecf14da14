//! Targets: what is probed, what counts as a good answer, and how much that answer counts.

mod forms;
mod host;
mod list;
mod page;

pub use host::{Endpoint, Host};

pub(crate) use forms::checked;
pub(crate) use list::targets;

use std::fmt;
use std::net::IpAddr;

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
    /// `192.0.2.1`, `example.com`: ICMP echo.
    Icmp(Host),
    /// `tcp://192.0.2.1:443`, `tcp://example.com:443`: a connection is accepted.
    Tcp(Endpoint),
    /// `dns://192.0.2.1/example.com` (port 53 unless given): the name's A (or AAAA, by the server's family) is answered.
    Dns {
        /// The server.
        server: Endpoint,
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

impl Target {
    /// Who is probed.
    #[must_use]
    pub const fn host(&self) -> &Host {
        match self {
            Self::Icmp(host) => host,
            Self::Tcp(endpoint) | Self::Dns { server: endpoint, .. } => &endpoint.host,
            Self::Page(page) => &page.host,
        }
    }

    /// Whether a probe may cost more than its price: a page is as long as its server makes it, and a name is looked up.
    #[must_use]
    pub const fn is_open_ended(&self) -> bool {
        matches!(self, Self::Page(_)) || self.address().is_none()
    }

    /// The address that is probed; `None` where it is to be found by a name.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self.host() {
            Host::Address(address) => Some(*address),
            Host::Name { .. } => None,
        }
    }

    /// Whether it is probed over IPv4 (else over IPv6).
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        self.host().is_ipv4()
    }

    /// The same target at this host.
    #[must_use]
    pub fn at(mut self, host: Host) -> Self {
        *self.host_mut() = host;
        self
    }

    const fn host_mut(&mut self) -> &mut Host {
        match self {
            Self::Icmp(host) => host,
            Self::Tcp(endpoint) | Self::Dns { server: endpoint, .. } => &mut endpoint.host,
            Self::Page(page) => &mut page.host,
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
            Self::Icmp(host) => write!(f, "{host}")?,
            Self::Tcp(endpoint) => write!(f, "tcp://{endpoint}")?,
            Self::Dns { server, name, .. } => write!(f, "dns://{server}/{name}")?,
            Self::Page(page) => write!(f, "{page}")?,
        }
        // What is not the default; addresses tell their family.
        f.write_str(if matches!(self.host(), Host::Name { ipv6: true, .. }) { " over IPv6" } else { "" })
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
        let host = self.host.bracketed();
        if self.port == Self::usual_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}
