//! A network laboratory for Shunt: namespaces, impairments, a measured stream, and the real agent between them.
//!
//! It needs neither hardware nor the `ip` program nor `sch_netem`; an ordinary user may run it where user namespaces
//! are permitted. The end-to-end tests, `cargo lab` and `cargo lab bench` are all built from it.

mod agent;
pub mod arena;
pub mod bench;
mod error;
mod lookups;
pub mod mcu;
pub mod modem;
mod namespace;
mod netem;
mod netlink;
mod nft;
mod privilege;
mod program;
mod random;
mod relay;
mod reroutes;
mod responders;
pub mod simulation;
mod stream;
mod sys;
mod topology;

pub use agent::{AGENT_VARIABLE, Agent, AgentConfig, EventStream, LinkText, Program};
pub use error::{LabError, Result};
pub use lookups::{Found, Lookups};
pub use namespace::Namespace;
pub use netem::Impairment;
pub use netlink::{End, Netlink, RouteTo};
pub use privilege::{
    EXIT_NOT_PERMITTED, SKIP_VARIABLE, Turn, enter, enter_or_reexec, enter_or_reexec_beside,
};
pub use program::lab_main;
pub use relay::{Counts, Direction, Filter, Policy, Relay};
pub use reroutes::{Reroute, Reroutes};
pub use stream::{Move, Report, Stream};
pub use topology::{
    Addressing, CLIENT_V4, CLIENT_V6, DNS_TARGET_V4, DNS_TARGET_V6, Lab, MAX_UPLINKS, Plan, STREAM_TARGET_V4,
    TARGETS_V4, TARGETS_V6, Uplink, UplinkPlan, Wiring,
};
