//! Tokens out of an approval (OIDC Core §3.1.3.3).

use serde_json::json;

use super::Unavailable;
use super::provider::Provider;
use crate::domain::algorithm::Algorithm;
use crate::domain::authentication_request::{Approval, AuthenticationRequest};
use crate::domain::context::Proven;
use crate::domain::grant::Grant;
use crate::domain::names::TokenKey;
use crate::domain::time::Timestamp;

/// A token response (OIDC Core §3.1.3.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Opaque, 256 random bits.
    pub access_token: String,
    /// Seconds.
    pub expires_in: u32,
    /// Signed.
    pub id_token: String,
    /// What was granted.
    pub scope: Vec<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// Mints an access token and an ID token; the grant is to be stored in the same commit.
pub(super) fn mint(
    provider: &Provider,
    request: &AuthenticationRequest,
    approval: &Approval,
    auth_req_id: &str,
    now: Timestamp,
) -> Result<(Tokens, Grant), Unavailable> {
    let policy = provider.policy();
    let access_token = provider.random().token();
    let proven = Proven::by(approval, policy.trust_claimed_uv);
    let claims = json!({
        "iss": provider.issuer(),
        "sub": request.subject,
        "aud": request.client,
        "iat": now.unix_seconds(),
        "exp": now.plus_seconds(policy.id_token_lifetime.into()).unix_seconds(),
        "auth_time": approval.at.unix_seconds(),
        "acr": proven.acr(),
        "amr": proven.amr(),
        "at_hash": at_hash(&access_token),
        "urn:openid:params:jwt:claim:auth_req_id": auth_req_id,
    });
    let id_token = provider.keys.sign_jwt(Algorithm::Es256, "JWT", &claims).map_err(Unavailable::from)?;
    let grant = Grant {
        token: TokenKey::of(&access_token),
        client: request.client.clone(),
        subject: request.subject.clone(),
        scope: request.scope.clone(),
        request: request.key,
        issued_at: Some(now),
        audience: Vec::new(),
        certificate: None,
        family: None,
        expires_at: now.plus_seconds(policy.access_token_lifetime.into()),
    };
    let tokens =
        Tokens { access_token, expires_in: policy.access_token_lifetime, id_token, scope: request.scope.clone() };
    Ok((tokens, grant))
}

/// Left half of SHA-256 of the token (OIDC Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let hash = protocol::Digest::of(access_token.as_bytes());
    protocol::base64url::encode(&hash.as_bytes()[..16])
}
