//! The decision core in a simulated network: statistics, scenarios and properties.

// The lab exports the same file; here nobody is outside.
#[allow(unreachable_pub, unused_imports)]
#[path = "../../../../tests/src/simulation/mod.rs"]
mod simulation;

#[cfg(test)]
mod budget;
#[cfg(test)]
mod checkpoint;
#[cfg(test)]
mod debts;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod witnesses;
