//! One copy of a prompt on one phone, stored as it was signed.

use protocol::{DecisionId, DeviceId, Digest, EnrolmentId, Jws, Nonce, PromptId};
use serde::{Deserialize, Serialize};

use super::authentication_request::Approval;
use super::names::{RequestKey, Subject};
use super::time::Timestamp;

/// A prompt copy. Its life ends with its request's tombstone, or at [`Self::keep_until`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPrompt {
    /// `jti` of the prompt.
    pub id: PromptId,
    /// The phone it is for.
    pub device: DeviceId,
    /// The request it asks about. Of a prompt of our own, a key that no request has.
    pub request: RequestKey,
    /// What it asks.
    #[serde(default, skip_serializing_if = "About::is_request")]
    pub about: About,
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

/// What a prompt asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "asks")]
pub enum About {
    /// A relying party's request.
    #[default]
    Request,
    /// Whether pushes arrive. Its answer decides nothing.
    Test,
    /// Whether another phone may join.
    AddDevice {
        /// The enrolment that brings it.
        enrolment: EnrolmentId,
    },
    /// Whether another phone may replace its `verified` key.
    Rotate {
        /// That phone.
        device: DeviceId,
        /// Hash of what it proposes.
        rotation: Digest,
    },
    /// Nothing: it says what became of another phone, and takes *not me* for an answer.
    Notice {
        /// That phone.
        device: DeviceId,
    },
}

impl About {
    /// Whether a relying party asks.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self, Self::Request)
    }
}

/// For how long a prompt of our own is kept behind its end, in seconds: an answer that is sent again finds its result.
const KEPT_AFTER: i64 = 600;

/// Where a question waits whose user had no phone when it was asked. No phone has this id, which is a hash.
#[must_use]
pub fn nobodys_phone(subject: &Subject) -> DeviceId {
    let digest = Digest::labelled("assent-nobodys-phone", &[subject.as_str().as_bytes()]);
    DeviceId::from_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 bytes"))
}

impl StoredPrompt {
    /// When it is forgotten, unless its request takes it along.
    #[must_use]
    pub fn keep_until(&self) -> Option<Timestamp> {
        (!self.about.is_request()).then(|| self.expires_at.plus_seconds(KEPT_AFTER))
    }

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
