//! The decision core in a simulated network: statistics, scenarios and properties.

// The lab exports the same file; here nobody is outside.
#[allow(unreachable_pub)]
#[path = "../../../../tests/src/simulation.rs"]
mod simulation;

mod properties;
mod scenarios;
mod statistics;
