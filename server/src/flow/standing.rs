//! What a token rests on, and whether it still holds: its own life, its client, its family, its user, and the
//! phone that approved.
//! Asked at every use (REQUIREMENTS Q35), so a locked user's tokens end at once wherever they are looked up.

use protocol::DeviceId;

use super::Unavailable;
use super::provider::Provider;
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::names::{ClientId, FamilyKey, Subject, TokenKey};
use crate::domain::refresh::RefreshFamily;
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;

/// What an access token stands for, if it is valid at `now`, and the client that was given it.
pub(super) async fn grant_to(
    provider: &Provider,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Grant, Client)>, Unavailable> {
    let found = provider.store.grant(provider.id(), &TokenKey::of(token)).await?;
    let is_alive = |grant: &Grant| {
        let issued = grant.issued_at.is_none_or(|issued_at| provider.realm().takes_token_of(issued_at));
        issued && grant.revoked_at.is_none() && now < grant.expires_at
    };
    let Some(grant) = found.map(|found| found.record).filter(is_alive) else { return Ok(None) };
    let approval = grant.device.zip(grant.auth_time);
    let Some(client) = client_remaining(provider, &grant.client).await? else { return Ok(None) };
    let stands =
        family_lives(provider, grant.family, now).await? && approval_stands(provider, &grant.subject, approval).await?;
    Ok(stands.then_some((grant, client)))
}

async fn client_remaining(provider: &Provider, client: &ClientId) -> Result<Option<Client>, Unavailable> {
    let client = provider.store.client(provider.id(), client).await?;
    Ok(client.map(|client| client.record).filter(|client| !client.removed))
}

async fn family_lives(provider: &Provider, family: Option<FamilyKey>, now: Timestamp) -> Result<bool, Unavailable> {
    let Some(key) = family else { return Ok(true) };
    let family = provider.store.family(provider.id(), &key).await?;
    Ok(family.is_some_and(|family| is_alive(provider, &family.record, now)))
}

/// Whether any token of a family may be valid at `now`.
pub(super) fn is_alive(provider: &Provider, family: &RefreshFamily, now: Timestamp) -> bool {
    provider.realm().takes_token_of(family.issued_at) && family.is_alive(now)
}

/// Whether the user is there, and neither locked nor disabled.
pub(super) async fn may_sign_in(provider: &Provider, subject: &Subject) -> Result<bool, Unavailable> {
    let user = provider.store.user(provider.id(), subject).await?;
    Ok(user.is_some_and(|user| user.record.status == UserStatus::Active))
}

/// Whether the user may sign in, and the phone still answers for what it approved at that time.
pub(super) async fn approval_stands(
    provider: &Provider,
    subject: &Subject,
    approval: Option<(DeviceId, Timestamp)>,
) -> Result<bool, Unavailable> {
    if !may_sign_in(provider, subject).await? {
        return Ok(false);
    }
    let Some((device, at)) = approval else { return Ok(true) };
    let device = provider.store.device(provider.id(), &device).await?;
    Ok(device.is_some_and(|device| device.record.stands_behind(at)))
}
