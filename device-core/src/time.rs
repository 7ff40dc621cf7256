//! The server's time, kept by the phone's monotonic clock, so that a phone whose clock is wrong is locked out of nothing.

use crate::ports::{Clock, ClockError};

/// What the phone's two clocks said at one moment, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// [`Clock::unix_millis`].
    pub unix: i64,
    /// [`Clock::monotonic_millis`].
    pub monotonic: i64,
}

impl Reading {
    /// Reads both clocks.
    pub fn take(clock: &dyn Clock) -> Result<Self, ClockError> {
        Ok(Self { unix: clock.unix_millis()?, monotonic: clock.monotonic_millis()? })
    }
}

/// The distance from the phone's monotonic clock to the server's, once a reply has told it. Until then, from its wall
/// clock as it was when the app ran last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerTime {
    ahead_of_monotonic: Option<i64>,
    ahead_of_wall: i64,
}

impl ServerTime {
    /// Takes in the `now` of a reply, in seconds since 1970.
    pub fn observe(&mut self, now: i64, reading: Reading) {
        self.ahead_of_monotonic = Some(now.saturating_mul(1_000).saturating_sub(reading.monotonic));
    }

    /// Takes in how many seconds the server's clock was ahead of the phone's wall clock.
    pub const fn presume(&mut self, seconds_ahead: i64) {
        self.ahead_of_wall = seconds_ahead.saturating_mul(1_000);
    }

    /// Whether a reply has been seen since the app started.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.ahead_of_monotonic.is_some()
    }

    /// The server's time in seconds since 1970; by the phone's own clock where no reply has told.
    #[must_use]
    pub fn at(&self, reading: Reading) -> i64 {
        let by_wall = reading.unix.saturating_add(self.ahead_of_wall);
        let millis = self.ahead_of_monotonic.map_or(by_wall, |ahead| reading.monotonic.saturating_add(ahead));
        millis.div_euclid(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_reply_the_phones_clock_counts() {
        let time = ServerTime::default();
        assert!(!time.is_known());
        assert_eq!(time.at(Reading { unix: 5_999, monotonic: 1 }), 5);
    }

    #[test]
    fn before_the_first_reply_a_clock_that_was_wrong_is_still_as_wrong() {
        let mut time = ServerTime::default();
        time.presume(-100);
        assert_eq!(time.at(Reading { unix: 500_000, monotonic: 1 }), 400);
        time.observe(7, Reading { unix: 500_000, monotonic: 0 });
        assert_eq!(time.at(Reading { unix: 500_000, monotonic: 1_000 }), 8);
    }

    #[test]
    fn after_a_reply_a_wrong_or_moved_clock_changes_nothing() {
        let mut time = ServerTime::default();
        time.observe(1_000, Reading { unix: 7, monotonic: 50_000 });
        assert_eq!(time.at(Reading { unix: -3_600_000, monotonic: 61_000 }), 1_011);
    }

    #[test]
    fn an_absurd_server_time_does_not_overflow() {
        let mut time = ServerTime::default();
        time.observe(i64::MAX, Reading { unix: 0, monotonic: -5 });
        assert!(time.at(Reading { unix: 0, monotonic: i64::MAX }) > 0);
    }
}
