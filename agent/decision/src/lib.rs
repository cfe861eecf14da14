//! The decision core of Shunt.
//!
//! A plain synchronous state machine: [`Event`]s and the time go in, [`Action`]s come out. It owns no
//! socket, clock, task, lock or file, so a day of network weather runs in milliseconds, every field
//! report replays exactly, and the rest of the agent is thin adapters.

#![forbid(unsafe_code)]

mod action;
mod aftermath;
mod audition;
mod baseline;
mod blame;
mod budget;
mod candidates;
mod checkpoint;
mod choice;
mod config;
mod damping;
mod desk;
mod event;
mod failover;
mod family;
mod fault;
mod habit;
mod ids;
mod incident;
mod journal;
mod lease;
mod link;
mod own;
mod path;
mod plan;
mod probing;
mod reason;
mod record;
mod reserve;
mod rng;
mod rtt;
mod schedule;
mod settling;
mod snapshot;
mod stall;
mod suspicion;
mod target;
mod verdict;
mod verification;
mod window;

pub use action::Action;
pub use budget::{BudgetSnapshot, BudgetState, ProbeBudget};
pub use config::{
    Config, Failback, FailbackMode, Limits, LinkConfig, Packets, Target, TargetKind, TimeLimit,
};
pub use event::{Command, Event, Force, Missing, ModemState, ModemTrouble, Outcome, PathState};
pub use failover::{Failover, Timer};
pub use fault::Fault;
pub use ids::{CheckId, Family, LinkId, PerFamily, Percent, ProbeId, RankingId, TargetId, TargetIdentity};
pub use incident::Incident;
pub use journal::{Entry, Happening};
pub use plan::{Plan, Steady, worst_detection};
pub use reason::{Reason, Verdict};
pub use reserve::BudgetStart;
pub use shunt_time::Timestamp;
pub use snapshot::{Counters, LinkSnapshot, PathSnapshot, Snapshot, TargetSnapshot};
