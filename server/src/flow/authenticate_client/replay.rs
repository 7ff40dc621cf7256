//! Assertions that were used, as far as this process remembers. That is all there is for calls that change nothing; every
//! change also carries a mark into the store, where all processes see it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use protocol::Digest;

use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;

/// More assertions than this are not remembered, about 30 MB; then those that end first are forgotten first, since they
/// are of use for the shortest time.
const MOST: usize = 200_000;

/// Assertions that were used and have not ended.
#[derive(Default)]
pub struct Assertions(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    names: HashSet<Digest>,
    by_end: BTreeSet<(Timestamp, Digest)>,
}

impl Assertions {
    /// Whether nobody has used it before; from here on somebody has.
    pub(in crate::flow) fn first_time(&self, client: &ClientId, jti: &Digest, end: Timestamp, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_ended(now);
        let name = Digest::labelled("assent-seen", &[client.as_str().as_bytes(), jti.as_bytes()]);
        if !seen.names.insert(name) {
            return false;
        }
        seen.by_end.insert((end, name));
        if seen.names.len() > MOST {
            seen.forget_first();
        }
        true
    }

    /// Forgets those that have ended.
    pub(in crate::flow) fn sweep(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forget_ended(now);
    }
}

impl Seen {
    fn forget_ended(&mut self, now: Timestamp) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, name)) = self.by_end.pop_first() {
            self.names.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    fn is_new(assertions: &Assertions, client: &str, jti: u32, end: i64, now: i64) -> bool {
        assertions.first_time(&ClientId::new(client), &Digest::of(&jti.to_be_bytes()), at(end), at(now))
    }

    #[test]
    fn an_assertion_is_new_once_for_each_client_until_it_ends() {
        let assertions = Assertions::default();
        assert!(is_new(&assertions, "shop", 1, 60, 0));
        assert!(!is_new(&assertions, "shop", 1, 60, 59));
        assert!(is_new(&assertions, "bank", 1, 60, 59));
        assert!(is_new(&assertions, "shop", 2, 60, 59));
        assert!(is_new(&assertions, "shop", 1, 120, 60), "its time is over: the claims refuse it");
    }

    #[test]
    fn a_full_memory_forgets_what_ends_first() {
        let assertions = Assertions::default();
        assert!(is_new(&assertions, "shop", 0, 10, 0));
        for jti in 1..=u32::try_from(MOST).expect("small") {
            assert!(is_new(&assertions, "shop", jti, 60, 0));
        }
        assert!(!is_new(&assertions, "shop", 1, 60, 0));
        assert!(is_new(&assertions, "shop", 0, 10, 0), "the one that ends first was forgotten");
    }

    #[test]
    fn nothing_is_left_of_what_ended() {
        let assertions = Assertions::default();
        assert!(is_new(&assertions, "shop", 1, 60, 0));
        assertions.sweep(at(60));
        let seen = assertions.0.lock().unwrap();
        assert!(seen.names.is_empty() && seen.by_end.is_empty());
    }
}
