//! How often something may be done in a minute that anybody may ask for and that costs us calls and room.

use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;

/// A count for the minute that is under way, in this process's memory.
#[derive(Default)]
pub(in crate::flow) struct Rate(Mutex<(i64, u32)>);

impl Rate {
    /// Whether it may be done once more at `now`, where `most` times a minute are allowed; if so, it counts.
    pub(super) fn take(&self, now: Timestamp, most: u32) -> bool {
        let minute = now.unix_seconds().div_euclid(60);
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.0 != minute {
            *count = (minute, 0);
        }
        let may = count.1 < most;
        count.1 += u32::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_times_a_minute_and_the_next_minute_as_many_again() {
        let (rate, at) = (Rate::default(), Timestamp::from_unix_seconds);
        assert!(rate.take(at(0), 2) && rate.take(at(59), 2));
        assert!(!rate.take(at(59), 2));
        assert!(rate.take(at(60), 2) && rate.take(at(60), 2) && !rate.take(at(61), 2));
    }
}
