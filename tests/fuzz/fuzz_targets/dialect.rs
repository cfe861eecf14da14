//! See `shunt_modem::dialect::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shunt_modem::dialect::fuzz::dialect(bytes));
