//! What the phone remembers, as one version-tagged JSON document in secure storage. No private key is ever in it.

use protocol::messages::{Answer, DenyReason, EnrolmentState, Outcome};
use protocol::{DecisionId, DeviceId, EnrolmentId, Jwk, Jws, KeyRole, PromptId};
use serde::{Deserialize, Serialize};

use crate::error::DeviceError;
use crate::ports::{KeyProtection, KeyPurpose};
use crate::trust::Trust;

/// The document's name in secure storage.
pub const DOCUMENT: &str = "assent-device";

/// The format that this version writes; older ones are migrated, newer ones refused.
const FORMAT: u32 = 1;

/// Decisions remembered for one account. Those without a result matter, and no user has that many open at once.
const MAX_DECISIONS: usize = 64;

/// Everything remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// One for each enrolment that reached its digits.
    pub accounts: Vec<AccountState>,
    /// Key slots of enrolments that did not: their keys are destroyed when the next one begins.
    pub unfinished: Vec<KeySlot>,
}

/// One account on this phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// The enrolment, which is also the account's id on this phone.
    pub enr: EnrolmentId,
    /// The id this phone signs under.
    pub device: DeviceId,
    /// The account as the server masks it.
    pub label: String,
    /// By what the server is believed.
    pub trust: Trust,
    /// Where the keys are in the vault.
    pub slot: KeySlot,
    /// Public halves.
    pub keys: PublicKeys,
    /// How `verified` is protected.
    pub protection: KeyProtection,
    /// Where the enrolment stands.
    pub standing: EnrolmentState,
    /// The six digits, as long as they are of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
    /// The last `ctr` used.
    pub counter: u64,
    /// What was decided lately, oldest first.
    pub decisions: Vec<KeptDecision>,
}

/// Public halves of the three keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    /// Signs proofs and denials.
    pub device: Jwk,
    /// Signs approvals.
    pub verified: Jwk,
    /// Receives sealed pushes.
    pub sealing: Jwk,
}

/// The common part of the three aliases of one enrolment: random, so that no two enrolments ever share a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeySlot(String);

impl KeySlot {
    /// All purposes.
    pub const PURPOSES: [KeyPurpose; 3] = [KeyPurpose::Device, KeyPurpose::Verified, KeyPurpose::Sealing];

    /// From 128 random bits.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(format!("assent.{}", protocol::base64url::encode(&random)))
    }

    /// One key, to sign with.
    #[must_use]
    pub fn key(&self, purpose: KeyPurpose, public: Jwk) -> VaultKey {
        VaultKey { alias: self.alias(purpose), public }
    }

    /// The alias of one key.
    #[must_use]
    pub fn alias(&self, purpose: KeyPurpose) -> String {
        let purpose = match purpose {
            KeyPurpose::Device => "device",
            KeyPurpose::Verified => "verified",
            KeyPurpose::Sealing => "sealing",
        };
        format!("{}.{purpose}", self.0)
    }
}

/// A key in the vault and the public half that its signatures must verify with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKey {
    /// Where the private half is.
    pub alias: String,
    /// The public half.
    pub public: Jwk,
}

/// What was answered, without the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It was me and I agree.
    Approve,
    /// No, because.
    Deny(DenyReason),
}

impl Verdict {
    /// The `decision` member.
    #[must_use]
    pub const fn answer(self) -> Answer {
        match self {
            Self::Approve => Answer::Approve,
            Self::Deny(_) => Answer::Deny,
        }
    }

    /// The `reason` member.
    #[must_use]
    pub const fn reason(self) -> Option<DenyReason> {
        match self {
            Self::Approve => None,
            Self::Deny(reason) => Some(reason),
        }
    }
}

/// A decision that was signed, kept so that sending it again sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDecision {
    /// The prompt it answers.
    pub prompt: PromptId,
    /// What it says.
    pub verdict: Verdict,
    /// Its `jti`.
    pub jti: DecisionId,
    /// Where it stands.
    pub progress: Progress,
}

/// Whether the server's word on a decision has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Not yet: these bytes are sent until it has.
    Unheard(Jws),
    /// It has.
    Heard(Outcome),
}

impl AccountState {
    /// The key of a role.
    #[must_use]
    pub fn key(&self, role: KeyRole) -> VaultKey {
        match role {
            KeyRole::Device => self.slot.key(KeyPurpose::Device, self.keys.device),
            KeyRole::Verified => self.slot.key(KeyPurpose::Verified, self.keys.verified),
        }
    }

    /// What was already decided so about this prompt.
    #[must_use]
    pub fn kept(&self, prompt: &PromptId, verdict: Verdict) -> Option<&KeptDecision> {
        self.decisions.iter().rev().find(|kept| kept.prompt == *prompt && kept.verdict == verdict)
    }

    /// Whether this prompt was denied, heard or not.
    #[must_use]
    pub fn has_denied(&self, prompt: &PromptId) -> bool {
        self.decisions.iter().any(|kept| kept.prompt == *prompt && matches!(kept.verdict, Verdict::Deny(_)))
    }

    /// Decisions that are to be sent until the server's word arrives, oldest first.
    pub fn unheard(&self) -> impl Iterator<Item = &KeptDecision> {
        self.decisions.iter().filter(|kept| matches!(kept.progress, Progress::Unheard(_)))
    }

    /// Remembers a decision in place of one about the same prompt that the server may not have heard, and forgets the
    /// oldest heard ones beyond the limit.
    pub fn keep(&mut self, decision: KeptDecision) {
        let is_superseded =
            |kept: &KeptDecision| kept.prompt == decision.prompt && matches!(kept.progress, Progress::Unheard(_));
        self.decisions.retain(|kept| !is_superseded(kept));
        self.decisions.push(decision);
        while self.decisions.len() > MAX_DECISIONS {
            let heard = self.decisions.iter().position(|kept| matches!(kept.progress, Progress::Heard(_)));
            self.decisions.remove(heard.unwrap_or(0));
        }
    }

    /// Notes the server's word; the bytes are not needed any more.
    pub fn heard(&mut self, jti: &DecisionId, outcome: Outcome) {
        if let Some(kept) = self.decisions.iter_mut().find(|kept| kept.jti == *jti) {
            kept.progress = Progress::Heard(outcome);
        }
    }

    /// Forgets a decision that the server refused for good.
    pub fn drop_decision(&mut self, jti: &DecisionId) {
        self.decisions.retain(|kept| kept.jti != *jti);
    }
}

#[derive(Deserialize)]
struct Tag {
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Document<S> {
    format: u32,
    state: S,
}

impl State {
    /// Reads the document; nothing stored is the empty state.
    pub fn decode(document: Option<&[u8]>) -> Result<Self, DeviceError> {
        let Some(document) = document else {
            return Ok(Self::default());
        };
        let damaged = |_| DeviceError::DamagedState { detail: "it is no document of ours".into() };
        // The tag alone first: a newer format may have any shape.
        let tag: Tag = serde_json::from_slice(document).map_err(damaged)?;
        if tag.format > FORMAT {
            return Err(DeviceError::NewerState { version: tag.format });
        }
        let document: Document<Self> = serde_json::from_slice(document).map_err(damaged)?;
        Ok(document.state)
    }

    /// Writes the document.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the state is maps with string keys")]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Document { format: FORMAT, state: self }).expect("the state is maps with string keys")
    }

    /// One account by its id.
    pub fn account(&self, enr: &EnrolmentId) -> Result<&AccountState, DeviceError> {
        self.accounts.iter().find(|account| account.enr == *enr).ok_or(DeviceError::UnknownAccount)
    }

    /// One account by its id, to change it.
    pub fn account_mut(&mut self, enr: &EnrolmentId) -> Result<&mut AccountState, DeviceError> {
        self.accounts.iter_mut().find(|account| account.enr == *enr).ok_or(DeviceError::UnknownAccount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Op, account};

    fn decision(seed: u8, progress: Progress) -> KeptDecision {
        KeptDecision {
            prompt: PromptId::from_bytes([seed; 16]),
            verdict: Verdict::Approve,
            jti: DecisionId::from_bytes([seed; 16]),
            progress,
        }
    }

    fn unheard(seed: u8) -> KeptDecision {
        decision(seed, Progress::Unheard(Jws::from_text(format!("bytes-{seed}"))))
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let mut account = account(&Op::new());
        account.keep(unheard(1));
        let state = State { accounts: vec![account], unfinished: vec![KeySlot::new([1; 16])] };
        assert_eq!(State::decode(Some(&state.encode())), Ok(state));
        assert_eq!(State::decode(None), Ok(State::default()));
    }

    #[test]
    fn state_of_a_newer_version_is_refused_whatever_its_shape() {
        assert_eq!(State::decode(Some(br#"{"format":2,"all":"new"}"#)), Err(DeviceError::NewerState { version: 2 }));
    }

    #[test]
    fn damaged_state_is_a_condition_and_not_an_empty_phone() {
        for damaged in [&b""[..], b"{}", b"{\"format\":1}", b"\xff", b"{\"format\":1,\"state\":{\"accounts\":1}}"] {
            assert!(matches!(State::decode(Some(damaged)), Err(DeviceError::DamagedState { .. })), "{damaged:?}");
        }
    }

    #[test]
    fn no_private_key_is_in_the_state() {
        let state = State { accounts: vec![account(&Op::new())], unfinished: Vec::new() };
        assert!(!String::from_utf8(state.encode()).unwrap().contains("\"d\":"));
    }

    #[test]
    fn decisions_without_a_result_are_the_last_to_be_forgotten() {
        let mut account = account(&Op::new());
        account.keep(unheard(0));
        for seed in 1..=u8::try_from(MAX_DECISIONS).unwrap() {
            account.keep(decision(seed, Progress::Heard(Outcome::Approved)));
        }
        assert_eq!(account.decisions.len(), MAX_DECISIONS);
        assert!(account.kept(&PromptId::from_bytes([0; 16]), Verdict::Approve).is_some());
        assert!(account.kept(&PromptId::from_bytes([1; 16]), Verdict::Approve).is_none());
    }

    #[test]
    fn a_decision_is_found_by_prompt_and_verdict() {
        let mut account = account(&Op::new());
        account.keep(unheard(1));
        let prompt = PromptId::from_bytes([1; 16]);
        assert!(account.kept(&prompt, Verdict::Approve).is_some());
        assert!(account.kept(&prompt, Verdict::Deny(DenyReason::NotMe)).is_none());
        account.drop_decision(&DecisionId::from_bytes([1; 16]));
        assert!(account.kept(&prompt, Verdict::Approve).is_none());
    }
}
