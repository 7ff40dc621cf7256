//! The user says of a request whose tokens were issued that it was not them: the tokens end, and the phone that approved
//! is suspended, for whoever holds it may go on approving. All in the commit that records the dispute.

use protocol::DeviceId;
use protocol::messages::{PushTarget, RevocationReason};
use tracing::warn;

use super::super::Unavailable;
use super::super::provider::{Provider, Recorded as _};
use crate::domain::audit::What;
use crate::domain::authentication_request::{AuthenticationRequest, Issued};
use crate::domain::device::{Device, DeviceStatus};
use crate::domain::grant::Grant;
use crate::domain::time::Timestamp;
use crate::store::Change;

/// Adds what follows from a dispute of `request` by the phone `by`; also which phone is suspended.
pub(super) async fn follow(
    provider: &Provider,
    change: Change,
    request: &AuthenticationRequest,
    by: DeviceId,
    now: Timestamp,
) -> Result<(Change, Option<DeviceId>), Unavailable> {
    warn!(request = %request.key, device = %by, "a redeemed request is disputed");
    let change = change.recording(provider, now, What::RequestDisputed { request: request.key, device: by });
    let change = end_tokens(provider, change, request.issued, now).await?;
    match request.state.approval() {
        Some(approval) => suspend(provider, change, &approval.device, now).await,
        None => Ok((change, None)),
    }
}

/// The access token, and the refresh tokens with every access token that came of them.
async fn end_tokens(
    provider: &Provider,
    mut change: Change,
    issued: Option<Issued>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let Some(Issued { grant, family }) = issued else { return Ok(change) };
    let found = provider.store.grant(provider.id(), &grant).await?;
    if let Some(found) = found.filter(|found| found.record.revoked_at.is_none()) {
        change = change.replace(found.version, Grant { revoked_at: Some(now), ..found.record });
    }
    let Some(family) = family else { return Ok(change) };
    let found = provider.store.family(provider.id(), &family).await?;
    if let Some(found) = found.filter(|found| found.record.revoked_at.is_none()) {
        change = change.replace(found.version, found.record.revoked(now));
    }
    Ok(change)
}

/// It approves nothing any more, and nothing that it ever approved counts ([`Device::stands_behind`]).
async fn suspend(
    provider: &Provider,
    change: Change,
    id: &DeviceId,
    at: Timestamp,
) -> Result<(Change, Option<DeviceId>), Unavailable> {
    let found = provider.store.device(provider.id(), id).await?;
    let Some(found) = found.filter(|found| found.record.is_active()) else { return Ok((change, None)) };
    let reason = RevocationReason::Disputed;
    let status = DeviceStatus::Revoked { reason, at };
    let device = Device { status, push: PushTarget::None, ..found.record };
    let what = What::DeviceRevoked { subject: device.subject.clone(), device: device.id, reason };
    Ok((change.replace(found.version, device).recording(provider, at, what), Some(*id)))
}
