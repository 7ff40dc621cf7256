//! The clock of a story: server and phones read it, and only the story moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use device_core::ports::{Clock as PhoneClock, ClockError};
use server::domain::time::{Clock, Timestamp};

/// 2027-01-15T08:00:00Z.
const START_MILLIS: i64 = 1_800_000_000_000;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct HandClock(AtomicI64);

impl Default for HandClock {
    fn default() -> Self {
        Self(AtomicI64::new(START_MILLIS))
    }
}

impl HandClock {
    /// Moves on by so many milliseconds.
    pub fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}

impl PhoneClock for HandClock {
    fn unix_millis(&self) -> Result<i64, ClockError> {
        Ok(self.now().unix_millis())
    }

    fn monotonic_millis(&self) -> Result<i64, ClockError> {
        Ok(self.now().unix_millis() - START_MILLIS)
    }
}
