//! How much one service is asked at a time: no more than the operator lets it be, and nothing while it asks for a pause.
//! Kept in this process; with several processes the rate is higher by their number.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Fate;
use crate::domain::time::Timestamp;

/// More services than this are not remembered; then all are forgotten. Web Push has one for each maker of browsers.
const MOST_SERVICES: usize = 10_000;

/// A service may ask for a pause of so many seconds. Nothing that is pushed lives longer than an hour.
const LONGEST_PAUSE: u32 = 3_600;

/// What is known of the services that one channel calls.
pub(super) struct Pace {
    per_minute: u32,
    services: Mutex<HashMap<String, Service>>,
}

#[derive(Default)]
struct Service {
    /// Calls of the minute that began then.
    minute: i64,
    calls: u32,
    paused_until: Option<Timestamp>,
}

impl Pace {
    /// At most so many calls a minute to each service.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, services: Mutex::default() }
    }

    /// Counts one call to a service, or says what becomes of the push that may not be sent now.
    pub(super) fn admit(&self, service: &str, now: Timestamp) -> Result<(), Fate> {
        let later = |seconds: i64, cause| {
            Err(Fate::Later { retry_after_seconds: Some(u32::try_from(seconds).unwrap_or(1).max(1)), cause })
        };
        let minute = now.unix_seconds().div_euclid(60);
        self.with(service, |known| {
            if let Some(until) = known.paused_until.filter(|until| now < *until) {
                return later(until.unix_seconds() - now.unix_seconds(), "paused");
            }
            if known.minute != minute {
                (known.minute, known.calls, known.paused_until) = (minute, 0, None);
            }
            if known.calls >= self.per_minute {
                return later(60 - now.unix_seconds().rem_euclid(60), "paced");
            }
            known.calls += 1;
            Ok(())
        })
    }

    /// The service asked for a pause that concerns everybody.
    pub(super) fn pause(&self, service: &str, seconds: u32, now: Timestamp) {
        let until = now.plus_seconds(i64::from(seconds.min(LONGEST_PAUSE)));
        self.with(service, |known| known.paused_until = known.paused_until.max(Some(until)));
    }

    fn with<T>(&self, service: &str, change: impl FnOnce(&mut Service) -> T) -> T {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        if services.len() >= MOST_SERVICES && !services.contains_key(service) {
            services.clear();
        }
        change(services.entry(service.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn later(seconds: u32, cause: &'static str) -> Result<(), Fate> {
        Err(Fate::Later { retry_after_seconds: Some(seconds), cause })
    }

    #[test]
    fn a_minute_has_so_many_calls_and_the_next_as_many_again() {
        let pace = Pace::new(2);
        assert_eq!([pace.admit("a", NOW), pace.admit("a", NOW.plus_seconds(59))], [Ok(()), Ok(())]);
        assert_eq!(pace.admit("a", NOW.plus_seconds(59)), later(1, "paced"));
        assert_eq!(pace.admit("b", NOW), Ok(()), "another service has a minute of its own");
        assert_eq!(pace.admit("a", NOW.plus_seconds(60)), Ok(()));
    }

    #[test]
    fn a_pause_that_a_service_asks_for_is_everybodys_until_it_ends() {
        let pace = Pace::new(100);
        pace.pause("a", 17, NOW);
        pace.pause("a", 3, NOW);
        assert_eq!(pace.admit("a", NOW), later(17, "paused"));
        assert_eq!(pace.admit("a", NOW.plus_seconds(16)), later(1, "paused"));
        assert_eq!([pace.admit("a", NOW.plus_seconds(17)), pace.admit("b", NOW)], [Ok(()), Ok(())]);
    }

    #[test]
    fn no_pause_is_longer_than_an_hour() {
        let pace = Pace::new(100);
        pace.pause("a", u32::MAX, NOW);
        assert_eq!(pace.admit("a", NOW), later(3_600, "paused"));
        assert_eq!(pace.admit("a", NOW.plus_seconds(3_600)), Ok(()));
    }

    #[test]
    fn services_beyond_counting_are_all_forgotten() {
        let pace = Pace::new(1);
        for n in 0..=MOST_SERVICES {
            assert_eq!(pace.admit(&n.to_string(), NOW), Ok(()));
        }
        assert_eq!(pace.services.lock().expect("nobody panicked").len(), 1);
    }
}
