//! How often something may be done in a minute that costs us calls and room, whoever asks for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;

/// Counts for the minute that is under way, one for each key, in this process's memory.
pub(in crate::flow) struct Rate<K = ()>(Mutex<(i64, HashMap<K, u32>)>);

impl<K> Default for Rate<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Rate<K> {
    /// Whether it may be done once more at `now`, where `most` times a minute are allowed; if so, it counts.
    pub(super) fn take(&self, key: K, now: Timestamp, most: u32) -> bool {
        let minute = now.unix_seconds().div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.0 != minute {
            *counts = (minute, HashMap::new());
        }
        let count = counts.1.entry(key).or_default();
        let may = *count < most;
        *count += u32::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_times_a_minute_and_the_next_minute_as_many_again() {
        let (rate, at) = (Rate::default(), Timestamp::from_unix_seconds);
        assert!(rate.take((), at(0), 2) && rate.take((), at(59), 2));
        assert!(!rate.take((), at(59), 2));
        assert!(rate.take((), at(60), 2) && rate.take((), at(60), 2) && !rate.take((), at(61), 2));
    }

    #[test]
    fn each_key_has_a_count_of_its_own() {
        let (rate, at) = (Rate::default(), Timestamp::from_unix_seconds(0));
        assert!(rate.take('a', at, 1) && rate.take('b', at, 1) && !rate.take('a', at, 1));
    }
}
