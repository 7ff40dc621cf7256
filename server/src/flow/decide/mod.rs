//! A phone answers. Every check of the device protocol in its order; then state, answer, counter and replay mark in one
//! commit. This is the only place where an [`Approval`] is made.

use protocol::messages::{Answer, DecisionResult, Outcome, RevocationReason};
use protocol::{Digest, Jws, PromptId};
use tracing::{info, warn};

use super::Unavailable;
use super::notify::{self, Told};
use super::prove::{self, Proven};
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::{maintain, prompts};
use crate::domain::audit::{Check, What};
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, Denial, Event, Refusal, State, Transition,
};
use crate::domain::device::Device;
use crate::domain::names::RequestKey;
use crate::domain::prompt::{StoredAnswer, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, MarkKey, Versioned};

mod judge;
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

/// Takes a decision about prompt `id` from a phone that proved its request; returns the signed result. The phone may have
/// been revoked: that is one of the checks.
pub async fn decide(provider: &Provider, proven: &Proven, id: &PromptId, jws: Jws) -> Result<Jws, Reason> {
    let device = &proven.device;
    let result = until_decided(|| attempt(provider, proven, id, &jws)).await;
    if let Err(reason) = &result {
        refused::record(provider, device, id, reason).await?;
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
    let request = provider.store.request(provider.id(), &prompt.record.request).await.map_err(Unavailable::from)?;
    let request = request.ok_or(Reason::UnknownPrompt)?;
    judge::judge_time(&prompt.record, &request.record, &signed, now)?;
    judge::judge_user(provider, &request.record).await?;
    let step = step(provider, (proven, &device), prompt, &request, &signed, now)?;
    let committed = provider.store.commit(step.change).await;
    match committed {
        Ok(()) => {
            info!(request = %step.request, device = %device.id, outcome = ?step.outcome, "request decided");
            step.told.send(provider);
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
}

fn step(
    provider: &Provider,
    (proven, device): (&Proven, &Device),
    prompt: Versioned<StoredPrompt>,
    request: &Versioned<AuthenticationRequest>,
    signed: &Signed,
    now: Timestamp,
) -> Result<Step, Reason> {
    let hash = signed.jws.digest();
    let key = request.record.key;
    let event = event(device, signed, hash, now);
    let next = request.record.clone().apply(event, now).map_err(Reason::Concluded)?;
    let (mut change, mut told) = (provider.change(), Told::default());
    let outcome = match next {
        Transition::Unchanged => outcome_of(&request.record.state),
        Transition::Changed(next, notice) => {
            let outcome = outcome_of(&next.state);
            (change, told) = notify::tell(provider, change, &request.record, notice, now);
            change = change.replace(request.version, *next);
            outcome
        }
    };
    let result = result(provider, device, &prompt.record, signed, hash, outcome, now)?;
    let answer = StoredAnswer { id: signed.decision.jti, jws: signed.jws.clone(), result: result.clone() };
    change = change
        .replace(prompt.version, prompt.record.answered(answer, request.record.state.approval()))
        .mark(MarkKey::Counter(device.id, signed.decision.ctr), signed.said(), now.plus_seconds(COUNTER_DAYS * 86_400))
        .recording(provider, now, decided(provider, device, signed, key, now));
    if outcome == Outcome::Disputed {
        change = change.recording(provider, now, What::RequestDisputed { request: key, device: device.id });
    }
    Ok(Step { request: key, outcome, result, change: proven.marking(change, now), told })
}

fn event(device: &Device, signed: &Signed, hash: Digest, now: Timestamp) -> Event {
    match signed.decision.decision {
        Answer::Approve => Event::Approve(Approval {
            device: device.id,
            role: signed.role,
            level: device.level,
            decision: hash,
            at: now,
        }),
        Answer::Deny => Event::Deny(Denial { device: device.id, reason: signed.decision.reason, at: now }),
    }
}

fn outcome_of(state: &State) -> Outcome {
    match state {
        State::Approved { .. } => Outcome::Approved,
        State::Redeemed { .. } => Outcome::Disputed,
        State::Pending | State::Denied { .. } | State::Cancelled { .. } | State::Failed { .. } => Outcome::Denied,
    }
}

fn decided(provider: &Provider, device: &Device, signed: &Signed, request: RequestKey, now: Timestamp) -> What {
    let clock_off = signed.decision.iat.saturating_sub(now.unix_seconds());
    What::RequestDecided {
        request,
        device: device.id,
        answer: signed.decision.decision,
        reason: signed.decision.reason,
        role: signed.role,
        counter: signed.decision.ctr,
        clock_off: (clock_off.saturating_abs() > CLOCK_TOLERANCE).then_some(clock_off),
        opened_at: provider.opened.at(&signed.decision.prompt),
    }
}

fn result(
    provider: &Provider,
    device: &Device,
    prompt: &StoredPrompt,
    signed: &Signed,
    hash: Digest,
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
