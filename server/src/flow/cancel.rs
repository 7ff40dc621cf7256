//! A client withdraws its own request, because its customer hung up or paid otherwise. What awaits an answer on the
//! user's phones is gone at once.

use protocol::DeviceId;
use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, OtherMethod, Replayed};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::{deliver, notify};
use crate::domain::audit::What;
use crate::domain::authentication_request::{AuthenticationRequest, CancelledBy, Event, Refusal, Transition};
use crate::domain::names::RequestKey;
use crate::domain::time::Timestamp;
use crate::store::Versioned;

/// Why a request was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// No such request for this client.
    #[error("no such request for this client")]
    InvalidGrant,
    /// It was concluded before.
    #[error("the request was concluded: {0}")]
    Concluded(Refusal),
    /// The request was begun by another method than the client's present one.
    #[error(transparent)]
    OtherMethod(#[from] OtherMethod),
    /// The client's assertion was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Withdraws a request. One that is withdrawn already stays so.
pub async fn cancel(provider: &Provider, caller: &Caller, auth_req_id: &str) -> Result<(), Reason> {
    let key = RequestKey::of(auth_req_id);
    let phones = until_decided(|| attempt(provider, caller, &key)).await?;
    for phone in &phones {
        provider.wake.phone(phone);
    }
    Ok(())
}

/// The phones that were asked.
async fn attempt(provider: &Provider, caller: &Caller, key: &RequestKey) -> Result<Attempt<Vec<DeviceId>>, Reason> {
    let now = provider.now();
    let Versioned { version, record } = find(provider, caller, key, now).await?;
    let phones = record.prompts.iter().map(|(phone, _)| *phone).collect();
    let cancelled = record.clone().apply(Event::Cancel(CancelledBy::Client), now).map_err(Reason::Concluded)?;
    let Transition::Changed(cancelled, notice) = cancelled else { return Ok(Attempt::Done(phones)) };
    let (change, told) = notify::tell(provider, caller.change(provider), &record, notice, now);
    let change = deliver::from_the_others(provider, change, &record, None, now).await?;
    let what = What::RequestCancelled { request: *key, client: caller.client.id.clone() };
    let change = change.replace(version, *cancelled).recording(provider, now, what);
    let committed = caller.commit(provider, change).await?;
    if committed.is_ok() {
        told.send(provider);
        provider.wake.outbox();
        info!(request = %key, client = %caller.client.id, "request cancelled by its client");
    }
    Ok(Attempt::after(committed, phones))
}

async fn find(
    provider: &Provider,
    caller: &Caller,
    key: &RequestKey,
    now: Timestamp,
) -> Result<Versioned<AuthenticationRequest>, Reason> {
    let found = provider.store.request(provider.id(), key).await.map_err(Unavailable::from)?;
    let is_its_own = |found: &Versioned<AuthenticationRequest>| {
        found.record.client == caller.client.id && now < found.record.keep_until
    };
    let found = found.filter(is_its_own).ok_or(Reason::InvalidGrant)?;
    caller.began(&found.record)?;
    Ok(found)
}
