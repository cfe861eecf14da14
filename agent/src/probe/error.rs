//! What can go wrong when the prober's sockets are opened, each with its mend.

use std::io;
use std::net::IpAddr;

/// Why sockets could not be opened. Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The kernel gives no ICMP socket bound to the link.
    #[error(
        "open an ICMP socket on {interface} from {source_address}: {source}; run as root or with CAP_NET_RAW, and see that the \
         interface has this address"
    )]
    Icmp {
        /// The interface.
        interface: String,
        /// The source address.
        source_address: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The firewall mark could not be set: without it a probe might leave by another link.
    #[error(
        "set the firewall mark {mark:#x} on a socket of {interface}: {source}; run as root or with CAP_NET_ADMIN"
    )]
    Mark {
        /// The interface.
        interface: String,
        /// The mark.
        mark: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// Not even a plain socket can be opened.
    #[error("open an ICMP socket for local canaries: {source}; run as root or with CAP_NET_RAW")]
    Local {
        /// What the kernel said.
        source: io::Error,
    },
    /// The canary's interface cannot be made.
    #[error(
        "make the canary's interface {interface}: {source}; load the module `tun`, run as root or with CAP_NET_ADMIN, and see that \
         no other program uses the name"
    )]
    Tun {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The route back to the canary cannot be set.
    #[error(
        "route {address}/32 to the canary's interface {interface}: {source}; choose another `canary.source`"
    )]
    CanaryRoute {
        /// The interface.
        interface: String,
        /// The canary's source address.
        address: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
}
