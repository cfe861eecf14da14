//! Shunt, the WAN failover agent: the edges around the decision core.
//!
//! `agent/ARCHITECTURE.md` is the map.

mod accept;
pub mod api;
pub mod cli;
pub mod clock;
pub mod daemon;
mod doctor;
#[doc(hidden)]
pub mod fuzz;
mod init;
mod mcu;
mod modem;
pub mod netlink;
pub mod probe;
pub mod recording;
mod state_file;

pub use cli::main;
