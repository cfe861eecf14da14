//! Configuration of Shunt: TOML in, a valid [`Config`] out.

#![forbid(unsafe_code)]

mod model;

pub use model::{
    Agent, Canary, Config, DailyWindow, Damping, Failback, FailbackMode, Failover, Gateway, Kernel, Limits,
    Link, LogFormat, Probe, Target,
};
