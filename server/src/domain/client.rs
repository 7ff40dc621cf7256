//! A relying party, in the terms of OpenID Connect Dynamic Client Registration and CIBA Core §4.

use serde::{Deserialize, Serialize};

use super::delivery::DeliveryMode;
use super::names::ClientId;
use super::secret::SecretHash;

/// `token_endpoint_auth_method`: governs the backchannel endpoint too (CIBA §4), and must be the same at both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// HTTP Basic with form-encoded parts (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// Credentials in the form.
    ClientSecretPost,
}

/// A registered relying party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// `client_name`, shown on the phone; at most 60 code points.
    pub name: String,
    /// Whether an operator confirmed the name.
    pub verified: bool,
    /// How it authenticates.
    pub authentication: AuthenticationMethod,
    /// Hash of its `client_secret`.
    pub secret: SecretHash,
    /// `backchannel_token_delivery_mode`.
    pub delivery: DeliveryMode,
    /// `grant_types` holds the CIBA grant.
    pub ciba: bool,
    /// Scopes it may ask for; `openid` always among them.
    pub scope: Vec<String>,
    /// Whether its approvals must be signed by a `verified` key.
    pub user_verification: protocol::messages::UserVerification,
}
