//! A simulated LTE modem, an EC25 by default: it speaks AT on ptys, as the agent opens them, and on unix sockets, as
//! ModemManager's test profile does. It boots, reads its SIM card, searches its network, brings bearers up, sends and
//! receives messages, and fails in every way that can be ordered.
//!
//! [`Modem`] is the modem, without clock, thread or file. [`Simulator`] gives it all three.

mod bus;
mod card;
mod commands;
mod core;
mod delivery;
mod edge;
mod fault;
mod life;
mod line;
mod network;
mod pdu;
mod profile;
mod speech;
mod state;
mod terminal;
#[cfg(test)]
mod tests;

pub use self::core::{CardState, Modem, Output};
pub use card::{Card, Lock};
pub use edge::{BearerHook, Endpoint, Simulator};
pub use fault::{About, Cure, Fault};
pub use network::{Addresses, Network, Service, Signal};
pub use profile::{Interface, Profile, Timing};
pub use state::{Bearer, Counts, Power, Sent};
