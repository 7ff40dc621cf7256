//! One copy of a prompt on one phone, stored as it was signed.

use protocol::{DecisionId, DeviceId, Digest, Jws, Nonce, PromptId};
use serde::{Deserialize, Serialize};

use super::authentication_request::Approval;
use super::names::{RequestKey, Subject};
use super::time::Timestamp;

/// A prompt copy. Its life ends with its request's tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPrompt {
    /// `jti` of the prompt.
    pub id: PromptId,
    /// The phone it is for.
    pub device: DeviceId,
    /// The request it asks about.
    pub request: RequestKey,
    /// The nonce a decision must echo.
    pub nonce: Nonce,
    /// What the phone must have shown.
    pub display: Digest,
    /// Whether the `verified` key must approve.
    pub user_verification: protocol::messages::UserVerification,
    /// Exactly the bytes that were signed.
    pub jws: Jws,
    /// Until when an answer is accepted.
    pub expires_at: Timestamp,
    /// The answer this phone gave, so that sending it again gets the same result.
    pub answer: Option<StoredAnswer>,
    /// The approval that this phone gave before that answer: what the request's state, its tokens and its receipt rest on
    /// outlives a later word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<StoredAnswer>,
    /// The request's digest, of a copy for [`nobodys_phone`]: phones that enrol in time get copies of their own from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub req: Option<Digest>,
}

/// Where a question waits whose user had no phone when it was asked. No phone has this id, which is a hash.
#[must_use]
pub fn nobodys_phone(subject: &Subject) -> DeviceId {
    let digest = Digest::labelled("assent-nobodys-phone", &[subject.as_str().as_bytes()]);
    DeviceId::from_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

impl StoredPrompt {
    /// With another answer. One that made `approval` is kept beside it.
    #[must_use]
    pub fn answered(self, answer: StoredAnswer, approval: Option<&Approval>) -> Self {
        let before = self.answer.filter(|before| approval.is_some_and(|made| made.decision == before.jws.digest()));
        Self { answer: Some(answer), approval: before.or(self.approval), ..self }
    }
}

/// A decision that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// `jti` of the decision.
    pub id: DecisionId,
    /// The decision as received: evidence.
    pub jws: Jws,
    /// The signed result.
    pub result: Jws,
}
