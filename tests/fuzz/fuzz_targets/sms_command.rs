//! See `shunt_sms::fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shunt_sms::fuzz::sms_command(bytes));
