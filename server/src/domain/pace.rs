//! How often a client may poll (CIBA §7.3, §11): the interval, and `slow_down`, which lengthens it by five seconds for
//! good. Lives in process memory only; with several processes the effective interval may be looser, never stricter.

use super::time::Timestamp;

/// What `slow_down` adds to the interval (RFC 8628 §3.5), in seconds.
pub const SLOW_DOWN_SECONDS: u32 = 5;

/// A poll this much early still counts as on time: the network may hold one request longer than the next.
const GRACE_MILLIS: i64 = 250;

/// After so many early polls of one request its client is told to stop (CIBA §11). By then it should wait for more than
/// two minutes, and a client that heeded any `slow_down` never comes here.
const MOST_EARLY: u32 = 30;

/// One request's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    interval: u32,
    early: u32,
    last_poll: Option<Timestamp>,
}

/// How a poll of a pending request is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the first, and never too early.
    First,
    /// It kept the interval.
    OnTime,
    /// It came too early; the interval now wanted, in seconds.
    SlowDown(u32),
    /// It came too early too often; until there is an outcome, nothing else is said any more.
    TooOften,
}

impl Pace {
    /// Before the first poll.
    #[must_use]
    pub const fn new(interval: u32) -> Self {
        Self { interval, early: 0, last_poll: None }
    }

    /// As if there had been a poll at this time: the first one, too, may be too early (REQUIREMENTS Q8).
    #[must_use]
    pub const fn running_since(interval: u32, at: Timestamp) -> Self {
        Self { interval, early: 0, last_poll: Some(at) }
    }

    /// Judges a poll at `now`, measured from the sending of the poll before it.
    #[must_use]
    pub fn poll(self, now: Timestamp) -> (Self, Verdict) {
        let next = Self { last_poll: Some(now), ..self };
        let Some(last) = self.last_poll else { return (next, Verdict::First) };
        if self.early >= MOST_EARLY {
            return (next, Verdict::TooOften);
        }
        if now.plus_millis(GRACE_MILLIS) >= last.plus_seconds(self.interval.into()) {
            return (next, Verdict::OnTime);
        }
        let interval = self.interval + SLOW_DOWN_SECONDS;
        (Self { interval, early: self.early + 1, ..next }, Verdict::SlowDown(interval))
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
        assert_eq!(Pace::new(5).poll(at(0)).1, Verdict::First);
    }

    #[test]
    fn a_client_that_keeps_the_interval_is_never_slowed_down() {
        let (pace, _) = Pace::new(5).poll(at(0));
        let (pace, second) = pace.poll(at(5_000));
        let (_, third) = pace.poll(at(9_800));
        assert_eq!((second, third), (Verdict::OnTime, Verdict::OnTime));
    }

    #[test]
    fn each_early_poll_adds_five_seconds_and_they_stay() {
        let (pace, _) = Pace::new(5).poll(at(0));
        let (pace, verdict) = pace.poll(at(1_000));
        assert_eq!(verdict, Verdict::SlowDown(10));
        let (pace, verdict) = pace.poll(at(7_000));
        assert_eq!(verdict, Verdict::SlowDown(15));
        let (pace, verdict) = pace.poll(at(22_000));
        assert_eq!(verdict, Verdict::OnTime);
        assert_eq!(pace.poll(at(36_000)).1, Verdict::SlowDown(20));
    }

    #[test]
    fn a_client_that_heeds_nothing_is_told_to_stop_and_nothing_else_any_more() {
        let (mut pace, mut verdicts) = (Pace::new(5), Vec::new());
        for second in 0..40 {
            let (next, verdict) = pace.poll(at(second * 1_000));
            pace = next;
            verdicts.push(verdict);
        }
        assert_eq!(verdicts[0], Verdict::First);
        assert!(verdicts[1..=30].iter().all(|verdict| matches!(verdict, Verdict::SlowDown(_))));
        assert!(verdicts[31..].iter().all(|verdict| *verdict == Verdict::TooOften));
        assert_eq!(pace.poll(at(10_000_000)).1, Verdict::TooOften);
    }
}
