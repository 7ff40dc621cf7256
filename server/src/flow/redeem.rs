//! A client collects: the token request of poll mode (CIBA §10.1), answered once with tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, OtherMethod, Replayed};
use super::mint::{self, Approved, Tokens, mint};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::audit::What;
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, CancelledBy, Event, Refusal, State, Transition,
};
use crate::domain::delivery::DeliveryMode;
use crate::domain::names::RequestKey;
use crate::domain::pace::{Pace, Verdict};
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;
use crate::store::Versioned;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The client may not use this grant, or is sent its tokens.
    #[error("this client may not use this grant here")]
    UnauthorizedClient,
    /// No such request for this client, or its tokens were issued already.
    #[error("no such request for this client")]
    InvalidGrant,
    /// Nobody answered yet.
    #[error("the user has not answered yet")]
    Pending,
    /// Polled too early; the interval now wanted, in seconds.
    #[error("polled too early")]
    SlowDown(u32),
    /// The user or an operator said no.
    #[error("the request was not granted")]
    AccessDenied,
    /// The client itself withdrew it.
    #[error("the client cancelled the request")]
    CancelledByClient,
    /// Its life is over.
    #[error("the request has expired")]
    Expired,
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

impl From<mint::Reason> for Reason {
    fn from(reason: mint::Reason) -> Self {
        match reason {
            mint::Reason::AcrNotReached => Self::AccessDenied,
            mint::Reason::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

/// The pace of every request that was polled, in memory only, forgotten with the request.
#[derive(Default)]
pub struct Paces(Mutex<HashMap<RequestKey, (Pace, Timestamp)>>);

/// More paces than this are not kept; the oldest requests' are dropped, which only loosens their interval.
const MOST_PACES: usize = 1_000_000;

impl Paces {
    fn poll(&self, request: &AuthenticationRequest, now: Timestamp) -> (u32, Verdict) {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MOST_PACES {
            paces.clear();
        }
        let entry = paces.entry(request.key).or_insert((Pace::new(request.interval), request.expires_at));
        let (pace, verdict) = entry.0.poll(now);
        entry.0 = pace;
        (pace.interval, verdict)
    }

    fn forget(&self, request: &RequestKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(request);
    }

    /// Drops the paces of requests whose life is over.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (_, expires_at)| *expires_at > now);
    }
}

/// Answers a token request for `auth_req_id` by an authenticated client.
pub async fn redeem(provider: &Provider, caller: &Caller, auth_req_id: &str) -> Result<Tokens, Reason> {
    let client = &caller.client;
    if !client.ciba || client.delivery == DeliveryMode::Push {
        return Err(Reason::UnauthorizedClient);
    }
    let key = RequestKey::of(auth_req_id);
    let tokens = until_decided(|| attempt(provider, caller, auth_req_id, &key)).await?;
    provider.paces.forget(&key);
    info!(request = %key, client = %client.id, "request redeemed");
    Ok(tokens)
}

async fn attempt(
    provider: &Provider,
    caller: &Caller,
    auth_req_id: &str,
    key: &RequestKey,
) -> Result<Attempt<Tokens>, Reason> {
    let now = provider.now();
    let Versioned { version, record: request } = find(provider, caller, key, now).await?;
    let redeemed = match request.clone().apply(Event::Redeem, now) {
        Ok(Transition::Changed(redeemed, _)) => redeemed,
        Ok(Transition::Unchanged) => return Err(Reason::InvalidGrant),
        Err(refusal) => return Err(refused(provider, &request, refusal, now)),
    };
    let State::Redeemed { approval, .. } = &redeemed.state else {
        return Err(Reason::InvalidGrant);
    };
    judge_again(provider, &request, approval).await?;
    let certificate = caller.binding();
    let approved = Approved { client: &caller.client, request: &request, approval, auth_req_id, certificate };
    let what = What::RequestRedeemed { request: *key, client: caller.client.id.clone() };
    let (change, tokens) = mint(provider, &approved, now)?.stored_by(caller.change(provider));
    let change = change.replace(version, *redeemed).recording(provider, now, what);
    Ok(Attempt::after(caller.commit(provider, change).await?, tokens))
}

async fn find(
    provider: &Provider,
    caller: &Caller,
    key: &RequestKey,
    now: Timestamp,
) -> Result<Versioned<AuthenticationRequest>, Reason> {
    let found = provider.store.request(provider.id(), key).await.map_err(Unavailable::from)?;
    // A stranger learns nothing, and the owner's request is not touched.
    let request = found.filter(|found| found.record.client == caller.client.id).ok_or(Reason::InvalidGrant)?;
    if now >= request.record.keep_until {
        return Err(Reason::InvalidGrant);
    }
    caller.began(&request.record)?;
    Ok(request)
}

/// Final states first, then the pace: `slow_down` is never said once there is a result.
fn refused(provider: &Provider, request: &AuthenticationRequest, refusal: Refusal, now: Timestamp) -> Reason {
    match refusal {
        Refusal::StillPending => match provider.paces.poll(request, now) {
            (_, Verdict::Pending) => Reason::Pending,
            (interval, Verdict::SlowDown) => Reason::SlowDown(interval),
        },
        Refusal::Expired | Refusal::NotExpired => Reason::Expired,
        Refusal::Cancelled if request.state == State::Cancelled { by: CancelledBy::Client } => {
            Reason::CancelledByClient
        }
        Refusal::AlreadyDenied | Refusal::Cancelled | Refusal::Failed => Reason::AccessDenied,
        Refusal::AlreadyApproved | Refusal::AlreadyRedeemed => Reason::InvalidGrant,
    }
}

/// The user may have been locked and the phone revoked since the approval.
async fn judge_again(provider: &Provider, request: &AuthenticationRequest, approval: &Approval) -> Result<(), Reason> {
    let user = provider.store.user(provider.id(), &request.subject).await.map_err(Unavailable::from)?;
    if user.is_none_or(|user| user.record.status != UserStatus::Active) {
        return Err(Reason::AccessDenied);
    }
    let device = provider.store.device(provider.id(), &approval.device).await.map_err(Unavailable::from)?;
    // A revoked phone was lost or lied: what it approved and nobody redeemed yet is just what revoking must stop.
    if device.is_some_and(|device| device.record.is_active()) { Ok(()) } else { Err(Reason::AccessDenied) }
}
