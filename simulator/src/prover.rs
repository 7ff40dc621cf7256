//! A relying party's key for DPoP (RFC 9449), in software, and the proofs that it makes.

use std::fmt;

use axum::http::HeaderName;
use protocol::Digest;
use serde_json::{Map, Value, json};
use server::app::system::SystemRandom;
use server::domain::algorithm::Algorithm;
use server::domain::random::Random;
use server::jose;

use crate::client_key::ClientKey;

/// The header that proofs travel in.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A key and what is proven by it.
#[derive(Clone)]
pub struct Prover(ClientKey);

impl Prover {
    /// With a new key for one of the asymmetric algorithms.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        Self(ClientKey::generate(algorithm))
    }

    /// The public key alone.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = self.0.jwk();
        jwk.as_object_mut()
            .unwrap_or(&mut Map::new())
            .retain(|name, _| !["kid", "alg", "use"].contains(&name.as_str()));
        jwk
    }

    /// `jkt`: what tokens are bound to.
    ///
    /// # Panics
    ///
    /// Never: the library's keys have all their members.
    #[must_use]
    pub fn thumbprint(&self) -> Digest {
        jose::thumbprint(&self.jwk()).expect("a whole key")
    }

    /// The header of its proofs.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.0.algorithm(), "jwk": self.jwk() })
    }

    /// The claims of a fresh proof.
    #[must_use]
    pub fn claims(&self, method: &str, url: &str, now: i64) -> Value {
        let random: &dyn Random = &SystemRandom;
        json!({ "htm": method, "htu": url, "iat": now, "jti": random.token() })
    }

    /// The same beside an access token.
    #[must_use]
    pub fn claims_with(&self, token: &str, method: &str, url: &str, now: i64) -> Value {
        let mut claims = self.claims(method, url, now);
        claims["ath"] = json!(Digest::of(token.as_bytes()));
        claims
    }

    /// A proof of these claims.
    #[must_use]
    pub fn prove(&self, claims: &Value) -> String {
        self.prove_under(&self.header(), claims)
    }

    /// The same under exactly this header.
    #[must_use]
    pub fn prove_under(&self, header: &Value, claims: &Value) -> String {
        self.0.sign_under(header, claims)
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prover({})", self.thumbprint())
    }
}
