//! A private key that signs JWTs, parsed once, of any algorithm a realm may sign with.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use protocol::base64url;
use protocol::crypto::CryptoError;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::material::Pkcs8;
use crate::domain::algorithm::Algorithm;
use crate::jose::thumbprint;

/// What stands before and behind the modulus in the DER of a key that [`Signer::generate`] made: 3072 bits, and the
/// exponent 65537 (RFC 8017 appendix A.1.1).
const RSA_3072: (&[u8], &[u8]) = (b"\x30\x82\x01\x8a\x02\x82\x01\x81\x00", b"\x02\x03\x01\x00\x01");

/// Algorithms that a realm may sign with.
pub const SIGNING: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Es384];

pub(super) struct Signer {
    algorithm: Algorithm,
    key: Key,
    jwk: Value,
    kid: String,
}

enum Key {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ed(Box<Ed25519KeyPair>),
}

impl Signer {
    /// Makes a key, and its PKCS #8 form to be kept. An RSA key takes a good part of a second.
    pub(super) fn generate(algorithm: Algorithm) -> Result<(Self, Pkcs8), CryptoError> {
        let made = match Kind::of(algorithm)? {
            Kind::Ec(curve) => EcdsaKeyPair::generate(curve).and_then(|key| key.to_pkcs8v1()).map(Made::Document),
            Kind::Rsa(_) => RsaKeyPair::generate(KeySize::Rsa3072).and_then(|key| key.as_der()).map(Made::Rsa),
            Kind::Ed => Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1()).map(Made::Document),
        };
        let made = made.map_err(|_| CryptoError::Unavailable)?;
        let pkcs8 = Zeroizing::new(made.as_bytes().to_vec());
        Ok((Self::from_pkcs8(algorithm, &pkcs8)?, pkcs8))
    }

    /// Parses a key. One of another kind is [`CryptoError::BadKey`].
    pub(super) fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, CryptoError> {
        let parsed = match Kind::of(algorithm)? {
            Kind::Ec(curve) => EcdsaKeyPair::from_pkcs8(curve, pkcs8).map(Key::Ec),
            Kind::Rsa(encoding) => RsaKeyPair::from_pkcs8(pkcs8).map(|key| Key::Rsa(Box::new(key), encoding)),
            // Our own keys are kept without their public half; that it is the right one, the kid beside it says.
            Kind::Ed => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(|key| Key::Ed(Box::new(key))),
        };
        let key = parsed.map_err(|_| CryptoError::BadKey)?;
        let mut jwk = key.public_members().ok_or(CryptoError::BadKey)?;
        let kid = thumbprint(&jwk).ok_or(CryptoError::BadKey)?.to_string();
        jwk["alg"] = algorithm.name().into();
        jwk["kid"] = kid.clone().into();
        jwk["use"] = "sig".into();
        Ok(Self { algorithm, key, jwk, kid })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The thumbprint of the public half (RFC 7638).
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as it is published: with `alg`, `kid` and `use`.
    pub(super) const fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The signature as JOSE has it (RFC 7518 §3, RFC 8037 §3.1).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        // The generator is for compatibility and ignored: aws-lc draws from its own.
        let random = SystemRandom::new();
        let signed = match &self.key {
            Key::Ec(key) => key.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Key::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &random, message, &mut signature).map(|()| signature)
            }
            Key::Ed(key) => key.try_sign(message).map(|signature| signature.as_ref().to_vec()),
        };
        signed.map_err(|_| CryptoError::Unavailable)
    }
}

enum Kind {
    Ec(&'static EcdsaSigningAlgorithm),
    Rsa(&'static dyn RsaEncoding),
    Ed,
}

impl Kind {
    const fn of(algorithm: Algorithm) -> Result<Self, CryptoError> {
        match algorithm {
            Algorithm::Es256 => Ok(Self::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            Algorithm::Es384 => Ok(Self::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            Algorithm::Ps256 => Ok(Self::Rsa(&RSA_PSS_SHA256)),
            Algorithm::Rs256 => Ok(Self::Rsa(&RSA_PKCS1_SHA256)),
            Algorithm::EdDsa => Ok(Self::Ed),
            Algorithm::Ps384
            | Algorithm::Ps512
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Hs256
            | Algorithm::Hs384
            | Algorithm::Hs512 => Err(CryptoError::Unavailable),
        }
    }
}

/// PKCS #8 as aws-lc gives it.
enum Made {
    Document(aws_lc_rs::pkcs8::Document),
    Rsa(aws_lc_rs::encoding::Pkcs8V1Der<'static>),
}

impl Made {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Document(document) => document.as_ref(),
            Self::Rsa(der) => der.as_ref(),
        }
    }
}

impl Key {
    fn public_members(&self) -> Option<Value> {
        match self {
            Self::Ec(key) => ec_members(key.public_key().as_ref()),
            Self::Rsa(key, _) => {
                let modulus = key.public_key().as_ref().strip_prefix(RSA_3072.0)?.strip_suffix(RSA_3072.1)?;
                Some(json!({ "kty": "RSA", "n": base64url::encode(modulus), "e": "AQAB" }))
            }
            Self::Ed(key) => {
                Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url::encode(key.public_key().as_ref()) }))
            }
        }
    }
}

/// From the uncompressed point of SEC 1: 4 ‖ x ‖ y.
fn ec_members(point: &[u8]) -> Option<Value> {
    let coordinates = point.strip_prefix(&[4])?;
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let curve = if x.len() == 32 { "P-256" } else { "P-384" };
    Some(json!({ "kty": "EC", "crv": curve, "x": base64url::encode(x), "y": base64url::encode(y) }))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::jose::JwkSet;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../vectors/jose.json")).expect("the vectors are JSON")
    }

    fn vector_key(name: &str) -> Pkcs8 {
        let pkcs8 = vectors()["private"][name].as_str().map(|pkcs8| STANDARD.decode(pkcs8));
        Zeroizing::new(pkcs8.expect("a key").expect("it is base64"))
    }

    const NAMES: [(&str, Algorithm); 5] = [
        ("es256", Algorithm::Es256),
        ("es384", Algorithm::Es384),
        ("ps256", Algorithm::Ps256),
        ("ps256", Algorithm::Rs256),
        ("eddsa", Algorithm::EdDsa),
    ];

    #[test]
    fn keys_of_another_implementation_have_its_public_halves() {
        for (name, algorithm) in NAMES {
            let signer = Signer::from_pkcs8(algorithm, &vector_key(name)).expect("a key");
            assert_eq!(signer.kid(), vectors()["thumbprints"][name]);
            assert_eq!(
                (&signer.jwk()["alg"], &signer.jwk()["use"]),
                (&json!(algorithm.name()), &json!("sig")),
                "{name}"
            );
        }
    }

    /// Of the algorithms that always sign the same.
    #[test]
    fn signatures_are_those_of_another_implementation() {
        let vectors = vectors();
        let accepted = vectors["accepted"].as_array().expect("a list");
        let jwt = accepted.iter().find(|case| case["name"] == "EdDSA by eddsa").expect("a case")["jwt"].as_str();
        let (input, signature) = jwt.expect("a JWT").rsplit_once('.').expect("three parts");
        let signer = Signer::from_pkcs8(Algorithm::EdDsa, &vector_key("eddsa")).expect("a key");
        assert_eq!(base64url::encode(&signer.sign(input.as_bytes()).expect("it signs")), signature);
    }

    #[test]
    fn what_a_new_key_signs_verifies_by_its_published_half() {
        for algorithm in SIGNING {
            let (signer, pkcs8) = Signer::generate(algorithm).expect("a key");
            let again = Signer::from_pkcs8(algorithm, &pkcs8).expect("the same key");
            assert_eq!(signer.jwk(), again.jwk());
            let set = JwkSet::of(&json!({ "keys": [signer.jwk()] })).expect("a set");
            let header = base64url::encode(json!({ "alg": algorithm, "kid": signer.kid() }).to_string().as_bytes());
            let input = format!("{header}.{}", base64url::encode(b"{}"));
            let signature = base64url::encode(&again.sign(input.as_bytes()).expect("it signs"));
            crate::jose::verify(&format!("{input}.{signature}"), &set, &[algorithm]).expect("it verifies");
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for (name, algorithm) in [("es256", Algorithm::Es384), ("eddsa", Algorithm::Es256), ("es256", Algorithm::Ps256)]
        {
            assert_eq!(Signer::from_pkcs8(algorithm, &vector_key(name)).err(), Some(CryptoError::BadKey), "{name}");
        }
        // Not of the size that we make.
        assert_eq!(Signer::from_pkcs8(Algorithm::Ps256, &vector_key("rsa")).err(), Some(CryptoError::BadKey));
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !SIGNING.contains(algorithm)) {
            assert_eq!(Signer::generate(algorithm).err(), Some(CryptoError::Unavailable));
        }
    }
}
