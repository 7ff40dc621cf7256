//! The checks of a decision, in the order of the device protocol: size, `typ`, `alg`, `kid`, the device, key level,
//! signature, what the decision is about, time, user. State, match code and counter are judged with the commit.

use protocol::jws::{JwsError, Unverified};
use protocol::messages::{Answer, Decision, DenyReason, UserVerification};
use protocol::{Digest, Jws, KeyRef, KeyRole, Typ};
use serde::Deserialize;

use super::super::Unavailable;
use super::super::provider::Provider;
use super::Reason;
use crate::domain::audit::Check;
use crate::domain::authentication_request::{AuthenticationRequest, DISPUTE_SECONDS, State};
use crate::domain::device::Device;
use crate::domain::prompt::StoredPrompt;
use crate::domain::time::Timestamp;
use crate::domain::user::UserStatus;

/// No phone has more to say. Two answers of a phone are kept beside its prompt, in one record of the store.
const MOST_DECISION_BYTES: usize = 3 * 1024;

/// A decision of the right form, which nobody has vouched for yet.
pub(super) struct Envelope<'a> {
    unverified: Unverified<'a>,
    key: KeyRef,
    jws: &'a Jws,
}

/// A decision whose signature holds, with the key that made it.
pub(super) struct Signed {
    pub(super) decision: Decision,
    pub(super) role: KeyRole,
    pub(super) jws: Jws,
}

impl Signed {
    /// What was signed, whichever of its many signatures it carries.
    pub(super) fn said(&self) -> Digest {
        Digest::of(self.jws.signed_text().as_bytes())
    }
}

/// All that must be known of a decision before its signature: it chooses which key is the right one.
#[derive(Deserialize)]
struct Claimed {
    decision: Answer,
}

impl<'a> Envelope<'a> {
    /// Size, form, `typ`, `alg`, `kid`.
    pub(super) fn open(jws: &'a Jws, device: &Device) -> Result<Self, Reason> {
        if jws.as_str().len() > MOST_DECISION_BYTES {
            return Err(Reason::Malformed(Check::Size));
        }
        let unverified = Unverified::parse(jws.as_str(), Typ::Decision).map_err(|why| malformed(&why))?;
        let key = unverified.key_ref().map_err(|_| Reason::Malformed(Check::Kid))?;
        if key.device != device.id {
            return Err(Reason::BadSignature(Check::Kid));
        }
        Ok(Self { unverified, key, jws })
    }

    /// The sender never chooses the weaker key: what the prompt asks for decides.
    pub(super) fn judge_key(&self, prompt: &StoredPrompt) -> Result<(), Reason> {
        let claimed: Claimed = self.unverified.claimed().map_err(|why| malformed(&why))?;
        let fits = match (claimed.decision, prompt.user_verification, self.key.role) {
            // Refusing needs no fingerprint, and only `device` may: a deny tells nothing about who is there.
            (Answer::Deny, _, role) => role == KeyRole::Device,
            (Answer::Approve, UserVerification::Required, role) => role == KeyRole::Verified,
            (Answer::Approve, UserVerification::Preferred | UserVerification::None, _) => true,
        };
        if fits { Ok(()) } else { Err(Reason::WrongKey) }
    }

    /// The signature, by the key that was judged; then the payload is read.
    pub(super) fn verify(self, provider: &Provider, device: &Device) -> Result<Signed, Reason> {
        let verifier = provider.proofs.key(device.key(self.key.role)).ok_or(Reason::BadSignature(Check::Signature))?;
        let decision = self.unverified.verify(&*verifier).map_err(|why| malformed(&why))?;
        Ok(Signed { decision, role: self.key.role, jws: self.jws.clone() })
    }
}

fn malformed(why: &JwsError) -> Reason {
    match why {
        JwsError::TooLarge => Reason::Malformed(Check::Size),
        JwsError::Typ => Reason::Malformed(Check::Typ),
        JwsError::Algorithm => Reason::Malformed(Check::Alg),
        JwsError::Malformed | JwsError::Critical | JwsError::Json(_) => Reason::Malformed(Check::Form),
        JwsError::Crypto(_) => Reason::BadSignature(Check::Signature),
    }
}

/// Whether the decision is about exactly this prompt, as this phone got it.
pub(super) fn judge_binding(
    provider: &Provider,
    device: &Device,
    prompt: &StoredPrompt,
    signed: &Signed,
) -> Result<(), Reason> {
    let decision = &signed.decision;
    // Only a denial has a reason, and only an approval a match code.
    let stray = match decision.decision {
        Answer::Approve => decision.reason.is_some(),
        Answer::Deny => decision.match_code.is_some(),
    };
    let checks = [
        (Check::Iss, decision.iss == device.id),
        (Check::Aud, decision.aud == provider.issuer()),
        (Check::Version, decision.v == protocol::VERSION),
        (Check::Prompt, decision.prompt == prompt.id),
        (Check::Nonce, decision.nonce == prompt.nonce),
        (Check::PromptHash, decision.ph == prompt.jws.digest()),
        (Check::DisplayHash, decision.dh == prompt.display),
        (Check::Reason, !stray),
    ];
    match checks.into_iter().find(|(_, holds)| !holds) {
        None => Ok(()),
        Some((check, _)) => Err(Reason::Mismatch(check)),
    }
}

/// The same decision sent again gets the stored result, and nothing else is judged; also when it was signed anew.
pub(super) fn known_answer(prompt: &StoredPrompt, signed: &Signed) -> Option<Jws> {
    let mut answers = prompt.answer.iter().chain(&prompt.approval);
    let known = answers
        .find(|answer| answer.id == signed.decision.jti && answer.jws.signed_text() == signed.jws.signed_text())?;
    Some(known.result.clone())
}

/// The server's own clock, never the phone's. After the prompt's end a deny may still take back what was approved, as
/// long as the request lives; and once there are tokens, the word "this was not me" is taken for ten minutes.
pub(super) fn judge_time(
    prompt: &StoredPrompt,
    request: &AuthenticationRequest,
    signed: &Signed,
    now: Timestamp,
) -> Result<(), Reason> {
    let decision = &signed.decision;
    let in_time = match (&request.state, decision.decision, decision.reason) {
        (State::Redeemed { at, .. }, Answer::Deny, Some(DenyReason::NotMe)) => now < at.plus_seconds(DISPUTE_SECONDS),
        (State::Approved { .. }, Answer::Deny, _) => !request.has_expired(now),
        _ => now < prompt.expires_at,
    };
    if in_time { Ok(()) } else { Err(Reason::Expired) }
}

/// The user may have been locked since the question was put.
pub(super) async fn judge_user(provider: &Provider, request: &AuthenticationRequest) -> Result<(), Reason> {
    let user = provider.store.user(provider.id(), &request.subject).await.map_err(Unavailable::from)?;
    if user.is_some_and(|user| user.record.status == UserStatus::Active) { Ok(()) } else { Err(Reason::UserNotActive) }
}
