//! See `shunt::probe::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shunt::probe::fuzz::neighbour(bytes));
