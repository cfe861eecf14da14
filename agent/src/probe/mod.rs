//! Probes: requests bound to one link, their replies, and the canary.
//!
//! Everything here is synchronous, save the probes of pages, which run in tasks of their own (see `page`). [`Prober`] and [`Canary`] own their sockets, never wait and are not part of the
//! reactor: the event loop sends and drains on its own wake-ups, because wake-ups are what probing costs. Round-trip
//! times come from the kernel's stamps, so they do not depend on when the loop reads.
//!
//! A probe leaves by its link or not at all: sockets are bound by device, source address *and* firewall mark.
//! (Beware: where the mark's table has no route, Linux takes an IPv4 destination of a socket bound to a device to be on
//! that very link, and asks for it by ARP, even if the table says `unreachable`. Such a probe dies on its own link.)

mod canary;
mod dns;
mod dns_wire;
mod echo;
mod error;
pub(crate) mod fuzz;
mod gateway;
mod icmp;
mod names;
mod neighbour;
mod packet;
mod page;
mod path;
mod prober;
mod receive;
mod socket;
mod spent;
mod spot;
mod stamp;
mod sys;
mod tcp;
mod token;
mod tun;
mod waiting;

pub use canary::{Canary, LocalBecause};
pub use error::ProbeError;
pub use gateway::GatewayAnswer;
pub use prober::Prober;
pub use spent::Spent;
