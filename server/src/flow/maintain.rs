//! What changes about an enrolled phone: its name, its push target, its end.

use protocol::DeviceId;
use protocol::messages::{PushTarget, RevocationReason};
use protocol::text::{self, Kind};
use tracing::info;

use super::Unavailable;
use super::prove::Proven;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided_of};
use crate::domain::audit::What;
use crate::domain::device::{Device, DeviceStatus};
use crate::domain::time::Timestamp;
use crate::outbound;
use crate::store::{Change, CommitError, Versioned};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The name breaks the rules for text.
    #[error("the name breaks a rule: {0}")]
    InvalidName(text::TextError),
    /// The push target is empty or too long.
    #[error("not a push target")]
    InvalidTarget,
    /// Enough tests wait on this phone.
    #[error("enough tests are waiting")]
    TooManyTests,
    /// No such device.
    #[error("no such device")]
    UnknownDevice,
    /// The proof was used before, by a call to another process.
    #[error("the proof was used before")]
    ProofReplayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Renames the phone that proved its request.
pub async fn rename(provider: &Provider, proven: &Proven, name: &str) -> Result<(), Reason> {
    text::check(Kind::DeviceName, name).map_err(Reason::InvalidName)?;
    update(provider, &proven.device.id, Some(proven), |device, change, _| {
        name.clone_into(&mut device.info.name);
        change
    })
    .await
}

/// Replaces the push target of the phone that proved its request.
pub async fn set_push_target(provider: &Provider, proven: &Proven, target: PushTarget) -> Result<(), Reason> {
    check_target(&target)?;
    update(provider, &proven.device.id, Some(proven), |device, change, now| {
        device.push = target.clone();
        device.push_named_at = Some(now);
        change.recording(provider, now, What::PushTargetChanged { device: device.id, gone: false })
    })
    .await
}

/// The phone that proved its request leaves its account.
pub async fn leave(provider: &Provider, proven: &Proven) -> Result<(), Reason> {
    end(provider, &proven.device.id, Some(proven), RevocationReason::User).await
}

/// Ends a phone. Ending it again changes nothing.
pub async fn revoke(provider: &Provider, id: &DeviceId, reason: RevocationReason) -> Result<(), Reason> {
    end(provider, id, None, reason).await
}

/// The push channel says that the target is no more, and maybe since when: the phone asks from now on. Left alone if it
/// was replaced, or named once more, after that.
pub(super) async fn clear_push_target(
    provider: &Provider,
    id: &DeviceId,
    gone: &PushTarget,
    since: Option<Timestamp>,
) -> Result<(), Reason> {
    update(provider, id, None, |device, change, now| {
        let is_newer = since.is_some_and(|since| device.push_named_at.unwrap_or(device.enrolled_at) > since);
        if device.push != *gone || is_newer {
            return change;
        }
        device.push = PushTarget::None;
        change.recording(provider, now, What::PushTargetChanged { device: device.id, gone: true })
    })
    .await
}

async fn end(
    provider: &Provider,
    id: &DeviceId,
    proven: Option<&Proven>,
    reason: RevocationReason,
) -> Result<(), Reason> {
    update(provider, id, proven, |device, change, at| {
        if !device.is_active() {
            return change;
        }
        mark_ended(provider, device, change, reason, at)
    })
    .await?;
    provider.wake.phone(id);
    Ok(())
}

/// Ends a phone in a change that does more; gives it as it is then.
pub(super) fn ended(
    provider: &Provider,
    change: Change,
    found: Versioned<Device>,
    reason: RevocationReason,
    at: Timestamp,
) -> (Device, Change) {
    let mut device = found.record;
    let change = mark_ended(provider, &mut device, change, reason, at);
    (device.clone(), change.replace(found.version, device))
}

fn mark_ended(
    provider: &Provider,
    device: &mut Device,
    change: Change,
    reason: RevocationReason,
    at: Timestamp,
) -> Change {
    info!(device = %device.id, ?reason, "device revoked");
    device.status = DeviceStatus::Revoked { reason, at };
    device.push = PushTarget::None;
    device.proposed = None;
    change.recording(provider, at, What::DeviceRevoked { subject: device.subject.clone(), device: device.id, reason })
}

async fn update(
    provider: &Provider,
    id: &DeviceId,
    proven: Option<&Proven>,
    edit: impl Fn(&mut Device, Change, Timestamp) -> Change,
) -> Result<(), Reason> {
    let edit = &edit;
    let found = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
    let subject = &found.ok_or(Reason::UnknownDevice)?.record.subject;
    until_decided_of(&provider.lines, subject, || async move {
        let now = provider.now();
        let found = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
        let found = found.ok_or(Reason::UnknownDevice)?;
        let mut device = found.record;
        let change = edit(&mut device, provider.change(), now).replace(found.version, device);
        let change = proven.map_or_else(|| change.clone(), |proven| proven.marking(change.clone(), now));
        match provider.store.commit(change).await {
            Err(CommitError::Replayed(..)) => Err(Reason::ProofReplayed),
            committed => Ok(Attempt::after(committed, ())),
        }
    })
    .await
}

/// Whether this can be where a phone is reached.
pub(super) fn check_target(target: &PushTarget) -> Result<(), Reason> {
    if outbound::target::is_well_formed(target) { Ok(()) } else { Err(Reason::InvalidTarget) }
}
