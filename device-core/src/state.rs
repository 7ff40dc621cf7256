//! What the phone remembers, as one version-tagged JSON document in secure storage. No private key is ever in it.

use protocol::jws::General;
use protocol::messages::{Answer, DenyReason, EnrolmentPolicy, EnrolmentState, Outcome, RevocationReason};
use protocol::{DecisionId, DeviceId, Digest, EnrolmentId, Jwk, Jws, KeyRole, PromptId, VERSION};
use serde::{Deserialize, Serialize};

use crate::enrolment;
use crate::error::DeviceError;
use crate::ports::{KeyProtection, KeyPurpose};
use crate::rotation;
use crate::trust::{Distrust, Trust};

/// The document's name in secure storage.
pub const DOCUMENT: &str = "assent-device";

/// The format that this version writes; older ones are migrated, newer ones refused. A member more that older documents
/// can do without is no new format, but has a default.
///
/// | format | what is new |
/// |---|---|
/// | 1 | |
/// | 2 | a check sum, over the state as text; the clock's distance; the end of an account; keys that were replaced |
const FORMAT: u32 = 2;

/// Decisions remembered for one account. Those without a result matter, and no user has that many open at once.
const MAX_DECISIONS: usize = 16;

/// Everything remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// One for each enrolment that reached its digits.
    pub accounts: Vec<AccountState>,
    /// Key slots of enrolments that did not: their keys are destroyed when the next one begins.
    pub unfinished: Vec<KeySlot>,
    /// Aliases of keys that others have taken the place of, until they are destroyed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<String>,
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
    /// How far the server's clock is ahead of the phone's wall clock, in seconds, as last seen: counts until the server
    /// is heard again, and where there is no network.
    #[serde(default)]
    pub clock_ahead: i64,
    /// Why and when it was revoked, by the server's signed word. The keys are gone then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Where those keys are that were replaced since; the others are in `slot`.
    #[serde(default, skip_serializing_if = "MovedKeys::is_empty")]
    pub moved: MovedKeys,
    /// New keys, the server's word on which has not arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<PendingRotation>,
    /// Rotations before that one, oldest first, that somebody refused: the refusal is not signed, so their keys may be in
    /// force. Each replaces at least the keys that those before it do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubtful: Vec<PendingRotation>,
    /// What the realm asks of its phones, as last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<KnownPolicy>,
    /// Thumbprint of the `device` key before: prompts that were made for it are still this phone's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Digest>,
}

/// What the realm asks of its phones, by its signed word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPolicy {
    /// What it asks.
    pub policy: EnrolmentPolicy,
    /// When it said so, in seconds since 1970 by its clock: what it said before counts no more.
    pub at: i64,
}

/// The end of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Why.
    pub reason: RevocationReason,
    /// When, in seconds since 1970 by the server's clock.
    pub at: i64,
}

/// Slots of keys that were replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedKeys {
    /// Of `device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<KeySlot>,
    /// Of `verified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<KeySlot>,
    /// Of `sealing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<KeySlot>,
}

impl MovedKeys {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Keys that were made to replace others, and the message that tells the server: sent unchanged until it has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRotation {
    /// Where the new keys are.
    pub slot: KeySlot,
    /// Public halves of those that are new.
    pub keys: NewKeys,
    /// The signed message.
    pub message: General,
    /// How a new `verified` key is protected; as the one before, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<KeyProtection>,
    /// Somebody refused it, and did not sign that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// Public halves of new keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKeys {
    /// In place of `device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Jwk>,
    /// In place of `verified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Jwk>,
    /// In place of `sealing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Jwk>,
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

impl PendingRotation {
    /// Whether others must agree: it brings a new `verified` key, and the one before did not sign.
    #[must_use]
    pub fn asks_others(&self) -> bool {
        let with_old_verified = rotation::signers(&self.keys, true).len();
        self.keys.verified.is_some() && self.message.signers() < with_old_verified
    }
}

impl AccountState {
    /// The key of a role.
    #[must_use]
    pub fn key(&self, role: KeyRole) -> VaultKey {
        let (purpose, public) = match role {
            KeyRole::Device => (KeyPurpose::Device, self.keys.device),
            KeyRole::Verified => (KeyPurpose::Verified, self.keys.verified),
        };
        self.slot_of(purpose).key(purpose, public)
    }

    /// The alias of one of its keys.
    #[must_use]
    pub fn alias(&self, purpose: KeyPurpose) -> String {
        self.slot_of(purpose).alias(purpose)
    }

    fn slot_of(&self, purpose: KeyPurpose) -> &KeySlot {
        let moved = match purpose {
            KeyPurpose::Device => &self.moved.device,
            KeyPurpose::Verified => &self.moved.verified,
            KeyPurpose::Sealing => &self.moved.sealing,
        };
        moved.as_ref().unwrap_or(&self.slot)
    }

    /// Every slot that holds, or may hold, a key of this account.
    pub fn slots(&self) -> impl Iterator<Item = &KeySlot> {
        let moved = [&self.moved.device, &self.moved.verified, &self.moved.sealing].into_iter().flatten();
        std::iter::once(&self.slot).chain(moved).chain(self.rotations().map(|pending| &pending.slot))
    }

    /// All rotations whose end this phone has not learnt, oldest first.
    pub fn rotations(&self) -> impl Iterator<Item = &PendingRotation> {
        self.doubtful.iter().chain(&self.rotation)
    }

    /// The aliases of all keys that are, or may be, in use.
    #[must_use]
    pub fn aliases(&self) -> Vec<String> {
        let new = self.rotations().flat_map(|pending| KeySlot::PURPOSES.map(|purpose| pending.slot.alias(purpose)));
        KeySlot::PURPOSES.into_iter().map(|purpose| self.alias(purpose)).chain(new).collect()
    }

    /// Whether a message for this `device` key is for this phone.
    #[must_use]
    pub fn is_addressed_by(&self, aud: &Digest) -> bool {
        // The server may know of the new key what this phone has not heard yet: that it holds.
        let new = self.rotations().filter_map(|pending| pending.keys.device);
        let keys = std::iter::once(self.keys.device).chain(new);
        keys.map(|key| key.thumbprint()).chain(self.former).any(|known| known == *aud)
    }

    /// Whether what the server says of an enrolment is said of this one, to this phone.
    pub(crate) fn check_addressed(&self, iss: &str, aud: &Digest, enr: &EnrolmentId, v: u8) -> Result<(), Distrust> {
        if v != VERSION {
            return Err(Distrust::Version);
        }
        if iss != self.trust.issuer() {
            return Err(Distrust::Issuer);
        }
        if !self.is_addressed_by(aud) || *enr != self.enr {
            return Err(Distrust::Audience);
        }
        Ok(())
    }

    /// How the next `verified` key is to be protected: as the realm asks by now, by its signed word.
    #[must_use]
    pub fn next_protection(&self) -> KeyProtection {
        self.policy.as_ref().map_or(self.protection, |known| enrolment::protection_of(known.policy.verified))
    }

    /// With the keys of the pending rotation in place of those before.
    #[must_use]
    pub fn rotated(&self) -> Self {
        self.rotation.as_ref().map_or_else(|| self.clone(), |pending| self.rotated_by(pending))
    }

    /// With the keys of one of its rotations in place of those before. That ends the ones that are older: they were
    /// signed by keys which it replaces. A later one may be in force by now.
    #[must_use]
    pub fn rotated_by(&self, PendingRotation { slot, keys, protection, .. }: &PendingRotation) -> Self {
        let at = self.doubtful.iter().position(|other| other.slot == *slot);
        let place = |new: Option<Jwk>, before: &Option<KeySlot>| new.map(|_| slot.clone()).or_else(|| before.clone());
        Self {
            keys: PublicKeys {
                device: keys.device.unwrap_or(self.keys.device),
                verified: keys.verified.unwrap_or(self.keys.verified),
                sealing: keys.sealing.unwrap_or(self.keys.sealing),
            },
            moved: MovedKeys {
                device: place(keys.device, &self.moved.device),
                verified: place(keys.verified, &self.moved.verified),
                sealing: place(keys.sealing, &self.moved.sealing),
            },
            protection: keys.verified.and(*protection).unwrap_or(self.protection),
            former: keys.device.map(|_| self.keys.device.thumbprint()).or(self.former),
            rotation: at.and(self.rotation.clone()),
            doubtful: at.map_or_else(Vec::new, |at| self.doubtful[at + 1..].to_vec()),
            ..self.clone()
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

/// Format 1: the state as it is.
#[derive(Deserialize)]
struct Bare {
    state: State,
}

/// Format 2: the state as text, whose digest tells a document that was written half from one that was written.
#[derive(Serialize, Deserialize)]
struct Summed {
    format: u32,
    sum: Digest,
    state: String,
}

impl State {
    /// Reads the document; nothing stored is the empty state.
    pub fn decode(document: Option<&[u8]>) -> Result<Self, DeviceError> {
        let Some(document) = document else {
            return Ok(Self::default());
        };
        // The tag alone first: a newer format may have any shape.
        let tag: Tag = read(document)?;
        match tag.format {
            1 => Ok(read::<Bare>(document)?.state),
            2 => {
                let summed: Summed = read(document)?;
                if Digest::of(summed.state.as_bytes()) != summed.sum {
                    return Err(damaged("the check sum is another"));
                }
                read(summed.state.as_bytes())
            }
            0 => Err(damaged("there is no format 0")),
            version => Err(DeviceError::NewerState { version }),
        }
    }

    /// Writes the document.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the state is maps with string keys")]
    pub fn encode(&self) -> Vec<u8> {
        let state = serde_json::to_string(self).expect("the state is maps with string keys");
        let summed = Summed { format: FORMAT, sum: Digest::of(state.as_bytes()), state };
        serde_json::to_vec(&summed).expect("two numbers and a text")
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

fn read<T: serde::de::DeserializeOwned>(document: &[u8]) -> Result<T, DeviceError> {
    // From text, as messages are: readers of bytes would be compiled for every type once more.
    let text = std::str::from_utf8(document).map_err(|_| damaged("it is no text"))?;
    serde_json::from_str(text).map_err(|_| damaged("it is no document of ours"))
}

fn damaged(detail: &str) -> DeviceError {
    DeviceError::DamagedState { detail: detail.to_owned() }
}

#[cfg(test)]
mod golden;

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
        let state = State { accounts: vec![account], unfinished: vec![KeySlot::new([1; 16])], ..State::default() };
        assert_eq!(State::decode(Some(&state.encode())), Ok(state));
        assert_eq!(State::decode(None), Ok(State::default()));
    }

    #[test]
    fn state_of_a_newer_version_is_refused_whatever_its_shape() {
        assert_eq!(State::decode(Some(br#"{"format":3,"all":"new"}"#)), Err(DeviceError::NewerState { version: 3 }));
    }

    #[test]
    fn damaged_state_is_a_condition_and_not_an_empty_phone() {
        for damaged in [
            &b""[..],
            b"{}",
            b"{\"format\":0}",
            b"{\"format\":1}",
            b"{\"format\":2,\"state\":\"{}\"}",
            b"\xff",
            b"{\"format\":1,\"state\":{\"accounts\":1}}",
        ] {
            assert!(matches!(State::decode(Some(damaged)), Err(DeviceError::DamagedState { .. })), "{damaged:?}");
        }
    }

    #[test]
    fn a_document_that_was_written_half_or_changed_in_one_place_is_damaged() {
        let written = State { accounts: vec![account(&Op::new())], ..State::default() }.encode();
        let is_damaged =
            |document: &[u8]| matches!(State::decode(Some(document)), Err(DeviceError::DamagedState { .. }));
        for end in 0..written.len() {
            assert!(is_damaged(&written[..end]), "cut off at {end}");
        }
        // A later half over an earlier one, as a file system without order leaves it.
        let other = State { accounts: vec![account(&Op::new()), account(&Op::new())], ..State::default() }.encode();
        let mixed = [&other[..written.len() / 2], &written[written.len() / 2..]].concat();
        assert!(is_damaged(&mixed));
        let counter = b"\\\"counter\\\":0";
        let at = written.windows(counter.len()).position(|part| part == counter).unwrap() + counter.len() - 1;
        let mut changed = written.clone();
        changed[at] = b'1';
        assert!(is_damaged(&changed), "still well-formed, and not what was written");
    }

    #[test]
    fn no_private_key_is_in_the_state() {
        let state = State { accounts: vec![account(&Op::new())], ..State::default() };
        assert!(!String::from_utf8(state.encode()).unwrap().contains("\"d\\\":"));
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
