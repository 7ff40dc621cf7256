//! Somebody types the six digits that the new phone shows. One wrong try ends the enrolment.

use protocol::digest::check_digits;
use protocol::{DeviceId, EnrolmentId};
use subtle::ConstantTimeEq as _;
use tracing::warn;

use super::enrol::{self, enrolled};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use crate::domain::audit::What;
use crate::domain::device::{Enrolment, EnrolmentProgress};

/// What typing the digits did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The device is enrolled.
    Active(DeviceId),
    /// The digits were wrong: the enrolment is over.
    Rejected,
}

/// Types digits for an enrolment that awaits them.
pub async fn confirm(provider: &Provider, id: &EnrolmentId, digits: &str) -> Result<Confirmed, enrol::Reason> {
    until_decided(|| async move {
        let now = provider.now();
        let found = enrol::find(provider, id).await?;
        let finished = found.record.finished.clone().ok_or(enrol::Reason::UnknownEnrolment)?;
        match found.record.progress {
            EnrolmentProgress::Unconfirmed => {}
            EnrolmentProgress::Cancelled => return Err(enrol::Reason::Cancelled),
            EnrolmentProgress::Offered | EnrolmentProgress::Active => return Err(enrol::Reason::UnknownEnrolment),
        }
        let expected = check_digits(&found.record.offer.digest(), &finished.hash, &found.record.nonce);
        let right: bool = expected.as_bytes().ct_eq(digits.as_bytes()).into();
        let (change, progress, outcome) = if right {
            let change = enrolled(provider, provider.change(), &finished.device, now);
            (change, EnrolmentProgress::Active, Confirmed::Active(finished.device.id))
        } else {
            warn!(enrolment = %id, "wrong check digits");
            let what = What::EnrolmentRejected { subject: found.record.subject.clone(), enrolment: *id };
            (provider.change().recording(provider, now, what), EnrolmentProgress::Cancelled, Confirmed::Rejected)
        };
        let next = Enrolment { progress, ..found.record };
        Ok(Attempt::after(provider.store.commit(change.replace(found.version, next)).await, outcome))
    })
    .await
}
