//! [`server_fuzz::android_key`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_fuzz::android_key(bytes));
