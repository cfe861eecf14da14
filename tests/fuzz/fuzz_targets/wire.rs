//! See `firmware/wire/tests/model/mod.rs`.

#![no_main]

#[path = "../../../firmware/wire/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| model::wire(bytes));
