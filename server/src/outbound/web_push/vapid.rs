//! Who we are to push services (RFC 8292): one key, under which phones subscribe, and a JWT by it for each service.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::time::Timestamp;
use crate::outbound::pem::{self, Es256};

/// RFC 8292 §2: a day at most.
const LIFE_SECONDS: i64 = 12 * 3_600;

/// The key and whom to write to about its pushes.
pub(super) struct Vapid {
    key: Es256,
    contact: String,
}

impl Vapid {
    pub(super) fn new(pem: &str, contact: String) -> Option<Self> {
        Es256::parse(pem).map(|key| Self { key, contact })
    }

    /// In base64url, as phones hand it to their push service.
    pub(super) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.public())
    }

    /// The `Authorization` header for a call to the service at `endpoint` (RFC 8292 §3).
    pub(super) fn authorization(&self, endpoint: &Url, now: Timestamp) -> String {
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.plus_seconds(LIFE_SECONDS).unix_seconds(),
            "sub": self.contact,
        });
        let token = self.key.jwt(&json!({ "typ": "JWT", "alg": "ES256" }), &claims);
        format!("vapid t={token}, k={}", self.public_key())
    }
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vapid").field("public_key", &self.public_key()).finish_non_exhaustive()
    }
}

/// A new key: the text of its file, and its public half in base64url.
#[must_use]
pub fn generate_key() -> (Zeroizing<String>, String) {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let pem = pem::encode(made.expect("the machine has randomness").as_ref());
    let key = Es256::parse(&pem).expect("it was just written");
    let public = URL_SAFE_NO_PAD.encode(key.public());
    (pem, public)
}
