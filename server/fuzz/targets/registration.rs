//! [`server_fuzz::registration`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_fuzz::registration(bytes));
