//! What a packet needs to leave by one link and no other.

use std::net::IpAddr;

/// Device, source and mark together: each alone can be fooled (see the kernel contract in `ARCHITECTURE.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Interface name, for `SO_BINDTODEVICE`.
    pub interface: String,
    /// Interface index; it changes when the interface is made anew.
    pub index: u32,
    /// Source address.
    pub source: IpAddr,
    /// The router by which the link leads out; `None`: it needs none.
    pub router: Option<IpAddr>,
    /// Firewall mark, already shifted into the mask, for `SO_MARK`.
    pub mark: u32,
}
