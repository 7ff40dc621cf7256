//! A phone answers. Every check of the device protocol in its order; then state, answer, counter and replay mark in one
//! commit. This is the only place where an [`Approval`] is made.

use protocol::messages::{Answer, DecisionResult, Outcome, RevocationReason};
use protocol::{DeviceId, Digest, Jws, PromptId};
use tracing::{info, warn};

use super::Unavailable;
use super::notify::{self, Told};
use super::prove::{self, Presented, Proven};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided_of};
use super::{deliver, disturb, history, maintain, match_code, prompts};
use crate::domain::audit::{Check, What};
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, Denial, DenialReason, Event, Refusal, State, Transition,
};
use crate::domain::device::Device;
use crate::domain::names::RequestKey;
use crate::domain::prompt::{StoredAnswer, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, MarkKey, Versioned};

mod dispute;
mod judge;
mod own;
mod refused;

use judge::{Envelope, Signed};
pub(super) use refused::Refused;

/// A phone's clock may be this many seconds off before the audit trail says so.
const CLOCK_TOLERANCE: i64 = 300;

/// For how many days a decision counter is remembered: longer than for its last 64 values, whatever a phone does.
const COUNTER_DAYS: i64 = 400;

/// Why a decision was not taken. The request stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not a decision: size, form, `typ`, `alg` or `kid`.
    #[error("not a decision: {0:?}")]
    Malformed(Check),
    /// Signed as, or by, somebody else.
    #[error("the decision is not signed by this device: {0:?}")]
    BadSignature(Check),
    /// The phone was revoked. Here is our word on it, signed.
    #[error("the device was revoked")]
    Revoked(Jws),
    /// The prompt asks for the `verified` key, or a deny was not signed by `device`.
    #[error("the decision is signed by the wrong one of the device's keys")]
    WrongKey,
    /// No such prompt for this phone.
    #[error("no such prompt for this device")]
    UnknownPrompt,
    /// A member is that of something else.
    #[error("the decision is about something else: {0:?}")]
    Mismatch(Check),
    /// The prompt's time is over by the server's clock.
    #[error("the prompt has expired")]
    Expired,
    /// The request was concluded otherwise.
    #[error("the request was concluded: {0}")]
    Concluded(Refusal),
    /// The user is locked or disabled.
    #[error("the user may not sign in")]
    UserNotActive,
    /// This counter value was used for another decision: the phone's keys are in two places.
    #[error("the counter was used for another decision")]
    CounterReused,
    /// The proof was used before, by a call to another process.
    #[error("the proof was used before")]
    ProofReplayed,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Reason {
    /// The check that failed; `None` where the decision was not judged.
    const fn check(&self) -> Option<Check> {
        match self {
            Self::Malformed(check) | Self::BadSignature(check) | Self::Mismatch(check) => Some(*check),
            Self::Revoked(_) => Some(Check::Device),
            Self::WrongKey => Some(Check::Key),
            Self::UnknownPrompt => Some(Check::UnknownPrompt),
            Self::Expired | Self::Concluded(Refusal::Expired) => Some(Check::Expired),
            Self::Concluded(_) => Some(Check::State),
            Self::UserNotActive => Some(Check::User),
            Self::CounterReused => Some(Check::Counter),
            Self::ProofReplayed => Some(Check::Proof),
            Self::Unavailable(_) => None,
        }
    }
}

impl From<prompts::Reason> for Reason {
    fn from(reason: prompts::Reason) -> Self {
        match reason {
            prompts::Reason::UnknownPrompt => Self::UnknownPrompt,
            prompts::Reason::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

/// Lets in a phone that wants to decide about prompt `id`, or not. A phone that proves itself, but by a proof that came
/// before or by its former key, leaves an event as any other refused decision does.
pub async fn receive(provider: &Provider, presented: Presented<'_>, id: &str) -> Result<Proven, prove::Reason> {
    let proven = prove::prove_even_revoked(provider, presented).await;
    let check = match &proven {
        Err(prove::Reason::Replayed) => Check::Proof,
        Err(prove::Reason::FormerKey) => Check::Key,
        _ => return proven,
    };
    if let (Some(device), Ok(id)) = (presented.device(), id.parse()) {
        refused::record(provider, &device, &id, check).await?;
    }
    proven
}

/// Takes a decision about prompt `id` from a phone that proved its request; returns the signed result. The phone may have
/// been revoked: that is one of the checks.
pub async fn decide(provider: &Provider, proven: &Proven, id: &PromptId, jws: Jws) -> Result<Jws, Reason> {
    let device = &proven.device;
    let result = until_decided_of(&provider.lines, &device.subject, || attempt(provider, proven, id, &jws)).await;
    if let Some(check) = result.as_ref().err().and_then(Reason::check) {
        refused::record(provider, &device.id, id, check).await?;
    }
    if matches!(result, Err(Reason::CounterReused)) {
        end_clone(provider, device).await?;
    }
    provider.wake.phone(&device.id);
    result
}

/// One counter value under two payloads means that the keys are in two places. Nobody can tell which one is the user's.
async fn end_clone(provider: &Provider, device: &Device) -> Result<(), Unavailable> {
    warn!(device = %device.id, "a decision counter was used twice");
    match maintain::revoke(provider, &device.id, RevocationReason::Cloned).await {
        Err(maintain::Reason::Unavailable(reason)) => Err(reason),
        _ => Ok(()),
    }
}

async fn attempt(provider: &Provider, proven: &Proven, id: &PromptId, jws: &Jws) -> Result<Attempt<Jws>, Reason> {
    let now = provider.now();
    let envelope = Envelope::open(jws, &proven.device)?;
    let device = still_active(provider, &proven.device).await?;
    let prompt = prompts::find(provider, &device.id, id).await?;
    envelope.judge_key(&prompt.record)?;
    let signed = envelope.verify(provider, &device)?;
    judge::judge_binding(provider, &device, &prompt.record, &signed)?;
    if let Some(answer) = judge::known_answer(&prompt.record, &signed) {
        return Ok(Attempt::Done(answer));
    }
    if !prompt.record.about.is_request() {
        return own::conclude(provider, (proven, &device), prompt, &signed, now).await;
    }
    let request = provider.store.request(provider.id(), &prompt.record.request).await.map_err(Unavailable::from)?;
    let request = request.ok_or(Reason::UnknownPrompt)?;
    judge::judge_time(&prompt.record, &request.record, &signed, now)?;
    judge::judge_user(provider, &request.record).await?;
    let step = Scene { provider, proven, device, prompt, request, now }.step(&signed).await?;
    let committed = provider.store.commit(step.change).await;
    match committed {
        Ok(()) => {
            info!(request = %step.request, device = %proven.device.id, outcome = ?step.outcome, "request decided");
            step.told.send(provider);
            provider.wake.outbox();
            if let Some(phone) = &step.suspended {
                provider.wake.phone(phone);
            }
        }
        Err(CommitError::Replayed(MarkKey::Counter(..), value)) if value != signed.said() => {
            return Err(Reason::CounterReused);
        }
        // Two copies of one decision raced: the other one is stored, so reading again finds its result.
        Err(CommitError::Replayed(MarkKey::Counter(..), _)) => return Ok(Attempt::Lost(CommitError::Conflict)),
        Err(CommitError::Replayed(MarkKey::Proof(..), _)) => return Err(Reason::ProofReplayed),
        Err(_) => {}
    }
    Ok(Attempt::after(committed, step.result))
}

/// The phone as it is by now: it may have been revoked since it proved its call, and its keys replaced.
async fn still_active(provider: &Provider, device: &Device) -> Result<Device, Reason> {
    let found = provider.store.device(provider.id(), &device.id).await.map_err(Unavailable::from)?;
    let device = found.ok_or(Reason::UnknownPrompt)?.record;
    match prove::revocation(provider, &device)? {
        None => Ok(device),
        Some(revocation) => Err(Reason::Revoked(revocation)),
    }
}

/// One decision's commit and what is answered once it is durable.
struct Step {
    request: RequestKey,
    outcome: Outcome,
    result: Jws,
    change: Change,
    told: Told,
    /// A phone that a dispute suspended.
    suspended: Option<DeviceId>,
}

/// What a decision comes upon.
struct Scene<'a> {
    provider: &'a Provider,
    proven: &'a Proven,
    device: Device,
    prompt: Versioned<StoredPrompt>,
    request: Versioned<AuthenticationRequest>,
    now: Timestamp,
}

impl Scene<'_> {
    /// State, then match code; then everything that follows.
    async fn step(self, signed: &Signed) -> Result<Step, Reason> {
        let Self { provider, now, .. } = self;
        let hash = signed.jws.digest();
        let (before, key) = (&self.request.record, self.request.record.key);
        let (next, reason) = self.next(signed, hash)?;
        let (mut change, mut told, mut suspended) = (provider.change(), Told::default(), None);
        let outcome = match next {
            Transition::Unchanged => outcome_of(&before.state),
            Transition::Changed(next, notice) => {
                let outcome = outcome_of(&next.state);
                (change, told) = notify::tell(provider, change, before, notice, now);
                change = deliver::from_the_others(provider, change, before, Some(&self.device.id), now).await?;
                change = change.replace(self.request.version, *next);
                if reason.is_some_and(DenialReason::speaks_against_client) {
                    change = disturb::refused(provider, change, before, now).await?;
                }
                let answer = (self.device.id, outcome, reason);
                change = history::note(provider, change, before, answer, now).await?;
                if outcome == Outcome::Disputed {
                    (change, suspended) = dispute::follow(provider, change, before, self.device.id, now).await?;
                }
                outcome
            }
        };
        let result = self.result(signed, hash, outcome)?;
        let answer = StoredAnswer { id: signed.decision.jti, jws: signed.jws.clone(), result: result.clone() };
        let counter = MarkKey::Counter(self.device.id, signed.decision.ctr);
        let decided = self.decided(signed, reason);
        let approval = before.state.approval();
        change = change
            .replace(self.prompt.version, self.prompt.record.clone().answered(answer, approval))
            .mark(counter, signed.said(), now.plus_seconds(COUNTER_DAYS * 86_400))
            .recording(provider, now, decided);
        Ok(Step { request: key, outcome, result, change: self.proven.marking(change, now), told, suspended })
    }

    /// What the decision makes of the request, and why it is denied where it is.
    fn next(&self, signed: &Signed, hash: Digest) -> Result<(Transition, Option<DenialReason>), Reason> {
        let apply = |event| self.request.record.clone().apply(event, self.now).map_err(Reason::Concluded);
        let deny = |reason| Event::Deny(Denial { device: self.device.id, reason, at: self.now });
        if signed.decision.decision == Answer::Deny {
            let reason = signed.decision.reason.map(DenialReason::from);
            return Ok((apply(deny(reason))?, reason));
        }
        let asked = self.request.record.match_code.as_ref();
        let approval = Approval {
            device: self.device.id,
            role: signed.role,
            level: self.device.level_of(signed.role),
            decision: hash,
            key: Some(*self.device.key(signed.role)),
            matched: asked.is_some(),
            limited: self.device.is_limited(self.now),
            at: self.now,
        };
        let next = apply(Event::Approve(approval))?;
        match self.typed(asked, signed)? {
            Typed::Right => Ok((next, None)),
            Typed::Wrong => Ok((apply(deny(Some(DenialReason::WrongCode)))?, Some(DenialReason::WrongCode))),
        }
    }

    /// Judges the digits that came with an approval. What cannot be a code is refused and costs no try.
    fn typed(&self, asked: Option<&Digest>, signed: &Signed) -> Result<Typed, Reason> {
        match (asked, signed.decision.match_code.as_deref()) {
            (None, None) => Ok(Typed::Right),
            (Some(kept), Some(typed)) if match_code::is_code(typed) => {
                let is_right = match_code::is_right(self.provider, &self.request.record.key, kept, typed);
                Ok(if is_right { Typed::Right } else { Typed::Wrong })
            }
            (None, Some(_)) | (Some(_), _) => Err(Reason::Mismatch(Check::Match)),
        }
    }

    fn decided(&self, signed: &Signed, reason: Option<DenialReason>) -> What {
        let clock_off = signed.decision.iat.saturating_sub(self.now.unix_seconds());
        What::RequestDecided {
            request: self.request.record.key,
            device: self.device.id,
            answer: signed.decision.decision,
            reason,
            role: signed.role,
            counter: signed.decision.ctr,
            clock_off: (clock_off.saturating_abs() > CLOCK_TOLERANCE).then_some(clock_off),
            opened_at: self.provider.opened.at(&signed.decision.prompt),
        }
    }

    fn result(&self, signed: &Signed, hash: Digest, outcome: Outcome) -> Result<Jws, Reason> {
        result(self.provider, &self.device, &self.prompt.record, (signed, hash), outcome, self.now)
    }
}

/// Whether the digits are those of the client's screen, where any are asked.
enum Typed {
    Right,
    Wrong,
}

fn outcome_of(state: &State) -> Outcome {
    match state {
        State::Approved { .. } => Outcome::Approved,
        State::Redeemed { .. } => Outcome::Disputed,
        State::Pending | State::Denied { .. } | State::Cancelled { .. } | State::Failed { .. } => Outcome::Denied,
    }
}

/// Our signed word on a decision.
fn result(
    provider: &Provider,
    device: &Device,
    prompt: &StoredPrompt,
    (signed, hash): (&Signed, Digest),
    outcome: Outcome,
    now: Timestamp,
) -> Result<Jws, Reason> {
    let result = DecisionResult {
        iss: provider.issuer().to_owned(),
        aud: device.device_key.thumbprint(),
        prompt: prompt.id,
        decision: signed.decision.jti,
        hash,
        outcome,
        received_at: now.unix_seconds(),
        v: protocol::VERSION,
    };
    provider.keys.sign_device(&result).map_err(|_| Unavailable::Keys.into())
}
