//! A client collects: the token request of poll mode (CIBA §10.1), answered once with tokens.

use protocol::digest::request_digest;
use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, OtherMethod, Replayed};
use super::hold::{self, Woken};
use super::mint::{self, Approved, Tokens, mint};
use super::narrow::{self, Granted, Wish};
use super::paces::Polled;
use super::provider::{Provider, Recorded as _};
use super::refusals;
use super::retry::{Attempt, until_decided};
use crate::domain::audit::{Point, What};
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, CancelledBy, Event, Refusal, State, Transition,
};
use crate::domain::delivery::DeliveryMode;
use crate::domain::names::RequestKey;
use crate::domain::pace::Verdict;
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
    /// Polled too early so often that the client must stop.
    #[error("polled too early too often")]
    TooOften,
    /// The user or an operator said no.
    #[error("the request was not granted")]
    AccessDenied,
    /// The client itself withdrew it.
    #[error("the client cancelled the request")]
    CancelledByClient,
    /// Its life is over.
    #[error("the request has expired")]
    Expired,
    /// More was asked for than was granted.
    #[error(transparent)]
    Narrowing(#[from] narrow::Reason),
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

/// Answers a token request for `auth_req_id` by an authenticated client. Of a client that registered `long_poll`, a poll
/// that kept the interval and found nobody's answer may be held until there is one.
pub async fn redeem(provider: &Provider, caller: &Caller, auth_req_id: &str, wish: &Wish) -> Result<Tokens, Reason> {
    if !caller.client.ciba || caller.client.delivery == DeliveryMode::Push {
        return Err(Reason::UnauthorizedClient);
    }
    let poll = Poll { provider, caller, auth_req_id, wish, key: RequestKey::of(auth_req_id) };
    let polled = match poll.look().await? {
        Found::Tokens(tokens) => return Ok(tokens),
        Found::Pending(polled) => polled,
    };
    // Only now the pace: `slow_down` is never said once there is a result.
    let now = provider.now();
    match provider.paces.poll(&polled, now) {
        Verdict::First => Err(Reason::Pending),
        Verdict::OnTime => match hold::until(provider, caller, polled.expires_at, now) {
            Some(until) => poll.hold(until).await,
            None => Err(Reason::Pending),
        },
        Verdict::SlowDown(interval) => Err(Reason::SlowDown(interval)),
        Verdict::TooOften => Err(Reason::TooOften),
    }
}

/// One token request.
struct Poll<'a> {
    provider: &'a Provider,
    caller: &'a Caller,
    auth_req_id: &'a str,
    wish: &'a Wish,
    key: RequestKey,
}

/// What it found.
enum Found {
    /// An approval, redeemed by this.
    Tokens(Tokens),
    /// Nobody's answer yet.
    Pending(Polled),
}

impl Poll<'_> {
    /// Looks at the request once, and redeems it if it is approved.
    async fn look(&self) -> Result<Found, Reason> {
        let found = until_decided(|| attempt(self)).await?;
        if let Found::Tokens(_) = found {
            self.provider.paces.forget(&self.key);
            info!(request = %self.key, client = %self.caller.client.id, "request redeemed");
        }
        Ok(found)
    }

    /// Waits for an answer until then.
    async fn hold(&self, until: Timestamp) -> Result<Tokens, Reason> {
        let mut seat = self.provider.held.seat(self.key, until).ok_or(Reason::Pending)?;
        // It may have come between the first look and the seat.
        if let Found::Tokens(tokens) = self.look().await? {
            return Ok(tokens);
        }
        if seat.woken().await == Woken::Replaced {
            return Err(Reason::Pending);
        }
        match self.look().await? {
            Found::Tokens(tokens) => Ok(tokens),
            Found::Pending(_) => Err(Reason::Pending),
        }
    }
}

async fn attempt(poll: &Poll<'_>) -> Result<Attempt<Found>, Reason> {
    let Poll { provider, caller, auth_req_id, wish, ref key } = *poll;
    let now = provider.now();
    let Versioned { version, record: request } = find(provider, caller, key, now).await?;
    let mut redeemed = match request.clone().apply(Event::Redeem, now) {
        Ok(Transition::Changed(redeemed, _)) => redeemed,
        Ok(Transition::Unchanged) => return Err(Reason::InvalidGrant),
        Err(Refusal::StillPending) => {
            let AuthenticationRequest { interval, created_at, expires_at, .. } = request;
            let since = provider.policy().strict_first_poll.then_some(created_at);
            return Ok(Attempt::Done(Found::Pending(Polled { request: *key, interval, since, expires_at })));
        }
        Err(refusal) => return Err(refused(&request, refusal)),
    };
    let State::Redeemed { approval, .. } = &redeemed.state else {
        return Err(Reason::InvalidGrant);
    };
    judge_again(provider, &request, approval).await?;
    let binding = caller.binding();
    let narrowed = wish.of(provider, &caller.client, &Granted::in_request(&request))?;
    let client = &caller.client;
    let receipt = mint::receipt(provider, client, (&request, approval), request_digest(auth_req_id), now).await?;
    let approved = Approved { client, request: &request, approval, auth_req_id, binding, narrowed, receipt };
    let what = What::RequestRedeemed { request: *key, client: caller.client.id.clone() };
    let minted = mint(provider, &approved, now).await?;
    redeemed.issued = Some(minted.issued());
    let (change, tokens) = minted.stored_by(caller.change(provider));
    let change = change.replace(version, *redeemed).recording(provider, now, what);
    Ok(Attempt::after(caller.commit(provider, change).await?, Found::Tokens(tokens)))
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
    // Begun when the client was registered for push: its tokens are sent to it.
    if request.record.delivery == DeliveryMode::Push {
        return Err(Reason::UnauthorizedClient);
    }
    caller.began(&request.record)?;
    Ok(request)
}

fn refused(request: &AuthenticationRequest, refusal: Refusal) -> Reason {
    match refusal {
        Refusal::StillPending => Reason::Pending,
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
        refusals::locked(provider, &request.client, &request.subject, Point::Redeem).await?;
        return Err(Reason::AccessDenied);
    }
    let device = provider.store.device(provider.id(), &approval.device).await.map_err(Unavailable::from)?;
    // A revoked phone was lost or lied: what it approved and nobody redeemed yet is just what revoking must stop.
    if device.is_some_and(|device| device.record.is_active()) { Ok(()) } else { Err(Reason::AccessDenied) }
}
