//! Refresh tokens (RFC 6749 §6) come in families: all that grew out of one approval. A family has one token that is
//! valid now, and for a short grace the one before it.

use serde::{Deserialize, Serialize};

use super::certificate::Thumbprint;
use super::names::{ClientId, FamilyKey, RequestKey, Subject};
use super::secret::SecretHash;
use super::time::Timestamp;
use protocol::DeviceId;

/// A family as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshFamily {
    /// Hash of the part that all its tokens share.
    pub key: FamilyKey,
    /// Whom it was issued to.
    pub client: ClientId,
    /// Who agreed.
    pub subject: Subject,
    /// To what: the most that a refresh can ask for.
    pub scope: Vec<String>,
    /// In which request.
    pub request: RequestKey,
    /// On which phone.
    pub device: DeviceId,
    /// When the user was authenticated; it stays.
    pub auth_time: Timestamp,
    /// `acr` of the approval.
    pub acr: String,
    /// `amr` of the approval.
    pub amr: Vec<String>,
    /// The certificate its tokens are bound to (RFC 8705 §4), where they are.
    pub certificate: Option<Thumbprint>,
    /// The token valid now.
    pub current: SecretHash,
    /// The one before, and until when it is still taken.
    pub previous: Option<(SecretHash, Timestamp)>,
    /// When its first token was issued.
    pub issued_at: Timestamp,
    /// End of its life.
    pub expires_at: Timestamp,
    /// Since when none of its tokens, access tokens included, is valid any more.
    pub revoked_at: Option<Timestamp>,
}
