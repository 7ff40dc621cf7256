//! What is refused again and again is told once: the first of a kind in a minute has its audit event, so that whoever
//! keeps trying fills neither the trail nor the disk. Each refusal stands in the log.
//!
//! Kept in this process: with several, each tells its own first one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Unavailable;
use super::provider::{Provider, Recorded as _};
use crate::domain::attention::Limit;
use crate::domain::audit::{Point, What};
use crate::domain::names::{ClientId, Subject};
use crate::domain::time::Timestamp;

/// Seconds for which the same is not told again.
const QUIET: i64 = 60;

/// More kinds than this are not remembered: then nothing is told again before the minute is over.
const MOST: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Limit(Limit),
    Locked(Point),
}

/// What was told of late, and when.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<(Subject, ClientId, Kind), Timestamp>>);

impl Refusals {
    fn is_new(&self, subject: &Subject, client: &ClientId, kind: Kind, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (subject.clone(), client.clone(), kind);
        // A clock that was set back tells once more.
        let is_recent = |at: Timestamp| at > now.plus_seconds(-QUIET) && at <= now;
        if told.get(&key).is_some_and(|at| is_recent(*at)) || told.len() >= MOST {
            return false;
        }
        told.insert(key, now);
        true
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| *at > now.plus_seconds(-QUIET) && *at <= now);
    }
}

/// A client was kept from a user.
pub(super) async fn refused(
    provider: &Provider,
    client: &ClientId,
    subject: &Subject,
    limit: Limit,
) -> Result<(), Unavailable> {
    tracing::warn!(%client, %subject, ?limit, "a prompt was refused");
    let what = What::PromptRefused { client: client.clone(), subject: subject.clone(), limit };
    tell(provider, client, subject, Kind::Limit(limit), what).await
}

/// Something was not done because the user is locked or disabled.
pub(super) async fn locked(
    provider: &Provider,
    client: &ClientId,
    subject: &Subject,
    point: Point,
) -> Result<(), Unavailable> {
    tracing::warn!(%client, %subject, ?point, "the user may not sign in");
    let what = What::LockedUserRefused { subject: subject.clone(), client: client.clone(), point };
    tell(provider, client, subject, Kind::Locked(point), what).await
}

async fn tell(
    provider: &Provider,
    client: &ClientId,
    subject: &Subject,
    kind: Kind,
    what: What,
) -> Result<(), Unavailable> {
    let now = provider.now();
    if !provider.refusals.is_new(subject, client, kind, now) {
        return Ok(());
    }
    Ok(provider.store.commit(provider.change().recording(provider, now, what)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_told_again_after_a_minute_and_something_else_at_once() {
        let told = Refusals::default();
        let (alice, shop) = (Subject::new("1001"), ClientId::new("shop"));
        let at = Timestamp::from_unix_seconds;
        let pending = Kind::Limit(Limit::Pending);
        assert!(told.is_new(&alice, &shop, pending, at(100)));
        assert!(!told.is_new(&alice, &shop, pending, at(159)));
        assert!(told.is_new(&alice, &shop, Kind::Limit(Limit::PerHour), at(159)));
        assert!(told.is_new(&Subject::new("1002"), &shop, pending, at(159)));
        assert!(told.is_new(&alice, &shop, pending, at(160)));
        told.sweep(at(220));
        assert!(told.0.lock().expect("it is free").is_empty());
    }
}
