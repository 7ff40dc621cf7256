//! A phone answers. Every check of the device protocol in its order; then state, answer, counter and replay mark in one
//! commit. This is the only place where an [`Approval`] is made.

use protocol::jws::{JwsError, Unverified};
use protocol::messages::{Answer, Decision, DecisionResult, DenyReason, Outcome, RevocationReason, UserVerification};
use protocol::{Digest, Jws, KeyRole, PromptId, Typ};
use tracing::{info, warn};

use super::Unavailable;
use super::notify::{self, Told};
use super::prove::Proven;
use super::provider::{Provider, Recorded as _};
use super::retry::{Attempt, until_decided};
use super::{maintain, prompts};
use crate::domain::audit::What;
use crate::domain::authentication_request::{
    Approval, AuthenticationRequest, Denial, Event, Refusal, State, Transition,
};
use crate::domain::device::Device;
use crate::domain::prompt::{StoredAnswer, StoredPrompt};
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;
use crate::store::{Change, CommitError, MarkKey, Versioned};

/// A phone's clock may be this many seconds off before the audit trail says so.
const CLOCK_TOLERANCE: i64 = 300;

/// No phone has more to say. Two answers of a phone are kept beside its prompt, in one record of the store.
const MOST_DECISION_BYTES: usize = 3 * 1024;

/// For how many days a decision counter is remembered.
const COUNTER_DAYS: i64 = 400;

/// Why a decision was not taken. The request stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not a decision: size, form, `typ` or `alg`.
    #[error("not a decision: {0}")]
    Malformed(JwsError),
    /// Signed as, or by, somebody else.
    #[error("the decision is not signed by this device")]
    BadSignature,
    /// The prompt asks for the `verified` key, or a deny was not signed by `device`.
    #[error("the decision is signed by the wrong one of the device's keys")]
    WrongKey,
    /// No such prompt for this phone.
    #[error("no such prompt for this device")]
    UnknownPrompt,
    /// `aud`, `prompt`, `nonce`, `ph` or `dh` is that of something else.
    #[error("the decision is about something else")]
    Mismatch,
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

impl From<prompts::Reason> for Reason {
    fn from(reason: prompts::Reason) -> Self {
        match reason {
            prompts::Reason::UnknownPrompt => Self::UnknownPrompt,
            prompts::Reason::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

/// A decision whose signature holds, with the key that made it.
struct Signed {
    decision: Decision,
    role: KeyRole,
    jws: Jws,
}

impl Signed {
    /// What was signed, whichever of its many signatures it carries.
    fn said(&self) -> Digest {
        Digest::of(self.jws.signed_text().as_bytes())
    }
}

/// Takes a decision about prompt `id` from a phone that proved its request; returns the signed result.
pub async fn decide(provider: &Provider, proven: &Proven, id: &PromptId, jws: Jws) -> Result<Jws, Reason> {
    let device = &proven.device;
    let signed = verify(provider, device, jws)?;
    let result = until_decided(|| attempt(provider, proven, id, &signed)).await;
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

/// `typ` and `alg`, `kid`, device, key, signature. Which key a decision needs is judged against its prompt.
fn verify(provider: &Provider, device: &Device, jws: Jws) -> Result<Signed, Reason> {
    if jws.as_str().len() > MOST_DECISION_BYTES {
        return Err(Reason::Malformed(JwsError::TooLarge));
    }
    let unverified = Unverified::parse(jws.as_str(), Typ::Decision).map_err(Reason::Malformed)?;
    let key = unverified.key_ref().map_err(Reason::Malformed)?;
    if key.device != device.id {
        return Err(Reason::BadSignature);
    }
    let jwk = match key.role {
        KeyRole::Device => &device.device_key,
        KeyRole::Verified => &device.verified_key,
    };
    let verifier = provider.proofs.key(jwk).ok_or(Reason::BadSignature)?;
    let decision: Decision = unverified.verify(&*verifier).map_err(|error| match error {
        JwsError::Crypto(_) => Reason::BadSignature,
        other => Reason::Malformed(other),
    })?;
    Ok(Signed { decision, role: key.role, jws })
}

async fn attempt(provider: &Provider, proven: &Proven, id: &PromptId, signed: &Signed) -> Result<Attempt<Jws>, Reason> {
    let now = provider.now();
    let prompt = prompts::find(provider, &proven.device.id, id).await?;
    judge_key(&prompt.record, signed)?;
    judge_binding(provider, &proven.device, &prompt.record, signed)?;
    if let Some(answer) = known_answer(&prompt.record, signed) {
        return Ok(Attempt::Done(answer));
    }
    let request = provider.store.request(provider.id(), &prompt.record.request).await.map_err(Unavailable::from)?;
    let request = request.ok_or(Reason::UnknownPrompt)?;
    judge_time(&prompt.record, &request.record, signed, now)?;
    judge_user(provider, &request.record).await?;
    let step = step(provider, proven, prompt, &request, signed, now)?;
    let committed = provider.store.commit(step.change).await;
    match committed {
        Ok(()) => {
            info!(request = %step.request, device = %proven.device.id, outcome = ?step.outcome, "request decided");
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

/// The sender never chooses the weaker key: what the prompt asks for decides.
fn judge_key(prompt: &StoredPrompt, signed: &Signed) -> Result<(), Reason> {
    let fits = match (signed.decision.decision, prompt.user_verification, signed.role) {
        // Refusing needs no fingerprint, and only `device` may: a deny tells nothing about who is there.
        (Answer::Deny, _, role) => role == KeyRole::Device,
        (Answer::Approve, UserVerification::Required, role) => role == KeyRole::Verified,
        (Answer::Approve, UserVerification::Preferred | UserVerification::None, _) => true,
    };
    if fits { Ok(()) } else { Err(Reason::WrongKey) }
}

fn judge_binding(provider: &Provider, device: &Device, prompt: &StoredPrompt, signed: &Signed) -> Result<(), Reason> {
    let decision = &signed.decision;
    let fits = decision.iss == device.id
        && decision.aud == provider.issuer()
        && decision.v == protocol::VERSION
        && decision.prompt == prompt.id
        && decision.nonce == prompt.nonce
        && decision.ph == prompt.jws.digest()
        && decision.dh == prompt.display
        && (decision.decision == Answer::Deny || decision.reason.is_none())
        && decision.match_code.is_none();
    if fits { Ok(()) } else { Err(Reason::Mismatch) }
}

/// The same decision sent again gets the stored result, and nothing else is judged; also when it was signed anew.
fn known_answer(prompt: &StoredPrompt, signed: &Signed) -> Option<Jws> {
    let mut answers = prompt.answer.iter().chain(&prompt.approval);
    let known = answers
        .find(|answer| answer.id == signed.decision.jti && answer.jws.signed_text() == signed.jws.signed_text())?;
    Some(known.result.clone())
}

/// The server's own clock, never the phone's. Only the word "this was not me" is taken later, up to the tombstone's end.
fn judge_time(
    prompt: &StoredPrompt,
    request: &AuthenticationRequest,
    signed: &Signed,
    now: Timestamp,
) -> Result<(), Reason> {
    let disputes = matches!(request.state, State::Redeemed { .. })
        && signed.decision.decision == Answer::Deny
        && signed.decision.reason == Some(DenyReason::NotMe);
    if disputes || now < prompt.expires_at { Ok(()) } else { Err(Reason::Expired) }
}

async fn judge_user(provider: &Provider, request: &AuthenticationRequest) -> Result<(), Reason> {
    let user = provider.store.user(provider.id(), &request.subject).await.map_err(Unavailable::from)?;
    if user.is_some_and(|user| user.record.status == UserStatus::Active) { Ok(()) } else { Err(Reason::UserNotActive) }
}

/// One decision's commit and what is answered once it is durable.
struct Step {
    request: crate::domain::names::RequestKey,
    outcome: Outcome,
    result: Jws,
    change: Change,
    told: Told,
}

fn step(
    provider: &Provider,
    proven: &Proven,
    prompt: Versioned<StoredPrompt>,
    request: &Versioned<AuthenticationRequest>,
    signed: &Signed,
    now: Timestamp,
) -> Result<Step, Reason> {
    let device = &proven.device;
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

fn decided(
    provider: &Provider,
    device: &Device,
    signed: &Signed,
    request: crate::domain::names::RequestKey,
    now: Timestamp,
) -> What {
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
