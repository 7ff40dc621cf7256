//! What answers to prompts of our own do. The checks before were those of every decision.

use protocol::messages::{Answer, DenyReason, Outcome, RevocationReason};
use protocol::{DeviceId, Digest, EnrolmentId, Jws};
use tracing::info;

use super::super::confirm::{self, Advanced, Word};
use super::super::own::wake;
use super::super::provider::{Provider, Recorded as _};
use super::super::retry::Attempt;
use super::super::{Unavailable, deliver, enrol, maintain, rotate};
use super::judge::Signed;
use super::{COUNTER_DAYS, Reason, result};
use crate::domain::audit::{Agreed, Check, What};
use crate::domain::authentication_request::Refusal;
use crate::domain::device::{Device, Proposed};
use crate::domain::prompt::{About, StoredAnswer, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;
use crate::flow::prove::Proven;
use crate::store::{Change, CommitError, MarkKey, Versioned};

/// Who answered, and when.
struct Answerer<'a> {
    provider: &'a Provider,
    device: &'a Device,
    now: Timestamp,
}

/// Takes the answer of a phone, and does what it says, in one commit.
pub(super) async fn conclude(
    provider: &Provider,
    (proven, device): (&Proven, &Device),
    prompt: Versioned<StoredPrompt>,
    signed: &Signed,
    now: Timestamp,
) -> Result<Attempt<Jws>, Reason> {
    let Versioned { version, record: prompt } = prompt;
    let decision = &signed.decision;
    judge(provider, device, &prompt, signed, now).await?;
    let outcome = match decision.decision {
        Answer::Approve => Outcome::Approved,
        Answer::Deny => Outcome::Denied,
    };
    let result = result(provider, device, &prompt, (signed, signed.jws.digest()), outcome, now)?;
    let told = What::OwnPromptAnswered {
        device: device.id,
        about: prompt.about.clone(),
        answer: decision.decision,
        reason: decision.reason,
        counter: decision.ctr,
    };
    let about = prompt.about.clone();
    let answer = StoredAnswer { id: decision.jti, jws: signed.jws.clone(), result: result.clone() };
    let change = provider
        .change()
        .replace(version, prompt.answered(answer, None))
        .mark(MarkKey::Counter(device.id, decision.ctr), signed.said(), now.plus_seconds(COUNTER_DAYS * 86_400))
        .recording(provider, now, told);
    let answerer = Answerer { provider, device, now };
    let (change, phones) = answerer.does(change, &about, decision.decision, decision.reason).await?;
    let committed = provider.store.commit(proven.marking(change, now)).await;
    match &committed {
        Ok(()) => {
            wake(provider, &phones);
            provider.wake.outbox();
        }
        Err(CommitError::Replayed(MarkKey::Counter(..), value)) if *value != signed.said() => {
            return Err(Reason::CounterReused);
        }
        Err(CommitError::Replayed(MarkKey::Counter(..), _)) => return Ok(Attempt::Lost(CommitError::Conflict)),
        Err(CommitError::Replayed(MarkKey::Proof(..), _)) => return Err(Reason::ProofReplayed),
        Err(_) => {}
    }
    Ok(Attempt::after(committed, result))
}

/// Time, state, user. A notice that was taken note of may still be answered with *not me*.
async fn judge(
    provider: &Provider,
    device: &Device,
    prompt: &StoredPrompt,
    signed: &Signed,
    now: Timestamp,
) -> Result<(), Reason> {
    if signed.decision.match_code.is_some() {
        return Err(Reason::Mismatch(Check::Match));
    }
    if now >= prompt.expires_at {
        return Err(Reason::Expired);
    }
    let is_notice = matches!(prompt.about, About::Notice { .. });
    if prompt.answer.is_some() && !(is_notice && signed.decision.decision == Answer::Deny) {
        return Err(Reason::Concluded(Refusal::AlreadyRedeemed));
    }
    if signed.decision.decision == Answer::Deny {
        return Ok(());
    }
    let user = provider.store.user(provider.id(), &device.subject).await.map_err(Unavailable::from)?;
    if user.is_some_and(|user| user.record.status == UserStatus::Active) { Ok(()) } else { Err(Reason::UserNotActive) }
}

/// Why a phone that was agreed to does not join after all.
fn over(reason: enrol::Reason) -> Reason {
    match reason {
        enrol::Reason::Unavailable(reason) => Reason::Unavailable(reason),
        // Somebody was faster, or its time is over, or there are phones enough.
        _ => Reason::Concluded(Refusal::AlreadyRedeemed),
    }
}

impl Answerer<'_> {
    async fn does(
        &self,
        change: Change,
        about: &About,
        answer: Answer,
        reason: Option<DenyReason>,
    ) -> Result<(Change, Vec<Device>), Reason> {
        match (about, answer) {
            (About::AddDevice { enrolment }, answer) => self.adds(change, enrolment, answer).await,
            (About::Rotate { device, rotation }, answer) => self.rotates(change, device, rotation, answer).await,
            (About::Notice { device }, Answer::Deny) if reason == Some(DenyReason::NotMe) => {
                self.disowns(change, device).await
            }
            (About::Notice { .. } | About::Test | About::Request, Answer::Approve | Answer::Deny) => {
                Ok((change, Vec::new()))
            }
        }
    }

    async fn adds(
        &self,
        change: Change,
        enrolment: &EnrolmentId,
        answer: Answer,
    ) -> Result<(Change, Vec<Device>), Reason> {
        let waiting = confirm::waiting(self.provider, enrolment).await.map_err(over)?;
        match answer {
            Answer::Deny => {
                let by = Some(&self.device.id);
                Ok((confirm::rejected(self.provider, change, waiting, by, self.now).await?, Vec::new()))
            }
            Answer::Approve => {
                let word = Word::Phone(self.device.id);
                let advanced = confirm::advanced(self.provider, change, waiting, word, self.now).await;
                let Advanced { change, phones, .. } = advanced.map_err(over)?;
                Ok((change, phones))
            }
        }
    }

    async fn rotates(
        &self,
        change: Change,
        id: &DeviceId,
        rotation: &Digest,
        answer: Answer,
    ) -> Result<(Change, Vec<Device>), Reason> {
        let (provider, now) = (self.provider, self.now);
        let found = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
        let found = found.filter(|found| found.record.proposes(rotation, now));
        let found = found.ok_or(Reason::Concluded(Refusal::AlreadyRedeemed))?;
        let proposed = found.record.proposed.clone().ok_or(Reason::Concluded(Refusal::AlreadyRedeemed))?;
        match answer {
            Answer::Approve => {
                let agreed = Agreed::Phone { device: self.device.id };
                let (_, change, phones) =
                    rotate::replaced(provider, change, found, &proposed.keys, *rotation, agreed, now).await?;
                Ok((change, phones))
            }
            Answer::Deny => {
                let subject = found.record.subject.clone();
                let next = Device { proposed: Some(Proposed { until: now, ..proposed }), ..found.record };
                let what = What::KeysRefused { subject, device: *id, by: self.device.id };
                let asked = (&next.subject, &About::Rotate { device: *id, rotation: *rotation });
                let change = deliver::of_question(provider, change, asked, Some(&self.device.id), now).await?;
                Ok((change.replace(found.version, next).recording(provider, now, what), Vec::new()))
            }
        }
    }

    /// The phone that the notice is about is not the user's: it ends, and nothing that it ever approved stands.
    async fn disowns(&self, change: Change, id: &DeviceId) -> Result<(Change, Vec<Device>), Reason> {
        let (provider, now) = (self.provider, self.now);
        let found = provider.store.device(provider.id(), id).await.map_err(Unavailable::from)?;
        let Some(found) = found.filter(|found| found.record.is_active()) else {
            return Ok((change, Vec::new()));
        };
        info!(device = %id, by = %self.device.id, "a phone was disowned by another");
        let what = What::DeviceDisowned { subject: found.record.subject.clone(), device: *id, by: self.device.id };
        let (ended, change) = maintain::ended(provider, change, found, RevocationReason::Disputed, now);
        Ok((change.recording(provider, now, what), vec![ended]))
    }
}
