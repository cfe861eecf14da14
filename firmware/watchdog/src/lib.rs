//! The decision core of the watchdog MCU: when a host that fell silent is warned of, and when it is reset.
//!
//! Why a crate of its own: this logic cuts power, so it must be tested as a whole, on the host and in
//! virtual time. It holds no I/O, no clock and no pin. The board hands over events and the time, sleeps
//! until [`Watchdog::poll_timeout`], and sets its pins to [`Watchdog::outputs`] after each call.
//!
//! ```text
//! Grace ──feed──▶ Guarding ──silence──▶ Alert ─▶ (ModemOff ─▶ ModemSettling) ─▶ ShutdownRequested
//!   ▲                ▲                    └── a feed leads back to Guarding ──┘          │
//!   │                └──────────────────── feed ◀── BackingOff ◀── reset not yet due ────┤
//!   └──────────────────────────────── HostReset ◀────────────────────────────────────────┘
//! ```
//!
//! A host that never boots is reset for ever, at the slowest pace of the back-off: there is no state without
//! a deadline, and no reset within the grace of a boot.
#![no_std]

mod settings;
mod stage;
mod time;
mod watchdog;

pub use settings::{Backoff, ModemRail, Settings, SettingsError};
pub use stage::{Outputs, Stage};
pub use time::{Instant, Span};
pub use watchdog::{Event, Record, Watchdog};
