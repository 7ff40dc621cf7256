//! Points in time and the clock they come from. The server reads time only through [`Clock`], so that a test moves it by hand.

use serde::{Deserialize, Serialize};

const MILLIS_PER_SECOND: i64 = 1_000;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time that many milliseconds after the epoch.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The time that many seconds after the epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: what JOSE and OAuth carry (RFC 7519 §2, `NumericDate`).
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(MILLIS_PER_SECOND)
    }

    /// This time moved by so many seconds; negative moves back. Stops at the ends of the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// This time moved by so many milliseconds; negative moves back. Stops at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Where `now` comes from.
pub trait Clock: Send + Sync {
    /// The time at this moment.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still.
impl Clock for Timestamp {
    fn now(&self) -> Timestamp {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_on_both_sides_of_the_epoch() {
        assert_eq!(Timestamp::from_unix_millis(1_999).unix_seconds(), 1);
        assert_eq!(Timestamp::from_unix_millis(-1).unix_seconds(), -1);
    }

    #[test]
    fn moving_past_the_end_of_the_range_stops_there() {
        let end = Timestamp::from_unix_seconds(i64::MAX);
        assert_eq!(end.plus_seconds(i64::MAX), end);
        assert!(Timestamp::from_unix_seconds(0).plus_seconds(i64::MIN) < Timestamp::from_unix_seconds(0));
    }

    #[test]
    fn a_timestamp_is_a_bare_number_in_json() {
        let written = serde_json::to_string(&Timestamp::from_unix_seconds(2)).expect("a number");
        assert_eq!(written, "2000");
        assert_eq!(serde_json::from_str::<Timestamp>("2000").expect("a number"), Timestamp::from_unix_seconds(2));
    }
}
