//! One copy of a prompt on one phone, stored as it was signed.

use protocol::{DecisionId, DeviceId, Digest, Jws, Nonce, PromptId};
use serde::{Deserialize, Serialize};

use super::names::RequestKey;
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
