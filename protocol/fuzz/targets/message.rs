//! One of [`protocol_fuzz::MESSAGES`] under libFuzzer, named by `FUZZ_MESSAGE`: a program for each would cost more to build
//! than all of them to run.

#![no_main]

use std::sync::LazyLock;

use protocol_fuzz::{MESSAGES, Target};

#[expect(clippy::disallowed_methods, reason = "libFuzzer has the command line for itself")]
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_MESSAGE").expect("FUZZ_MESSAGE names a message");
    let found = MESSAGES.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no message is called {wanted}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
