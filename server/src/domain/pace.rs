//! How often a client may poll (CIBA §7.3, §11): the interval, and `slow_down`, which lengthens it by five seconds for
//! good. Lives in process memory only; with several processes the effective interval may be looser, never stricter.

use super::time::Timestamp;

/// What `slow_down` adds to the interval (RFC 8628 §3.5), in seconds.
pub const SLOW_DOWN_SECONDS: u32 = 5;

/// A poll this much early still counts as on time: the network may hold one request longer than the next.
const GRACE_MILLIS: i64 = 250;

/// One request's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Seconds wanted between polls now.
    pub interval: u32,
    last_poll: Option<Timestamp>,
}

/// How a poll of a pending request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `authorization_pending`
    Pending,
    /// `slow_down`
    SlowDown,
}

impl Pace {
    /// Before the first poll, which is never too early.
    #[must_use]
    pub const fn new(interval: u32) -> Self {
        Self { interval, last_poll: None }
    }

    /// Judges a poll at `now`, measured from the poll before it.
    #[must_use]
    pub fn poll(self, now: Timestamp) -> (Self, Verdict) {
        let early =
            self.last_poll.is_some_and(|last| now.plus_millis(GRACE_MILLIS) < last.plus_seconds(self.interval.into()));
        let interval = if early { self.interval + SLOW_DOWN_SECONDS } else { self.interval };
        let verdict = if early { Verdict::SlowDown } else { Verdict::Pending };
        (Self { interval, last_poll: Some(now) }, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    #[test]
    fn the_first_poll_is_never_too_early() {
        assert_eq!(Pace::new(5).poll(at(0)).1, Verdict::Pending);
    }

    #[test]
    fn a_client_that_keeps_the_interval_is_never_slowed_down() {
        let (pace, _) = Pace::new(5).poll(at(0));
        let (pace, second) = pace.poll(at(5_000));
        let (_, third) = pace.poll(at(9_800));
        assert_eq!((second, third), (Verdict::Pending, Verdict::Pending));
    }

    #[test]
    fn each_early_poll_adds_five_seconds_and_they_stay() {
        let (pace, _) = Pace::new(5).poll(at(0));
        let (pace, verdict) = pace.poll(at(1_000));
        assert_eq!((pace.interval, verdict), (10, Verdict::SlowDown));
        let (pace, verdict) = pace.poll(at(7_000));
        assert_eq!((pace.interval, verdict), (15, Verdict::SlowDown));
        let (pace, verdict) = pace.poll(at(22_000));
        assert_eq!((pace.interval, verdict), (15, Verdict::Pending));
    }
}
