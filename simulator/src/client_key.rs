//! Keys of relying parties, in software: what they sign client assertions and requests with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use aws_lc_rs::{hmac, rand};
use protocol::{Digest, base64url};
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;

mod exported;

/// A key pair and the algorithm it is registered for.
#[derive(Clone)]
pub struct ClientKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: String,
    public: Value,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl ClientKey {
    /// A new key for one of the asymmetric algorithms.
    ///
    /// # Panics
    ///
    /// For a MAC, which has no key pair.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Self {
        let pair = Pair::generate(algorithm);
        let mut public = pair.public();
        let kid = Digest::of(public.to_string().as_bytes()).to_string();
        for (name, value) in [("kid", kid.as_str()), ("alg", algorithm.name()), ("use", "sig")] {
            public[name] = value.into();
        }
        Self(Arc::new(Inner { algorithm, kid, public, pair }))
    }

    /// What it is registered for.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The public key (RFC 7517), with `kid`, `alg` and `use`.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.0.public.clone()
    }

    /// A set of this key alone.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.0.public] })
    }

    /// Signs a JWT. Its header holds `alg`, `kid` and, where one is given, `typ`.
    #[must_use]
    pub fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        self.sign_as(self.0.algorithm, typ, claims)
    }

    /// Signs a JWT with exactly this header, whatever it says of the key.
    #[must_use]
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| self.0.pair.sign(self.0.algorithm, message))
    }

    /// Signs in another algorithm that suits the key, such as RS256 by the key of a PS256 client.
    #[must_use]
    pub fn sign_as(&self, algorithm: Algorithm, typ: Option<&str>, claims: &Value) -> String {
        let mut header = json!({ "alg": algorithm, "kid": self.0.kid });
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        signed(&header, claims, |message| self.0.pair.sign(algorithm, message))
    }
}

/// A JWT under a MAC by the bytes of a client secret (OIDC Core §10.1).
///
/// # Panics
///
/// For an algorithm that is no MAC.
#[must_use]
pub fn sign_by_secret(secret: &str, algorithm: Algorithm, claims: &Value) -> String {
    let mac = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        other => panic!("{other} is no MAC"),
    };
    let key = hmac::Key::new(mac, secret.as_bytes());
    signed(&json!({ "alg": algorithm }), claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = base64url::encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

impl Pair {
    fn generate(algorithm: Algorithm) -> Self {
        use Algorithm::{EdDsa, Es256, Es384, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let made = match algorithm {
            Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Ec),
            Es384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::Ec),
            EdDsa => Ed25519KeyPair::generate().map(Self::Ed),
            Ps256 | Ps384 | Ps512 | Rs256 | Rs384 | Rs512 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rsa),
            Hs256 | Hs384 | Hs512 => panic!("a MAC has no key pair"),
        };
        made.expect("the library makes keys")
    }

    fn public(&self) -> Value {
        match self {
            Self::Ec(pair) => {
                let (_, point) = pair.public_key().as_ref().split_at(1); // 4: uncompressed (SEC 1 §2.3.3)
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": base64url::encode(x), "y": base64url::encode(y) })
            }
            Self::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(pair.public_key().as_ref()) })
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let text = |number: &[u8]| base64url::encode(number);
                json!({
                    "kty": "RSA",
                    "n": text(n.big_endian_without_leading_zero()),
                    "e": text(e.big_endian_without_leading_zero()),
                })
            }
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair) => pair.sign(&random, message).expect("the library signs").as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed =
                    pair.sign(encoding(algorithm), &random as &dyn rand::SecureRandom, message, &mut signature);
                signed.expect("the library signs");
                signature
            }
        }
    }
}

fn encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        other => panic!("{other} does not sign with an RSA key"),
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({}, {})", self.0.algorithm, self.0.kid)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm as Known, DecodingKey, Validation};

    use super::*;

    fn believed(token: &str, key: &DecodingKey, algorithm: Known) -> Value {
        let mut expected = Validation::new(algorithm);
        expected.required_spec_claims.clear();
        expected.validate_exp = false;
        expected.validate_aud = false;
        jsonwebtoken::decode::<Value>(token, key, &expected).expect("believed").claims
    }

    #[test]
    fn another_implementation_believes_every_algorithm() {
        let claims = json!({ "sub": "shop" });
        for (ours, known) in [
            (Algorithm::Es256, Known::ES256),
            (Algorithm::Es384, Known::ES384),
            (Algorithm::EdDsa, Known::EdDSA),
            (Algorithm::Ps256, Known::PS256),
        ] {
            let key = ClientKey::generate(ours);
            let public: Jwk = serde_json::from_value(key.jwk()).expect("a JWK");
            let public = DecodingKey::from_jwk(&public).expect("a key");
            assert_eq!(believed(&key.sign(None, &claims), &public, known), claims, "{ours}");
            if ours == Algorithm::Ps256 {
                assert_eq!(believed(&key.sign_as(Algorithm::Rs256, None, &claims), &public, Known::RS256), claims);
            }
        }
        let by_secret = sign_by_secret("secret", Algorithm::Hs256, &claims);
        assert_eq!(believed(&by_secret, &DecodingKey::from_secret(b"secret"), Known::HS256), claims);
    }
}
