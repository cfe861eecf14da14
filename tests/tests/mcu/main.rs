//! The real agent and the firmware's decisions on one line: feeds, what their end leads to, leaves, and lines that are spoilt.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // helpers of tests are tests

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod guard;
mod leave;
mod line;
