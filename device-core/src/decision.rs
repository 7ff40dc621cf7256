//! The user's answer as a message, and the server's word on it (`DEVICE_PROTOCOL` "Decision").

use protocol::display::display_digest;
use protocol::ids::KeyRef;
use protocol::jws::Unsigned;
use protocol::messages::{Decision, DecisionResult, Prompt, PromptKind, ReportedVerification, UserVerification};
use protocol::{DecisionId, Jws, KeyRole, PromptId, VERSION};

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
        (Verdict::Deny(_), _) | (Verdict::Approve, UserVerification::None) => {
            KeyChoice { role: KeyRole::Device, otherwise: None }
        }
        (Verdict::Approve, UserVerification::Required) => KeyChoice { role: KeyRole::Verified, otherwise: None },
        (Verdict::Approve, UserVerification::Preferred) => {
            KeyChoice { role: KeyRole::Verified, otherwise: Some(KeyRole::Device) }
        }
    }
}

/// How the user must be verified for this prompt: where keys come to the account, always.
#[must_use]
pub const fn verification(asked: &Prompt) -> UserVerification {
    match asked.kind {
        PromptKind::AddDevice | PromptKind::Rotate => UserVerification::Required,
        PromptKind::Ciba | PromptKind::Test | PromptKind::Notice => asked.uv,
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
    Unsigned::new(KeyRef { device: account.device, role: draft.role }, &message)
}

/// A decision with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The prompt it answers.
    pub prompt: PromptId,
    /// Its `jti`.
    pub jti: DecisionId,
    /// The bytes to send, now and every other time.
    pub message: Jws,
}

/// Checks that a result is the server's word on exactly this decision.
pub fn check_result(
    account: &AccountState,
    decision: &Signed,
    result: &Jws,
    now: i64,
) -> Result<DecisionResult, Distrust> {
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
    let fits =
        result.prompt == decision.prompt && result.decision == decision.jti && result.hash == decision.message.digest();
    if !fits {
        return Err(Distrust::Result);
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use protocol::crypto::Sign as _;
    use protocol::crypto::p256::VerifyingKey;
    use protocol::messages::{Answer, DenyReason, Outcome};
    use protocol::{Digest, Nonce};

    use super::*;
    use crate::prompt;
    use crate::testing::{ISSUER, NOW, Op, account, key, other_digest};

    const DENY: Verdict = Verdict::Deny(DenyReason::NotMe);

    fn draft(verdict: Verdict, role: KeyRole) -> Draft {
        let jti = DecisionId::from_bytes([0x77; 16]);
        Draft { verdict, role, jti, counter: 3, match_code: None, now: NOW + 5 }
    }

    fn signed(verdict: Verdict, role: KeyRole) -> (Op, AccountState, OpenPrompt, Signed) {
        let op = Op::new();
        let account = account(&op);
        let prompt = prompt::open(&account, op.prompt(&account, |_| ()), NOW).unwrap();
        let unsigned = build(&account, &prompt, draft(verdict, role));
        let key = if role == KeyRole::Device { key(11) } else { key(12) };
        let signature = key.sign(unsigned.signing_input()).unwrap();
        let jti = DecisionId::from_bytes([0x77; 16]);
        let signed = Signed { prompt: prompt.content().jti, jti, message: unsigned.attach(&signature) };
        (op, account, prompt, signed)
    }

    #[test]
    fn a_denial_is_always_signed_by_device() {
        for uv in [UserVerification::Required, UserVerification::Preferred, UserVerification::None] {
            assert_eq!(key_for(DENY, uv), KeyChoice { role: KeyRole::Device, otherwise: None });
        }
    }

    #[test]
    fn an_approval_under_required_verification_has_no_fallback() {
        let choice = key_for(Verdict::Approve, UserVerification::Required);
        assert_eq!(choice, KeyChoice { role: KeyRole::Verified, otherwise: None });
    }

    #[test]
    fn a_phone_is_added_by_verified_only_whatever_the_prompt_asks() {
        let asked = |kind| {
            crate::testing::prompt(&account(&Op::new()), |prompt| {
                prompt.kind = kind;
                prompt.uv = UserVerification::None;
            })
        };
        assert_eq!(verification(&asked(PromptKind::AddDevice)), UserVerification::Required);
        assert_eq!(verification(&asked(PromptKind::Ciba)), UserVerification::None);
    }

    #[test]
    fn an_approval_uses_device_where_the_prompt_asks_less() {
        let preferred = key_for(Verdict::Approve, UserVerification::Preferred);
        assert_eq!(preferred, KeyChoice { role: KeyRole::Verified, otherwise: Some(KeyRole::Device) });
        let none = key_for(Verdict::Approve, UserVerification::None);
        assert_eq!(none, KeyChoice { role: KeyRole::Device, otherwise: None });
    }

    #[test]
    fn an_approval_is_bound_to_the_bytes_and_lines_that_were_shown() {
        let (_, account, prompt, signed) = signed(Verdict::Approve, KeyRole::Verified);
        let decision: Decision = signed.message.open(&VerifyingKey::new(key(12).public()).unwrap()).unwrap();
        assert_eq!(decision.ph, Digest::of(prompt.message().as_str().as_bytes()));
        assert_eq!(decision.dh, prompt.content().display_digest());
        assert_eq!(decision.nonce, Nonce::from_bytes([0x66; 16]));
        assert_eq!((decision.iss, decision.aud.as_str()), (account.device, ISSUER));
        assert_eq!((decision.decision, decision.reason), (Answer::Approve, None));
        assert_eq!((decision.ctr, decision.iat), (3, NOW + 5));
        assert_eq!(decision.uv, ReportedVerification::Biometric);
    }

    #[test]
    fn a_denial_says_why_and_claims_no_verification() {
        let (_, _, _, signed) = signed(DENY, KeyRole::Device);
        let decision: Decision = signed.message.open(&VerifyingKey::new(key(11).public()).unwrap()).unwrap();
        assert_eq!((decision.decision, decision.reason), (Answer::Deny, Some(DenyReason::NotMe)));
        assert_eq!(decision.uv, ReportedVerification::None);
    }

    #[test]
    fn the_servers_word_counts_for_exactly_this_decision() {
        let (op, account, _, signed) = signed(Verdict::Approve, KeyRole::Verified);
        let judge = |bend: fn(&mut DecisionResult)| {
            let result = op.result(&account, &signed, bend);
            check_result(&account, &signed, &result, NOW).map(|result| result.outcome)
        };
        assert_eq!(judge(|_| ()), Ok(Outcome::Approved));
        assert_eq!(judge(|result| result.decision = DecisionId::from_bytes([1; 16])), Err(Distrust::Result));
        assert_eq!(judge(|result| result.hash = other_digest()), Err(Distrust::Result));
        assert_eq!(judge(|result| result.prompt = PromptId::from_bytes([1; 16])), Err(Distrust::Result));
        assert_eq!(judge(|result| result.aud = other_digest()), Err(Distrust::Audience));
        assert_eq!(judge(|result| result.iss = "https://other.example".into()), Err(Distrust::Issuer));
        assert_eq!(judge(|result| result.v = 2), Err(Distrust::Version));
    }

    #[test]
    fn a_result_by_an_impostor_is_refused() {
        let (_, account, _, signed) = signed(Verdict::Approve, KeyRole::Verified);
        let impostor = Op { root: key(77), signing: key(78) };
        let result = impostor.result(&account, &signed, |_| ());
        assert_eq!(check_result(&account, &signed, &result, NOW).map(|_| ()), Err(Distrust::UnknownKey));
    }
}
