//! Somebody says that a new phone is the user's: by typing the six digits that it shows, or by approving it on another
//! phone. One wrong digit ends the enrolment, and so does a *no* of the other phone.

use protocol::digest::check_digits;
use protocol::{DeviceId, EnrolmentId};
use subtle::ConstantTimeEq as _;
use tracing::warn;

use super::Unavailable;
use super::enrol::{self, enrolled};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::{deliver, own};
use crate::domain::audit::What;
use crate::domain::device::{Confirmation, Device, Enrolment, EnrolmentProgress, Finished};
use crate::domain::policy::AddDevice;
use crate::domain::prompt::About;
use crate::domain::time::Timestamp;
use crate::store::{Change, Versioned};

/// What typing the digits did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The device is enrolled.
    Active(DeviceId),
    /// They were right, and another phone must approve as well.
    Awaiting,
    /// The digits were wrong: the enrolment is over.
    Rejected,
}

/// An enrolment that awaits somebody's word.
pub(super) struct Waiting {
    pub(super) version: u64,
    pub(super) enrolment: Enrolment,
    pub(super) finished: Finished,
}

/// Types digits for an enrolment that awaits them.
pub async fn confirm(provider: &Provider, id: &EnrolmentId, digits: &str) -> Result<Confirmed, enrol::Reason> {
    let confirmed = until_decided::<_, enrol::Reason, _>(|| async move {
        let now = provider.now();
        let waiting = waiting(provider, id).await?;
        let Waiting { enrolment, finished, .. } = &waiting;
        let expected = check_digits(&enrolment.offer.digest(), &finished.hash, &enrolment.nonce);
        let right: bool = expected.as_bytes().ct_eq(digits.as_bytes()).into();
        if !right {
            warn!(enrolment = %id, "wrong check digits");
            let change = rejected(provider, provider.change(), waiting, None, now).await?;
            return Ok(Attempt::after(provider.store.commit(change).await, (Confirmed::Rejected, Vec::new())));
        }
        let said = advanced(provider, provider.change(), waiting, Word::Digits, now).await?;
        let Advanced { change, confirmed, phones } = said;
        Ok(Attempt::after(provider.store.commit(change).await, (confirmed, phones)))
    });
    let (confirmed, phones) = confirmed.await?;
    own::wake(provider, &phones);
    provider.wake.outbox();
    Ok(confirmed)
}

pub(super) async fn waiting(provider: &Provider, id: &EnrolmentId) -> Result<Waiting, enrol::Reason> {
    let Versioned { version, record: enrolment } = enrol::find(provider, id).await?;
    match (enrolment.progress, enrolment.finished.clone()) {
        (EnrolmentProgress::Unconfirmed, Some(finished)) => Ok(Waiting { version, enrolment, finished }),
        (EnrolmentProgress::Cancelled, Some(_)) => Err(enrol::Reason::Cancelled),
        (EnrolmentProgress::Offered | EnrolmentProgress::Active, Some(_)) | (_, None) => {
            Err(enrol::Reason::UnknownEnrolment)
        }
    }
}

/// Somebody's word for a new phone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    /// The digits were typed.
    Digits,
    /// This phone of the user approved.
    Phone(DeviceId),
}

impl Word {
    const fn confirmation(self) -> Confirmation {
        match self {
            Self::Digits => Confirmation::Digits,
            Self::Phone(_) => Confirmation::Phone,
        }
    }

    const fn phone(&self) -> Option<&DeviceId> {
        match self {
            Self::Digits => None,
            Self::Phone(id) => Some(id),
        }
    }
}

/// Ends an enrolment in a change; `by` a phone, unless it was by digits.
pub(super) async fn rejected(
    provider: &Provider,
    change: Change,
    waiting: Waiting,
    by: Option<&DeviceId>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let Waiting { version, enrolment, .. } = waiting;
    let change = no_longer_asked(provider, change, &enrolment, by, now).await?;
    let what = What::EnrolmentRejected { subject: enrolment.subject.clone(), enrolment: enrolment.id };
    let next = Enrolment { progress: EnrolmentProgress::Cancelled, ..enrolment };
    Ok(change.replace(version, next).recording(provider, now, what))
}

async fn no_longer_asked(
    provider: &Provider,
    change: Change,
    enrolment: &Enrolment,
    by: Option<&DeviceId>,
    now: Timestamp,
) -> Result<Change, Unavailable> {
    let asked = (&enrolment.subject, &About::AddDevice { enrolment: enrolment.id });
    deliver::of_question(provider, change, asked, by, now).await
}

/// A change with one more word for the new phone in it.
pub(super) struct Advanced {
    pub(super) change: Change,
    pub(super) confirmed: Confirmed,
    /// To be woken afterwards.
    pub(super) phones: Vec<Device>,
}

/// Takes a word for an enrolment. Whether it is enough is for the realm to say, as long as there is another phone to ask.
pub(super) async fn advanced(
    provider: &Provider,
    change: Change,
    waiting: Waiting,
    word: Word,
    now: Timestamp,
) -> Result<Advanced, enrol::Reason> {
    let Waiting { version, enrolment, finished: Finished { device, .. } } = waiting;
    let user = enrol::active(provider, &device.subject).await?.ok_or(enrol::Reason::Cancelled)?;
    let others = own::others(provider, &enrolment.subject, &device.id).await?;
    let rule = if others.is_empty() { AddDevice::Digits } else { provider.policy().add_device };
    let confirmed_by = Some(word.confirmation());
    if !suffices(rule, enrolment.confirmed_by, word.confirmation()) {
        let next = Enrolment { confirmed_by, ..enrolment };
        let change = change.replace(version, next);
        return Ok(Advanced { change, confirmed: Confirmed::Awaiting, phones: Vec::new() });
    }
    let change = no_longer_asked(provider, change, &enrolment, word.phone(), now).await?;
    let next = Enrolment { progress: EnrolmentProgress::Active, confirmed_by, ..enrolment };
    let (change, phones) = enrolled(provider, change.replace(version, next), user, &device, now).await?;
    Ok(Advanced { change, confirmed: Confirmed::Active(device.id), phones })
}

fn suffices(rule: AddDevice, before: Option<Confirmation>, word: Confirmation) -> bool {
    match rule {
        AddDevice::Digits => word == Confirmation::Digits,
        AddDevice::Phone => word == Confirmation::Phone,
        AddDevice::Either => true,
        AddDevice::Both => before.is_some_and(|before| before != word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_content_with_its_own_words_only() {
        use Confirmation::{Digits, Phone};
        let enough = |rule, words: &[Confirmation]| {
            let (last, before) = words.split_last().expect("a word");
            suffices(rule, before.last().copied(), *last)
        };
        let table: [(AddDevice, &[Confirmation], bool); 9] = [
            (AddDevice::Digits, &[Digits], true),
            (AddDevice::Digits, &[Phone], false),
            (AddDevice::Phone, &[Phone], true),
            (AddDevice::Phone, &[Digits], false),
            (AddDevice::Either, &[Digits], true),
            (AddDevice::Either, &[Phone], true),
            (AddDevice::Both, &[Digits], false),
            (AddDevice::Both, &[Digits, Digits], false),
            (AddDevice::Both, &[Digits, Phone], true),
        ];
        for (rule, words, expected) in table {
            assert_eq!(enough(rule, words), expected, "{rule:?} {words:?}");
        }
    }
}
