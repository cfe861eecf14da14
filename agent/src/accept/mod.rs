//! `shunt accept`: what a newly flashed gateway has to show before it is left alone.
//!
//! The core is pure. [`plan`] makes the steps from the config and a first look; a [`Trial`] takes one look after the other,
//! with the time, and says what to do next until it has its outcome; [`Report`] is what is signed. Whoever asks people,
//! talks to the daemon and writes files is `cli/accept`. What is measured, the daemon measured: its incidents and events.

mod answer;
mod kept;
mod lease;
mod look;
mod plan;
mod report;
mod seal;
mod step;
#[cfg(test)]
pub(crate) mod testing;
mod trial;

pub(crate) use answer::{Answer, Answers};
pub(crate) use kept::Kept;
pub(crate) use lease::Lease;
pub(crate) use look::Look;
pub(crate) use plan::{Limits, Step, plan};
pub(crate) use report::{Gateway, Report, broken, details};
pub(crate) use seal::{Sealed, digest, verify};
pub(crate) use step::{Done, Kind, Outcome, Verdict, Way};
pub(crate) use trial::{LEASE, Next, Trial};
