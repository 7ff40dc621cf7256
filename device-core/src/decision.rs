//! The user's answer as a message, and the server's word on it (`DEVICE_PROTOCOL` "Decision").

use protocol::display::display_digest;
use protocol::ids::KeyRef;
use protocol::jws::Unsigned;
use protocol::messages::{Decision, DecisionResult, Outcome, ReportedVerification, UserVerification};
use protocol::{DecisionId, Jws, KeyRole, VERSION};

use crate::ports::KeyProtection;
use crate::prompt::OpenPrompt;
use crate::state::{AccountState, Verdict};
use crate::trust::Distrust;

/// Which key signs, and whether another may stand in when it cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyChoice {
    /// The key to use.
    pub role: KeyRole,
    /// The key to use instead; never given where the user must be verified.
    pub otherwise: Option<KeyRole>,
}

/// The protocol's rule: refusing needs no fingerprint; approving takes the `verified` key unless the prompt asks less.
#[must_use]
pub const fn key_for(verdict: Verdict, uv: UserVerification) -> KeyChoice {
    match (verdict, uv) {
        (Verdict::Deny(_), _) | (Verdict::Approve, UserVerification::None) => KeyChoice {
            role: KeyRole::Device,
            otherwise: None,
        },
        (Verdict::Approve, UserVerification::Required) => KeyChoice {
            role: KeyRole::Verified,
            otherwise: None,
        },
        (Verdict::Approve, UserVerification::Preferred) => KeyChoice {
            role: KeyRole::Verified,
            otherwise: Some(KeyRole::Device),
        },
    }
}

/// What the platform asks of the user when a key of this role signs.
#[must_use]
pub const fn reported(role: KeyRole, protection: KeyProtection) -> ReportedVerification {
    match (role, protection) {
        (KeyRole::Device, _) => ReportedVerification::None,
        (KeyRole::Verified, KeyProtection::Biometric) => ReportedVerification::Biometric,
        // Biometric or screen lock: platforms do not say which it was.
        (KeyRole::Verified, KeyProtection::Credential) => ReportedVerification::Unknown,
    }
}

/// What a decision says beside what its prompt fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The answer.
    pub verdict: Verdict,
    /// Which key will sign.
    pub role: KeyRole,
    /// Fresh and random.
    pub jti: DecisionId,
    /// One above the last.
    pub counter: u64,
    /// The digits typed.
    pub match_code: Option<String>,
    /// When, by the phone's idea of the server's clock.
    pub now: i64,
}

/// The message over exactly the prompt that was opened, for the key of `draft.role` to sign.
#[must_use]
pub fn build(account: &AccountState, prompt: &OpenPrompt, draft: Draft) -> Unsigned {
    let asked = prompt.content();
    let message = Decision {
        iss: account.device,
        aud: account.trust.issuer().to_owned(),
        jti: draft.jti,
        iat: draft.now,
        v: VERSION,
        prompt: asked.jti,
        nonce: asked.nonce,
        ph: prompt.message().digest(),
        dh: display_digest(prompt.lines()),
        decision: draft.verdict.answer(),
        reason: draft.verdict.reason(),
        match_code: draft.match_code,
        uv: reported(draft.role, account.protection),
        ctr: draft.counter,
    };
    Unsigned::new(
        KeyRef {
            device: account.device,
            role: draft.role,
        },
        &message,
    )
}

/// A decision with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Its `jti`.
    pub jti: DecisionId,
    /// The bytes to send, now and every other time.
    pub message: Jws,
}

/// Checks that a result is the server's word on exactly this decision.
pub fn check_result(account: &AccountState, decision: &Signed, result: &Jws, now: i64) -> Result<Outcome, Distrust> {
    let result: DecisionResult = account.trust.open(result, now)?;
    if result.v != VERSION {
        return Err(Distrust::Version);
    }
    if result.iss != account.trust.issuer() {
        return Err(Distrust::Issuer);
    }
    if result.aud != account.keys.device.thumbprint() {
        return Err(Distrust::Audience);
    }
    if result.decision != decision.jti || result.hash != decision.message.digest() {
        return Err(Distrust::Result);
    }
    Ok(result.outcome)
}
