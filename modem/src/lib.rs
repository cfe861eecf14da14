//! A cellular modem behind its ports: which they are, and one command at a time, each with its timeout.
//!
//! Why a crate of its own: it is the edge around the pure [`shunt_at`], with the ports and the time that the
//! protocol must not know. It decides nothing about the modem; it says what the modem answered, that it did
//! not, or that its port is gone.

pub mod dialect;
pub mod driver;
mod error;
pub mod longest;
mod pair;
mod port;
pub mod ports;
mod session;
pub mod sms;

pub use error::ModemError;
pub use pair::Pair;
pub use port::Port;
pub use session::{Reply, Session, Timing};
pub use shunt_at as at;
