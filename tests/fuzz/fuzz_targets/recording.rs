//! See `shunt::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shunt::fuzz::recording(bytes));
