//! The decisions of the watchdog MCU: when a host that fell silent is warned of, and when it is reset.
//!
//! Why a crate of its own: this logic cuts power, so it must be tested as a whole, on the host and in
//! virtual time. It holds no I/O, no clock and no pin. The board hands over the bytes of its line and the time
//! to a [`Watchdog`], sends what that gives back, sleeps until [`Watchdog::poll_timeout`], and sets its pins to
//! [`Watchdog::outputs`] after each call. The [`Escalation`] within is:
//!
//! ```text
//! Grace ──feed──▶ Guarding ──silence──▶ Alert ─▶ (ModemOff ─▶ ModemSettling) ─▶ ShutdownRequested
//!   ▲                ▲                    └── a feed leads back to Guarding ──┘          │
//!   │                └──────────────────── feed ◀── BackingOff ◀── reset not yet due ────┤
//!   └──────────────────────────────── HostReset ◀────────────────────────────────────────┘
//! ```
//!
//! A host that never boots is reset for ever, at the slowest pace of the back-off, unless a most is set: there is
//! no stage without a deadline, and no reset within the grace of a boot. An MCU that was never armed guards
//! nothing.
#![no_std]

mod allowance;
mod escalation;
mod led;
mod line;
mod saved;
mod settings;
mod stage;
mod time;
mod watchdog;

pub use escalation::{Escalation, Event, NoCut, Record};
pub use led::Led;
pub use saved::{LOG_KEPT, Lasting, Mark, SAVED_BYTES, Saved};
pub use settings::{Backoff, ModemRail, Settings, SettingsError};
pub use stage::{Outputs, Stage};
pub use time::{Instant, Span};
pub use watchdog::{Board, Levels, Watchdog};
