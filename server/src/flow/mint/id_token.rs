//! ID tokens (OIDC Core §2), with the hashes of what is issued beside them (CIBA §10.3.1).

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use protocol::{Digest, base64url};
use serde_json::json;

use super::super::Unavailable;
use super::super::encrypt::{Content, encrypt};
use super::super::provider::Provider;
use super::super::subjects;
use super::Agreed;
use crate::domain::algorithm::Algorithm;
use crate::domain::client::Client;
use crate::domain::delivery::DeliveryMode;
use crate::domain::time::Timestamp;
use crate::jose::Recipient;

/// What the token tells beside who agreed.
pub(super) struct Beside<'a> {
    pub(super) access_token: &'a str,
    /// How the client learns the outcome, and the `auth_req_id`; neither at a refresh.
    pub(super) asked_by: Option<(DeliveryMode, &'a str)>,
    pub(super) refresh_token: Option<&'a str>,
    /// Hash of the receipt, where there is one.
    pub(super) receipt: Option<Digest>,
    /// To whom it is encrypted, where it is.
    pub(super) recipient: Option<&'a Recipient>,
}

/// Signs an ID token, and encrypts it for a client that registered so (OIDC Core §2). Without `nonce`, `s_hash` and `c_hash`: CIBA has nothing that they could stand for.
pub(super) fn mint(
    provider: &Provider,
    client: &Client,
    agreed: &Agreed,
    beside: &Beside<'_>,
    now: Timestamp,
) -> Result<String, Unavailable> {
    let policy = provider.policy();
    let algorithm = client.id_token_algorithm;
    let mut claims = json!({
        "iss": provider.issuer(),
        "sub": subjects::told(provider, client, &agreed.subject)?,
        "aud": client.id,
        "iat": now.unix_seconds(),
        "exp": now.plus_seconds(policy.id_token_lifetime.into()).unix_seconds(),
        "auth_time": agreed.auth_time.unix_seconds(),
        "acr": agreed.acr,
        "amr": agreed.amr,
        "at_hash": left_half(algorithm, beside.access_token),
    });
    if let Some((delivery, auth_req_id)) = beside.asked_by {
        let is_pushed = delivery == DeliveryMode::Push;
        // CIBA §10.3.1 wants both in push mode; elsewhere the client asked with the one and got the other just now.
        if is_pushed || policy.id_token_auth_req_id {
            claims["urn:openid:params:jwt:claim:auth_req_id"] = auth_req_id.into();
        }
        if let Some(refresh_token) = beside.refresh_token.filter(|_| is_pushed) {
            claims["urn:openid:params:jwt:claim:rt_hash"] = left_half(algorithm, refresh_token).into();
        }
    }
    if let Some(receipt) = beside.receipt {
        claims["approval_receipt_hash"] = json!(receipt);
    }
    let signed = provider.keys.sign_jwt(algorithm, "JWT", &claims)?;
    match beside.recipient {
        Some(recipient) => encrypt(provider, recipient, Content::Jwt(&signed)),
        None => Ok(signed),
    }
}

/// Left half of the token's hash, by the hash of the algorithm that signs (OIDC Core §3.1.3.6); Ed25519 hashes by SHA-512.
fn left_half(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256 | Algorithm::Hs256 => &SHA256,
        Algorithm::Es384 | Algorithm::Ps384 | Algorithm::Rs384 | Algorithm::Hs384 => &SHA384,
        Algorithm::Ps512 | Algorithm::Rs512 | Algorithm::EdDsa | Algorithm::Hs512 => &SHA512,
    };
    let hash = digest(hash, token.as_bytes());
    base64url::encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_hashes_what_is_beside_by_its_own_hash() {
        // The access token and at_hash of OIDC Core A.3; the others: sha384sum and sha512sum of the same text.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(left_half(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(left_half(Algorithm::Es384, token), "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs");
        assert_eq!(left_half(Algorithm::EdDsa, token), "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM");
    }
}
