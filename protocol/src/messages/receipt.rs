//! The receipt: a relying party's evidence of one approval.

use serde::{Deserialize, Serialize};

use crate::{Digest, Jwk};

/// How well the key that decided is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyLevel {
    /// The phone says so.
    Claimed,
    /// App Attest verified over the finish payload.
    App,
    /// Hardware attestation verified.
    Attested,
}

/// `adp-receipt+jwt`, signed by the OP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The issuer.
    pub iss: String,
    /// The relying party's client id.
    pub aud: String,
    /// The subject as issued to this client.
    pub sub: String,
    /// [`crate::digest::request_digest`] of the `auth_req_id`.
    pub req: Digest,
    /// SHA-256 of the prompt JWS.
    pub prompt: Digest,
    /// SHA-256 of the decision JWS.
    pub decision: Digest,
    /// When the server received the decision: the authoritative time.
    pub received_at: i64,
    /// The phone's key that signed the decision.
    pub key: Jwk,
    /// How well the key is proven.
    pub level: KeyLevel,
    /// SHA-256 of the attestation evidence, where it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// SHA-256 of the enrolment transcript.
    pub enrolment: Digest,
    /// When the receipt was made.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}
