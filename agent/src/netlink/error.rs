//! What can go wrong between Shunt and the kernel, in words that name the thing and the mend.

use super::socket::Refusal;
use shunt_decision::{Family, LinkId};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// A failure at the kernel's edge; each message completes "failed to …".
#[derive(Debug, Error)]
pub enum KernelError {
    /// A netlink socket could not be made ready.
    #[error("open the {what} netlink socket (is CAP_NET_ADMIN granted?): {source}")]
    Open {
        /// Which socket.
        what: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// The kernel refused a request.
    #[error("{what}: {source}{mend}")]
    Refused {
        /// What was asked for, such as "put the route …".
        what: String,
        /// The kernel's word.
        source: Refusal,
        /// What to do about it; begins with a separator, or is empty.
        mend: &'static str,
    },
    /// No link of the ranking has an interface, an address and a gateway now.
    #[error("rank the {} uplinks: none of the links has an interface, an address and a gateway now; \
             the ranking is kept and placed when one has", family_name(*.0))]
    NoPath(Family),
    /// The caller named a link that is not configured.
    #[error("find link number {}: the configuration has no such link", .0.0)]
    UnknownLink(LinkId),
    /// The caller spoke of a bearer of a link without a modem.
    #[error("find the modem of link number {}: the configuration has none for it", .0.0)]
    NoModem(LinkId),
    /// The interface of a bearer does not exist.
    #[error(
        "set up {0} for its bearer: there is no such interface; see `interface` of the link, and whether the modem is \
             in the mode in which it has one"
    )]
    NoInterface(String),
    /// A bearer's address is not usable on its interface.
    #[error(
        "give {0} the addresses of its bearer; the warnings in `shunt status` say why, and it is tried again"
    )]
    NotSet(String),
    /// No thread could be started to cut flows.
    #[error(
        "start a thread to forget the flows of a dead link: {source}; they end by themselves in minutes, see that the \
         agent may have more tasks (TasksMax of its unit) and that memory is left"
    )]
    Thread {
        /// The system's word.
        source: io::Error,
    },
    /// Old sysctl values could not be kept, read or put back.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was tried, such as "write".
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl KernelError {
    pub(crate) fn refused(what: String, source: Refusal) -> Self {
        let mend = mend(&source);
        Self::Refused { what, source, mend }
    }
}

/// "IPv4" or "IPv6".
pub(crate) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// What an operator can do about an error code.
const fn mend(refusal: &Refusal) -> &'static str {
    match refusal.code {
        libc::EPERM | libc::EACCES => "; run as root or grant CAP_NET_ADMIN",
        libc::EOPNOTSUPP | libc::EAFNOSUPPORT => {
            "; the kernel was built without it: enable policy routing (IP_MULTIPLE_TABLES, IPV6_MULTIPLE_TABLES)"
        }
        libc::ENETDOWN | libc::ENODEV => "; the interface is down or gone, this mends itself when it is back",
        _ => "",
    }
}
