//! A client refreshes its tokens (RFC 6749 §6, OIDC Core §12): the same approval, a new access token and ID token.
//!
//! Where tokens rotate, the one that was sent is replaced, and for a grace it still gets the same successor: an answer
//! may have been lost, or two of a client's threads may refresh at once. After that, whoever sends it has a copy, and
//! nobody can tell which of the two is the client: the family ends (RFC 9700 §4.14.2).

use tracing::{info, warn};

use super::Unavailable;
use super::authenticate_client::{Caller, Replayed};
use super::mint::{RefreshToken, Tokens, mint_again};
use super::narrow::{self, Granted, Narrowed, Wish};
use super::provider::{Provider, Recorded as _};
use super::refusals;
use super::retry::{Attempt, until_decided};
use super::{standing, subjects};
use crate::domain::audit::{Point, What};
use crate::domain::profile::Profile;
use crate::domain::refresh::{RefreshFamily, Sent};
use crate::domain::time::Timestamp;
use crate::store::Versioned;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The client is not registered for refresh tokens.
    #[error("this client may not refresh")]
    UnauthorizedClient,
    /// Not a refresh token of this client that is valid here and now.
    #[error("no such refresh token for this client")]
    InvalidGrant,
    /// More is asked for than the user agreed to.
    #[error(transparent)]
    Narrowing(#[from] narrow::Reason),
    /// The client's assertion or its proof was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Answers a refresh for what is wished for of all that was granted.
pub async fn refresh(provider: &Provider, caller: &Caller, refresh_token: &str, wish: &Wish) -> Result<Tokens, Reason> {
    if !caller.client.refresh {
        return Err(Reason::UnauthorizedClient);
    }
    let token = RefreshToken::parse(refresh_token).ok_or(Reason::InvalidGrant)?;
    let tokens = until_decided(|| attempt(provider, caller, &token, wish)).await?;
    tokens.ok_or(Reason::InvalidGrant)
}

/// `None` once the family was ended because the token is a copy.
async fn attempt(
    provider: &Provider,
    caller: &Caller,
    token: &RefreshToken,
    wish: &Wish,
) -> Result<Attempt<Option<Tokens>>, Reason> {
    let now = provider.now();
    let found = find(provider, caller, token, now).await?;
    match token.recognised_by(&found.record, now) {
        None => end(provider, caller, found, now).await,
        Some(sent) => {
            judge(provider, caller, &found.record).await?;
            let narrowed = wish.of(provider, &caller.client, &Granted::to_family(&found.record))?;
            renew(provider, caller, found, Renewal { token, sent, narrowed }, now).await
        }
    }
}

async fn find(
    provider: &Provider,
    caller: &Caller,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<Versioned<RefreshFamily>, Reason> {
    let found = provider.store.family(provider.id(), &token.family()).await.map_err(Unavailable::from)?;
    // A stranger learns nothing, and the owner's family is not touched.
    let found = found.filter(|found| found.record.client == caller.client.id).ok_or(Reason::InvalidGrant)?;
    if standing::is_alive(provider, &found.record, now) { Ok(found) } else { Err(Reason::InvalidGrant) }
}

async fn end(
    provider: &Provider,
    caller: &Caller,
    found: Versioned<RefreshFamily>,
    now: Timestamp,
) -> Result<Attempt<Option<Tokens>>, Reason> {
    let (request, client) = (found.record.request, caller.client.id.clone());
    warn!(%request, %client, "a refresh token was used that had been replaced");
    let change = caller.change(provider).replace(found.version, found.record.revoked(now)).recording(
        provider,
        now,
        What::RefreshReused { request, client },
    );
    Ok(Attempt::after(caller.commit(provider, change).await?, None))
}

async fn judge(provider: &Provider, caller: &Caller, family: &RefreshFamily) -> Result<(), Reason> {
    let other_certificate = family.certificate.is_some() && family.certificate != caller.certificate;
    let other_key = family.dpop_key.is_some() && family.dpop_key != caller.key();
    if other_certificate || other_key {
        return Err(Reason::InvalidGrant);
    }
    // OIDC Core §12.2: the client, or its sector, has another name for the user by now.
    let told = subjects::told(provider, &caller.client, &family.subject).map_err(Unavailable::from)?;
    if family.told.as_ref().is_some_and(|before| *before != told) {
        return Err(Reason::InvalidGrant);
    }
    let approval = Some((family.device, family.auth_time));
    if !standing::may_sign_in(provider, &family.subject).await? {
        refusals::locked(provider, &family.client, &family.subject, Point::Refresh).await?;
        return Err(Reason::InvalidGrant);
    }
    let stands = standing::approval_stands(provider, &family.subject, approval).await?;
    if stands { Ok(()) } else { Err(Reason::InvalidGrant) }
}

/// What was sent, and what for.
struct Renewal<'a> {
    token: &'a RefreshToken,
    sent: Sent,
    narrowed: Narrowed,
}

async fn renew(
    provider: &Provider,
    caller: &Caller,
    found: Versioned<RefreshFamily>,
    renewal: Renewal<'_>,
    now: Timestamp,
) -> Result<Attempt<Option<Tokens>>, Reason> {
    // A client that must be bound by now, and was not then, is bound from here on.
    let certificate = found.record.certificate.or(caller.binding().certificate);
    let dpop_key = found.record.dpop_key.or(caller.key().filter(|_| caller.client.dpop_bound_refresh));
    let family = RefreshFamily { certificate, dpop_key, ..found.record.clone() };
    let (request, client) = (family.request, caller.client.id.clone());
    let minted = mint_again(provider, &caller.client, (&family, caller.key()), renewal.narrowed, now).await?;
    let (mut change, mut tokens) = minted.stored_by(caller.change(provider));
    let (next, successor) = turned(provider, caller, family, (renewal.token, renewal.sent), now);
    tokens.refresh_token = successor.map(|token| token.text().to_owned());
    // Most refreshes leave the family as it is, and then none waits for another.
    if next != found.record {
        change = change.replace(found.version, next);
    }
    let what = What::TokenRefreshed { request, client: client.clone() };
    let committed = caller.commit(provider, change.recording(provider, now, what)).await?;
    if committed.is_ok() {
        info!(%request, %client, "tokens refreshed");
    }
    Ok(Attempt::after(committed, Some(tokens)))
}

/// The family after this refresh, and the refresh token to be handed out where it is another one than was sent.
fn turned(
    provider: &Provider,
    caller: &Caller,
    family: RefreshFamily,
    (token, sent): (&RefreshToken, Sent),
    now: Timestamp,
) -> (RefreshFamily, Option<RefreshToken>) {
    let policy = provider.policy();
    let rotates = policy.refresh_rotation && caller.profile != Profile::FapiCiba;
    match sent {
        Sent::Previous => (family, Some(token.successor(&provider.keys))),
        Sent::Current if rotates => {
            let successor = token.successor(&provider.keys);
            (family.rotated(successor.hash(), now, policy.refresh_grace), Some(successor))
        }
        Sent::Current => (family, None),
    }
}
