//! The user's answer, and the server's word on it.

use serde::{Deserialize, Serialize};

use crate::{DecisionId, DeviceId, Digest, Nonce, PromptId};

/// The answer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It was me and I agree.
    Approve,
    /// No.
    Deny,
}

/// Why the user denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyReason {
    /// The user started nothing.
    NotMe,
    /// The user started something else.
    WrongDetails,
    /// The user changed their mind.
    Cancelled,
}

/// What the platform said about the user when the key was used. Information only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportedVerification {
    /// Nothing was asked.
    None,
    /// A biometric.
    Biometric,
    /// The device credential.
    Credential,
    /// The platform did not say which.
    Unknown,
}

/// `adp-decision+jwt`, phone → server, signed by `device` or `verified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The phone.
    pub iss: DeviceId,
    /// The issuer.
    pub aud: String,
    /// This decision; the same id and bytes sent again get the same result.
    pub jti: DecisionId,
    /// When, by the phone's clock. Recorded, never a reason to refuse.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
    /// The prompt's `jti`.
    pub prompt: PromptId,
    /// The prompt's `nonce`.
    pub nonce: Nonce,
    /// SHA-256 of the prompt JWS exactly as received.
    pub ph: Digest,
    /// [`crate::display::display_digest`] of the lines handed to the app.
    pub dh: Digest,
    /// The answer.
    pub decision: Answer,
    /// Why, when denying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenyReason>,
    /// The digits typed, where a match code is asked.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub match_code: Option<String>,
    /// What the platform said.
    pub uv: ReportedVerification,
    /// Counts up by one for every decision of this phone.
    pub ctr: u64,
}

/// Where the request stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The request is approved.
    Approved,
    /// The request is denied.
    Denied,
    /// Tokens had been issued before; the dispute is recorded.
    Disputed,
}

/// `adp-result+jwt`, server → phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionResult {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the phone's `device` key.
    pub aud: Digest,
    /// The prompt.
    pub prompt: PromptId,
    /// The decision's `jti`.
    pub decision: DecisionId,
    /// SHA-256 of the decision JWS as received.
    pub hash: Digest,
    /// Where the request stands.
    pub outcome: Outcome,
    /// When the decision was first recorded, by the server's clock: the same in every repetition.
    pub received_at: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}
