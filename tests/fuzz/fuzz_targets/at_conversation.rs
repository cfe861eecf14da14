//! See `modem/at/tests/model/mod.rs`.

#![no_main]

#[path = "../../../modem/at/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::at_conversation(bytes));
