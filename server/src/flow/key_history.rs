//! What becomes of signing keys stands in the audit trail, whoever brought it about: the schedule, `assent keys rotate`, a
//! process that shares the key file. Each event is told once, by whichever process sees it first.

use protocol::Digest;

use super::provider::{Provider, Recorded as _};
use crate::domain::audit::What;
use crate::domain::time::Timestamp;
use crate::keys::{Listed, Phase, Withdrawn};
use crate::store::{CommitError, MarkKey, StoreError};

/// For how many days it is remembered that an event was told: longer than keys live and trails are kept.
const REMEMBERED_DAYS: i64 = 3_650;

/// Tells what was not told yet of these keys; how many events that was.
pub async fn tell(provider: &Provider, keys: &[Listed], withdrawn: &[Withdrawn]) -> Result<usize, StoreError> {
    let now = provider.now();
    let mut told = 0;
    for what in keys.iter().flat_map(events_of).chain(withdrawn.iter().map(withdrawal)) {
        told += usize::from(tell_once(provider, what, now).await?);
    }
    Ok(told)
}

fn events_of(key: &Listed) -> impl Iterator<Item = What> {
    let Listed { algorithm, ref kid, ref phase, .. } = *key;
    let signs = match phase {
        Phase::Next(_) => false,
        Phase::Signing(_) | Phase::Published(_) | Phase::Known(_) => true,
    };
    let created = What::SigningKeyCreated { algorithm, kid: kid.clone() };
    let signs = signs.then(|| What::SigningKeySigns { algorithm, kid: kid.clone() });
    std::iter::once(created).chain(signs)
}

fn withdrawal(Withdrawn { algorithm, kid, .. }: &Withdrawn) -> What {
    What::SigningKeyWithdrawn { algorithm: *algorithm, kid: kid.clone() }
}

async fn tell_once(provider: &Provider, what: What, now: Timestamp) -> Result<bool, StoreError> {
    let event = serde_json::to_vec(&what).expect("an event is JSON");
    let mark = MarkKey::Told(Digest::labelled("assent-key-event", &[&event]));
    if provider.store.mark(provider.id(), &mark).await?.is_some() {
        return Ok(false);
    }
    let until = now.plus_seconds(REMEMBERED_DAYS * 86_400);
    let change = provider.change().mark(mark, Digest::of(&event), until).recording(provider, now, what);
    match provider.store.commit(change).await {
        Ok(()) => Ok(true),
        Err(CommitError::Replayed(..)) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
        Err(other) => Err(StoreError::Unavailable(other.to_string())),
    }
}
