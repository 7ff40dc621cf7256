//! The real clock and real chance: the only places that reach them.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::random::Random;
use crate::domain::time::{Clock, Timestamp};

/// The machine's clock, as kept by its time service.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the system clock's one adapter")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The generator of the cryptographic library, seeded by the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "real chance's one adapter")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("a machine that gives no random bytes cannot serve anything safely");
    }
}
