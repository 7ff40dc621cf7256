//! [`server_fuzz::encrypted`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_fuzz::encrypted(bytes));
