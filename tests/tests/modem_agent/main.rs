//! The real agent, the network in namespaces, and a simulated modem that owns the LTE uplink: no bearer, no packets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

#[path = "../common/mod.rs"]
mod common;

mod acceptance;
mod bearer;
mod bench;
mod documents;
mod outages;
mod rail;
mod sims;
mod sms;
mod supply;
