//! What an access token stands for.

use protocol::{DeviceId, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::binding::Binding;
use super::certificate::Thumbprint;
use super::names::{ClientId, FamilyKey, RequestKey, Subject, TokenKey};
use super::time::Timestamp;

/// An issued access token, found by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Hash of the token.
    pub token: TokenKey,
    /// Whom it was issued to.
    pub client: ClientId,
    /// Who agreed.
    pub subject: Subject,
    /// To what.
    pub scope: Vec<String>,
    /// In which request.
    pub request: RequestKey,
    /// When it was issued; absent in records older than this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Resource servers it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Granted `authorization_details` (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Value>,
    /// The certificate it is bound to (RFC 8705 §3), where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Thumbprint>,
    /// The key it is bound to (RFC 9449 §6), where it is: its thumbprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_key: Option<Digest>,
    /// The refresh tokens issued with it: revoking them ends it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<FamilyKey>,
    /// On which phone the user agreed; absent in records older than this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// When; absent as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// `acr` of the approval; absent as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// Since when it is not valid any more, by itself (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl Grant {
    /// What it is bound to.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        Binding { certificate: self.certificate, key: self.dpop_key }
    }
}
