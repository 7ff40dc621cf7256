//! A client names the registration token under which Firebase reaches its user's phone, as app back ends do that were made
//! for Gluu's `bc-deviceRegistration` (REQUIREMENTS G80).
//!
//! There the bearer of any ID token binds a phone to its user, and replaces silently the one before (Q32). Here the client
//! authenticates, since ID tokens are shown to browsers and end up in logs; it must be one that the realm lists, since
//! whoever may do this can keep a phone from being woken; and nobody is enrolled: only the token changes, of a phone that
//! is enrolled already and reached by Firebase, if it is the only one the user has. With two of them nothing says whose
//! token it is. The operator is told. A phone that knows better says so at its next `sync()`, and is believed.

use protocol::messages::{FcmTarget, PushTarget};
use tracing::info;

use super::Unavailable;
use super::authenticate_client::{Caller, Replayed};
use super::begin::signed_hint;
use super::maintain;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::standing;
use crate::domain::audit::What;
use crate::domain::device::Device;
use crate::domain::names::Subject;
use crate::store::Versioned;

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The realm does not list this client.
    #[error("this client may not register push tokens")]
    UnauthorizedClient,
    /// The hint is not believed, or its user is no more.
    #[error("the hint names no user")]
    UnknownUser,
    /// It is longer than any registration token.
    #[error("not a registration token")]
    InvalidToken,
    /// The user is locked or disabled.
    #[error("the user may not sign in")]
    UserNotActive,
    /// The user has no phone, several, or one that Firebase does not reach.
    #[error("the user has no single phone that Firebase reaches")]
    NoSuchPhone,
    /// The client's assertion was used before.
    #[error(transparent)]
    Replayed(#[from] Replayed),
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Replaces the push token of the only phone of the user whom an ID token of ours for this client names.
pub async fn replace(provider: &Provider, caller: &Caller, id_token_hint: &str, token: &str) -> Result<(), Reason> {
    let replaced = judge_and_replace(provider, caller, id_token_hint, token).await;
    replaced.inspect_err(|reason| info!(client = %caller.client.id, %reason, "no push token was replaced"))
}

async fn judge_and_replace(provider: &Provider, caller: &Caller, hint: &str, token: &str) -> Result<(), Reason> {
    if !provider.policy().device_registration_clients.contains(&caller.client.id) {
        return Err(Reason::UnauthorizedClient);
    }
    let believed = signed_hint::believe_id_token_hint(provider, caller, hint);
    let subject = believed.map_err(|why| {
        info!(client = %caller.client.id, %why, "an id_token_hint was not believed");
        Reason::UnknownUser
    })?;
    until_decided(|| attempt(provider, caller, &subject, token)).await
}

async fn attempt(provider: &Provider, caller: &Caller, subject: &Subject, token: &str) -> Result<Attempt<()>, Reason> {
    may_be_changed(provider, subject).await?;
    let Versioned { version, mut record } = only_phone(provider, subject).await?;
    let PushTarget::Fcm { platform, .. } = record.push else { return Err(Reason::NoSuchPhone) };
    let target = PushTarget::Fcm { platform, target: FcmTarget::Token(token.to_owned()) };
    maintain::check_target(&target).map_err(|_| Reason::InvalidToken)?;
    if record.push == target {
        return Ok(Attempt::Done(()));
    }
    let now = provider.now();
    let (device, client) = (record.id, caller.client.id.clone());
    record.push = target;
    record.push_named_at = Some(now);
    let what = What::PushTokenReplaced { subject: subject.clone(), device, client };
    let change = caller.change(provider).replace(version, record).recording(provider, now, what);
    let committed = caller.commit(provider, change).await?;
    if committed.is_ok() {
        info!(%device, client = %caller.client.id, "push token replaced");
    }
    Ok(Attempt::after(committed, ()))
}

async fn may_be_changed(provider: &Provider, subject: &Subject) -> Result<(), Reason> {
    if standing::may_sign_in(provider, subject).await? {
        return Ok(());
    }
    let user = provider.store.user(provider.id(), subject).await.map_err(Unavailable::from)?;
    Err(user.map_or(Reason::UnknownUser, |_| Reason::UserNotActive))
}

async fn only_phone(provider: &Provider, subject: &Subject) -> Result<Versioned<Device>, Reason> {
    let devices = provider.store.devices_of(provider.id(), subject).await.map_err(Unavailable::from)?;
    let mut active = devices.into_iter().filter(|device| device.record.is_active());
    match (active.next(), active.next()) {
        (Some(only), None) => Ok(only),
        (None, _) | (Some(_), Some(_)) => Err(Reason::NoSuchPhone),
    }
}
