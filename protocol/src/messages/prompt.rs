//! The prompt: who asks, what for, and everything the user must see.

use serde::{Deserialize, Serialize};

use crate::display::{Line, display_digest};
use crate::{Digest, EnrolmentId, Nonce, PromptId};

/// What a prompt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptKind {
    /// A relying party's authentication request.
    Ciba,
    /// Another phone wants to join the account.
    AddDevice,
    /// Another phone wants to replace its `verified` key.
    Rotate,
    /// Says what became of another phone; `not_me` revokes that one, approving changes nothing.
    Notice,
    /// Shows that pushes arrive; decides nothing.
    Test,
}

/// Whether the platform must verify the user before the approval is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// Only the `verified` key may approve.
    Required,
    /// `verified` if it can be used, else `device`.
    Preferred,
    /// `device` is enough.
    None,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptClient {
    /// The relying party's client id.
    pub id: String,
    /// Its name, at most 60 code points.
    pub name: String,
    /// Whether an operator confirmed the name.
    pub verified: bool,
    /// Its logo, served by the OP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
}

/// A logo that the OP serves; phones never contact a relying party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// Path below the issuer.
    pub path: String,
    /// SHA-256 of the PNG.
    pub sha256: Digest,
}

/// Whether the user must type the code that the relying party shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchMode {
    /// No code.
    None,
    /// The user types `length` digits.
    Enter,
}

/// The match code's shape; the code itself never travels to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Whether one is asked.
    pub mode: MatchMode,
    /// How many digits.
    pub length: u8,
}

impl Match {
    /// No match code is asked.
    pub const NONE: Self = Self { mode: MatchMode::None, length: 2 };
}

/// `adp-prompt+jwt`, server → phone: one copy for each phone, signed once by a device signing key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of this phone's `device` key.
    pub aud: Digest,
    /// This phone's enrolment.
    pub enr: EnrolmentId,
    /// This copy.
    pub jti: PromptId,
    /// What it is about.
    pub kind: PromptKind,
    /// Echoed by the decision.
    pub nonce: Nonce,
    /// When it was made.
    pub iat: i64,
    /// Until when an answer is accepted.
    pub exp: i64,
    /// [`crate::VERSION`].
    pub v: u8,
    /// [`crate::digest::request_digest`] of the `auth_req_id`.
    pub req: Digest,
    /// Who asks.
    pub client: PromptClient,
    /// The text shown on both devices, at most 100 code points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding_message: Option<String>,
    /// The scopes asked for.
    pub scope: Vec<String>,
    /// RFC 8707 resources asked for.
    pub resource: Vec<String>,
    /// RFC 9396 details asked for, as the relying party sent them.
    pub authorization_details: Vec<serde_json::Value>,
    /// All that must be shown, in order.
    pub display: Vec<Line>,
    /// The authentication context class aimed at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Whether the user must be verified.
    pub uv: UserVerification,
    /// Whether a match code is typed.
    #[serde(rename = "match")]
    pub match_code: Match,
    /// Lines that the relying party says of its own; labelled so.
    pub context: Vec<Line>,
    /// BCP 47 language of the labels.
    pub lang: String,
}

impl Prompt {
    /// The `dh` that a decision over this prompt carries once every line was handed out.
    #[must_use]
    pub fn display_digest(&self) -> Digest {
        display_digest(&self.display)
    }
}
