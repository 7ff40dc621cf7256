//! What an access token stands for.

use serde::{Deserialize, Serialize};

use super::names::{ClientId, RequestKey, Subject, TokenKey};
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
    /// End of its life.
    pub expires_at: Timestamp,
}
