//! The machine's clocks.

use std::time::{Instant, SystemTime};

use crate::ports::{Clock, ClockError};

/// The system's wall clock, and a monotonic clock that begins when this is made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Begins at 0.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the desktop's one adapter to the system's clocks")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the desktop's one adapter to the system's clocks")]
    fn unix_millis(&self) -> Result<i64, ClockError> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|_| before_1970())?;
        i64::try_from(since_1970.as_millis()).map_err(|_| before_1970())
    }

    #[expect(clippy::disallowed_methods, reason = "the desktop's one adapter to the system's clocks")]
    fn monotonic_millis(&self) -> Result<i64, ClockError> {
        Ok(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn before_1970() -> ClockError {
    ClockError::Unexpected { detail: "the system's clock is out of range".into() }
}
