//! Whether a client may put a prompt before a user, and what that takes of their attention (device protocol, "Limits").
//!
//! What is taken is committed together with the request, at the version it was judged on: of any number of requests at
//! the same time, on any number of nodes, exactly as many pass as may.

use super::Unavailable;
use super::begin::Reason;
use super::provider::{Provider, Recorded as _};
use super::refusals;
use crate::domain::attention::{Account, Attention, AttentionKey, Counted, Loudness, Wish};
use crate::domain::audit::What;
use crate::domain::authentication_request::{AuthenticationRequest, State};
use crate::domain::names::{ClientId, RequestKey, Subject};
use crate::domain::time::Timestamp;
use crate::store::{Change, Versioned};

/// A user's account with one client, at the versions it was read at.
struct Read {
    account: Account,
    own: Option<u64>,
    apart: Option<u64>,
}

impl Read {
    async fn of(provider: &Provider, subject: &Subject, client: &Counted, now: Timestamp) -> Result<Self, Unavailable> {
        let look_up = async |apart| {
            let found = provider.store.attention(provider.id(), &AttentionKey::of(subject, apart)).await?;
            Ok::<_, Unavailable>(
                found.map_or((None, None), |Versioned { version, record }| (Some(version), Some(record))),
            )
        };
        let (own, record) = look_up(None).await?;
        let record = record.unwrap_or_else(|| Attention::of(subject.clone(), None));
        let (apart, share) =
            if record.may_stand_apart(client, now) { look_up(Some(client)).await? } else { (None, None) };
        Ok(Self { account: Account { own: record, apart: share }, own, apart })
    }

    fn stored_by(self, change: Change) -> Change {
        let change = put(change, self.own, self.account.own);
        match self.account.apart {
            Some(apart) => put(change, self.apart, apart),
            None => change,
        }
    }
}

fn put(change: Change, version: Option<u64>, record: Attention) -> Change {
    match version {
        Some(version) => change.replace(version, record),
        None => change.create(record),
    }
}

/// What a new request takes.
pub(super) struct Taken {
    read: Option<Read>,
    subject: Subject,
    loudness: Loudness,
}

/// Judges a wish of a client that would disturb a user.
pub(super) async fn take(provider: &Provider, subject: &Subject, wish: &Wish<'_>) -> Result<Taken, Reason> {
    let (policy, client) = (provider.policy(), wish.client);
    let mut read = Read::of(provider, subject, wish.counted, wish.now).await?;
    let concluded = concluded(provider, read.account.open(wish, policy), wish.now).await?;
    match read.account.take(wish, &concluded, policy) {
        Ok(loudness) => {
            let read = policy.prompt_limits.then_some(read);
            Ok(Taken { read, subject: subject.clone(), loudness })
        }
        Err(limit) => {
            refusals::refused(provider, client, subject, limit).await?;
            Err(Reason::LimitReached)
        }
    }
}

async fn concluded(
    provider: &Provider,
    open: &[(RequestKey, Timestamp)],
    now: Timestamp,
) -> Result<Vec<RequestKey>, Unavailable> {
    let mut concluded = Vec::new();
    for (key, _) in open {
        let request = provider.store.request(provider.id(), key).await?;
        let is_pending = |request: &AuthenticationRequest| request.state == State::Pending && !request.has_expired(now);
        if !request.is_some_and(|request| is_pending(&request.record)) {
            concluded.push(*key);
        }
    }
    Ok(concluded)
}

impl Taken {
    /// Whether phones may be woken.
    pub(super) fn wakes(&self) -> bool {
        self.loudness == Loudness::Push
    }

    /// Adds what was taken to the change that accepts the request.
    pub(super) fn stored_by(self, change: Change, provider: &Provider, request: RequestKey, now: Timestamp) -> Change {
        let change = match self.loudness {
            Loudness::Push => change,
            Loudness::Quiet => change.recording(provider, now, What::PushWithheld { request, subject: self.subject }),
        };
        match self.read {
            Some(read) => read.stored_by(change),
            None => change,
        }
    }
}

/// Adds to the change that refuses `request` that its client was refused: the user said "not me" or "wrong details", or
/// typed a wrong match code. A prompt that was cancelled or left alone says nothing against its client.
pub(super) async fn refused(
    provider: &Provider,
    change: Change,
    request: &AuthenticationRequest,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let policy = provider.policy();
    if !policy.prompt_limits {
        return Ok(change);
    }
    let (client, subject) = (&request.client, &request.subject);
    let counted = counted(provider, client).await?;
    let mut read = Read::of(provider, subject, &counted, now).await?;
    let change = match read.account.refused(&counted, policy, now) {
        Some(until) => {
            let what = What::ClientCooledDown { client: client.clone(), subject: subject.clone(), until };
            change.recording(provider, now, what)
        }
        None => change,
    };
    Ok(read.stored_by(change))
}

/// Under what is counted what this client does; it may be removed by now.
async fn counted(provider: &Provider, client: &ClientId) -> Result<Counted, Unavailable> {
    let found = provider.store.client(provider.id(), client).await?;
    Ok(found.map_or_else(|| Counted::alone(client.clone()), |found| Counted::of(&found.record)))
}
