//! A cellular modem, brought up, watched and brought back.
//!
//! A plain synchronous state machine beside the decision core: typed facts and the time go in, actions come
//! out. It never sees AT text, and owns no port, clock, task or file; the dialects of `shunt-modem` turn what
//! a modem says into [`facts`], and its driver carries out what [`Recovery`] wants, one [`Task`] at a time.
//!
//! ```text
//! Absent ▶ Identifying ▶ Sim (▶ Unlocking) ▶ Radio ▶ Searching ▶ Attaching ▶ Connecting ▶ Addressing
//!    ▲                                                        ▶ Verifying ▶ Verified: all is watched
//!    └── a step not made in its time ▶ Repairing: one rung of the ladder, then on from where it leads
//!        a permanent cause ▶ Blocked: alarm, the other SIM, another look after an hour
//! ```

#![forbid(unsafe_code)]

pub mod facts;

mod action;
mod allowance;
mod climb;
mod config;
mod desk;
mod ends;
mod event;
mod journal;
mod known;
mod ladder;
mod learn;
mod month;
mod pin;
mod readiness;
mod reason;
mod recovery;
mod repair;
mod resets;
mod rng;
mod saved;
mod slots;
mod snapshot;
mod stage;

pub use action::{Action, Task, TaskId};
pub use config::{Allowance, Config, Hardware, Pin, SimConfig};
pub use event::{End, Event, Order, Refusal};
pub use journal::{Entry, Happening, RungResult};
pub use month::Month;
pub use reason::{Cause, Failure, Fault, PinProblem, Readiness, Reason, Rung};
pub use recovery::Recovery;
pub use resets::{A_DAY as RESETS_A_DAY, AN_HOUR as RESETS_AN_HOUR};
pub use saved::{Baseline, Block, CardUsage, Elsewhere, PinAttempt, Saved};
pub use shunt_time::{Timestamp, UnixTime};
pub use snapshot::{AllowanceSnapshot, Snapshot};
pub use stage::Stage;
