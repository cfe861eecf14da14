//! The control socket: what the daemon tells, and what it can be told. `agent/API.md` is the contract.
//!
//! [`ControlSocket`] makes the socket, [`serve`] answers on it, and every request goes as an [`Order`] to the
//! event loop, which alone knows anything. [`status`] and [`event`] put the core's knowledge into the JSON of
//! [`types`] and [`wire`]; [`describe`] says it in words.

mod canary;
mod convert;
mod credentials;
pub mod describe;
pub(crate) mod hex;
mod listener;
pub mod mcu;
pub mod modem;
mod names;
mod server;
pub mod types;
pub mod wire;

pub use canary::canary;
pub(crate) use convert::millis;
pub use convert::{Context, WallClock, event, incident, status};
pub use listener::{ControlSocket, ListenError, group_id};
pub use names::{LinkNames, Names};
pub use server::{Access, MAX_CONNECTIONS, Order, serve};
