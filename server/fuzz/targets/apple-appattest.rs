//! [`server_fuzz::apple_appattest`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_fuzz::apple_appattest(bytes));
