//! A few points in time, oldest first. Written as the first one and the milliseconds from each to the next, which is half as long.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// What lies further ahead was counted before the clock was set back; less may be another node's clock.
const SKEW_MILLIS: i64 = 60_000;

/// When something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<i64>", into = "Vec<i64>")]
pub struct Times(Vec<Timestamp>);

impl Times {
    /// Never.
    pub const NONE: Self = Self(Vec::new());

    /// Whether it never happened.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// When it last did.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.0.last().copied()
    }

    /// How often since, that instant not included.
    #[must_use]
    pub fn after(&self, since: Timestamp) -> usize {
        self.0.iter().rev().take_while(|at| **at > since).count()
    }

    /// Forgets what came up to `since`, and what cannot have been yet.
    pub fn keep_after(&mut self, since: Timestamp, now: Timestamp) {
        let latest = now.plus_millis(SKEW_MILLIS);
        self.0.retain(|at| *at > since && *at <= latest);
    }

    /// Once more; of more than `most` the oldest are forgotten.
    pub fn add(&mut self, at: Timestamp, most: usize) {
        let place = self.0.partition_point(|other| *other <= at);
        self.0.insert(place, at);
        self.0.drain(..self.0.len().saturating_sub(most));
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Vec<i64>> for Times {
    fn from(steps: Vec<i64>) -> Self {
        let mut at = 0_i64;
        let mut times: Vec<_> = steps
            .into_iter()
            .map(|step| {
                at = at.saturating_add(step);
                Timestamp::from_unix_millis(at)
            })
            .collect();
        times.sort_unstable();
        Self(times)
    }
}

impl From<Times> for Vec<i64> {
    fn from(times: Times) -> Self {
        let mut before = 0;
        let step = |at: Timestamp| {
            let step = at.unix_millis() - before;
            before = at.unix_millis();
            step
        };
        times.0.into_iter().map(step).collect()
    }
}
