//! The service account file that an operator downloads from Google: who the server is there, and the key that proves
//! it.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use crate::{domain::time::Timestamp, outbound::pem};

/// How long an assertion may be used, in seconds: Google accepts at most an hour.
const ASSERTION_LIFE: i64 = 3_600;

/// A service account with its key parsed.
pub struct ServiceAccount {
    client_email: String,
    pub(in crate::outbound) project_id: String,
    pub(in crate::outbound) token_uri: Url,
    private_key_id: String,
    key: RsaKeyPair,
}

/// Why a service account file was refused. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadServiceAccount {
    /// Not JSON, or a member is missing or of another type.
    #[error(
        "not a service account key: expects JSON with type, client_email, project_id, token_uri, private_key_id and private_key"
    )]
    Form,
    /// `type` is another kind of credential.
    #[error("not a service account key: its type is not service_account")]
    Kind,
    /// `private_key` is no RSA key in PKCS#8 PEM.
    #[error("private_key of the service account is not an RSA key in PKCS#8 PEM")]
    Key,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    project_id: String,
    token_uri: String,
    private_key_id: String,
    private_key: String,
}

impl ServiceAccount {
    /// Reads the file's content; its members are those that Google writes, others are ignored.
    pub fn parse(json: &str) -> Result<Self, BadServiceAccount> {
        let file: File = serde_json::from_str(json).map_err(|_| BadServiceAccount::Form)?;
        let pem = Zeroizing::new(file.private_key);
        if file.kind != "service_account" {
            return Err(BadServiceAccount::Kind);
        }
        Ok(Self {
            client_email: file.client_email,
            project_id: file.project_id,
            token_uri: Url::parse(&file.token_uri).map_err(|_| BadServiceAccount::Form)?,
            private_key_id: file.private_key_id,
            key: pem::decode(&pem).and_then(|der| RsaKeyPair::from_pkcs8(&der).ok()).ok_or(BadServiceAccount::Key)?,
        })
    }

    /// A signed claim to be this account (RFC 7523 §2.1), good for an hour.
    pub(super) fn assertion(&self, scope: &str, now: Timestamp) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.private_key_id });
        let claims = json!({
            "iss": self.client_email,
            "scope": scope,
            // The account's own name for the token endpoint, also where a setting sends the request elsewhere.
            "aud": self.token_uri.as_str(),
            "iat": now.unix_seconds(),
            "exp": now.plus_seconds(ASSERTION_LIFE).unix_seconds(),
        });
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        // PKCS#1 v1.5 takes no randomness; the library asks for a source and leaves it alone.
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("a key that passed parsing signs into a buffer of its modulus length");
        signature
    }
}

fn part(value: &serde_json::Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("client_email", &self.client_email)
            .field("project_id", &self.project_id)
            .field("key", &format_args!("…"))
            .finish_non_exhaustive()
    }
}
