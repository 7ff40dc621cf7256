//! The pace of every request that was polled: in this process's memory, forgotten with the request. In shards, so that
//! neither a poll nor the sweep waits for all of them.

use std::array;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::names::RequestKey;
use crate::domain::pace::{Pace, Verdict};
use crate::domain::time::Timestamp;

const SHARDS: usize = 64;

/// More paces than so many in a shard, about a million in all, are not kept: that shard's are dropped, which only loosens
/// their interval.
const MOST: usize = 16 * 1024;

/// So many shards are looked through by one sweep: all of them within 40 seconds.
const SWEPT: usize = 8;

/// What a pace is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Polled {
    pub(super) request: RequestKey,
    /// Seconds between polls, before any `slow_down`.
    pub(super) interval: u32,
    /// Since when the interval counts; without, from the first poll.
    pub(super) since: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

type Shard = HashMap<RequestKey, (Pace, Timestamp)>;

pub(super) struct Paces {
    shards: [Mutex<Shard>; SHARDS],
    swept: AtomicUsize,
}

impl Default for Paces {
    fn default() -> Self {
        Self { shards: array::from_fn(|_| Mutex::default()), swept: AtomicUsize::new(0) }
    }
}

impl Paces {
    /// Judges a poll of a pending request.
    pub(super) fn poll(&self, polled: &Polled, now: Timestamp) -> Verdict {
        let mut shard = self.shard(&polled.request);
        if shard.len() >= MOST && !shard.contains_key(&polled.request) {
            shard.clear();
        }
        let Polled { interval, since, expires_at, .. } = *polled;
        let begun = || since.map_or(Pace::new(interval), |since| Pace::running_since(interval, since));
        let entry = shard.entry(polled.request).or_insert_with(|| (begun(), expires_at));
        let (pace, verdict) = entry.0.poll(now);
        entry.0 = pace;
        verdict
    }

    pub(super) fn forget(&self, request: &RequestKey) {
        self.shard(request).remove(request);
    }

    /// Drops paces of requests whose life is over, in some of the shards.
    pub(super) fn sweep(&self, now: Timestamp) {
        for _ in 0..SWEPT {
            let next = self.swept.fetch_add(1, Ordering::Relaxed) % SHARDS;
            lock(&self.shards[next]).retain(|_, (_, expires_at)| *expires_at > now);
        }
    }

    fn shard(&self, request: &RequestKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(request.digest().as_bytes()[0]) % SHARDS])
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    fn polled(number: i64) -> Polled {
        Polled { request: RequestKey::of(&number.to_string()), interval: 5, since: None, expires_at: at(number) }
    }

    fn kept(paces: &Paces) -> usize {
        paces.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    #[test]
    fn a_pace_is_remembered_until_it_is_forgotten_and_then_begins_anew() {
        let paces = Paces::default();
        assert_eq!(paces.poll(&polled(60), at(0)), Verdict::First);
        assert_eq!(paces.poll(&polled(60), at(1)), Verdict::SlowDown(10));
        paces.forget(&polled(60).request);
        assert_eq!(paces.poll(&polled(60), at(2)), Verdict::First);
    }

    #[test]
    fn eight_sweeps_drop_all_whose_life_is_over_and_no_other() {
        let paces = Paces::default();
        for number in 1..=1000 {
            paces.poll(&polled(number), at(0));
        }
        for _ in 0..SHARDS / SWEPT {
            paces.sweep(at(600));
        }
        assert_eq!(kept(&paces), 400);
        assert_eq!(paces.poll(&polled(601), at(600)), Verdict::OnTime);
    }
}
