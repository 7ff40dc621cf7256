//! A client ends a token of its own (RFC 7009): an access token alone, or a refresh token with its whole family. Phones
//! are ended by [`super::maintain`].

use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, Replayed};
use super::mint::RefreshToken;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::audit::{RevokedToken, What};
use crate::domain::grant::Grant;
use crate::domain::names::{ClientId, RequestKey, TokenKey};
use crate::store::Change;

/// Why nothing was revoked.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The token was issued to another client (RFC 7009 §2.1).
    #[error("the token was issued to another client")]
    NotItsOwn,
    /// The client's assertion was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Ends a token. One that is unknown or ended before is as good as revoked (RFC 7009 §2.2).
pub async fn revoke(provider: &Provider, caller: &Caller, token: &str) -> Result<(), Reason> {
    until_decided(|| attempt(provider, caller, token)).await
}

/// What is to be ended.
struct Ending {
    client: ClientId,
    request: RequestKey,
    token: RevokedToken,
    /// Ends it; nothing where it is ended already.
    change: Option<Change>,
}

async fn attempt(provider: &Provider, caller: &Caller, token: &str) -> Result<Attempt<()>, Reason> {
    let ending = match RefreshToken::parse(token) {
        Some(token) => family(provider, caller, &token).await?,
        None => grant(provider, caller, token).await?,
    };
    let Some(Ending { client, request, token, change }) = ending else { return Ok(Attempt::Done(())) };
    if client != caller.client.id {
        return Err(Reason::NotItsOwn);
    }
    let Some(change) = change else { return Ok(Attempt::Done(())) };
    let what = What::TokenRevoked { request, client: client.clone(), token };
    let committed = caller.commit(provider, change.recording(provider, provider.now(), what)).await?;
    if committed.is_ok() {
        info!(%request, %client, ?token, "token revoked");
    }
    Ok(Attempt::after(committed, ()))
}

/// Any token of the family ends it, replaced ones too: whoever revokes an old one wants no new ones about.
async fn family(provider: &Provider, caller: &Caller, token: &RefreshToken) -> Result<Option<Ending>, Unavailable> {
    let found = provider.store.family(provider.id(), &token.family()).await?;
    Ok(found.map(|found| Ending {
        client: found.record.client.clone(),
        request: found.record.request,
        token: RevokedToken::RefreshToken,
        change: found
            .record
            .revoked_at
            .is_none()
            .then(|| caller.change(provider).replace(found.version, found.record.revoked(provider.now()))),
    }))
}

async fn grant(provider: &Provider, caller: &Caller, token: &str) -> Result<Option<Ending>, Unavailable> {
    let found = provider.store.grant(provider.id(), &TokenKey::of(token)).await?;
    Ok(found.map(|found| Ending {
        client: found.record.client.clone(),
        request: found.record.request,
        token: RevokedToken::AccessToken,
        change: found.record.revoked_at.is_none().then(|| {
            let grant = Grant { revoked_at: Some(provider.now()), ..found.record };
            caller.change(provider).replace(found.version, grant)
        }),
    }))
}
