//! The vectors of JWEs, which another implementation made, and what the server seals: by what relying parties open.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::{base64url, jwe};
use serde::Deserialize;
use serde_json::json;
use server::app::system::SystemRandom;
use server::domain::encryption::KeyManagement;
use server::jose::{JwkSet, NESTED, Recipient};

use crate::decryption_key::{DecryptionKey, MAX_JWE_BYTES, Refused};

/// Made by another implementation.
#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, String>,
    accepted: Vec<Accepted>,
    refused: Vec<Case>,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    key: String,
    content: String,
    jwe: String,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    key: String,
    error: String,
    jwe: String,
}

fn vectors() -> (Vectors, BTreeMap<String, DecryptionKey>) {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../server/vectors/jwe.json")).expect("the vectors are JSON");
    let keys = vectors.keys.iter().map(|(kind, text)| {
        let bytes = STANDARD.decode(text).expect("base64");
        (kind.clone(), DecryptionKey::of_private(kind, &bytes).expect("a key").named(kind))
    });
    let keys = keys.collect();
    (vectors, keys)
}

#[test]
fn what_another_implementation_sealed_opens() {
    let (vectors, keys) = vectors();
    assert_eq!(vectors.accepted.len(), 8);
    for Accepted { name, key, content, jwe } in vectors.accepted {
        let opened = keys[&key].open(&jwe).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let read =
            if content.starts_with('{') { opened.claims().map(|claims| claims.to_string()) } else { opened.jwt() };
        assert_eq!(read, Ok(content), "{name}");
    }
}

#[test]
fn whatever_breaks_one_rule_is_refused_for_it() {
    let (vectors, keys) = vectors();
    assert!(vectors.refused.len() > 60);
    for Case { name, key, error, jwe } in vectors.refused {
        let refused = keys[&key].open(&jwe).and_then(|opened| opened.jwt()).expect_err(&name);
        assert_eq!(format!("{refused:?}"), error, "{name} {key}");
    }
    let long = "A".repeat(MAX_JWE_BYTES + 1);
    assert_eq!(keys["P-256"].open(&long).map(drop), Err(Refused::TooLong));
}

fn recipient(key: &DecryptionKey, alg: KeyManagement) -> Arc<Recipient> {
    JwkSet::of(&key.jwks()).expect("a set").recipient(alg).expect("it fits")
}

#[test]
fn what_the_server_seals_opens_with_the_key_alone() {
    for (key, other, alg) in [
        (DecryptionKey::on("P-256"), DecryptionKey::on("P-256"), KeyManagement::EcdhEs),
        (DecryptionKey::on("P-384"), DecryptionKey::on("P-384"), KeyManagement::EcdhEs),
        (DecryptionKey::on("X25519"), DecryptionKey::on("X25519"), KeyManagement::EcdhEs),
        (DecryptionKey::rsa(), DecryptionKey::rsa(), KeyManagement::RsaOaep256),
    ] {
        let mut sealed = Vec::new();
        for content in ["a.b.c", "", &"x".repeat(10_000)] {
            let jwe = recipient(&key, alg).encrypt(content.as_bytes(), Some(NESTED), &SystemRandom).expect("sealed");
            assert_eq!(key.open(&jwe).and_then(|opened| opened.jwt()).as_deref(), Ok(content));
            assert_eq!(other.open(&jwe).map(drop), Err(Refused::Key));
            sealed.push(jwe);
        }
        let other = other.named(key.kid());
        assert!(sealed.iter().all(|jwe| other.open(jwe).map(drop) == Err(Refused::Unauthentic)));
    }
}

#[test]
fn a_key_of_small_order_is_encrypted_to_by_nobody() {
    let key = json!({ "kty": "OKP", "crv": "X25519", "x": base64url::encode(&[0; 32]) });
    if let Some(recipient) = JwkSet::of(&json!({ "keys": [key] })).expect("a set").recipient(KeyManagement::EcdhEs) {
        assert!(recipient.encrypt(b"a.b.c", Some(NESTED), &SystemRandom).is_err());
    }
}

/// RFC 7518 appendix C, from the keys of Alice and Bob to the derived one.
#[test]
fn bob_agrees_with_alice_as_in_rfc_7518_appendix_c() {
    let decoded = |text: &str| base64url::decode(text).expect("base64url");
    let bob = PrivateKey::from_private_key(&ECDH_P256, &decoded("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"));
    let point = [
        &[4][..],
        &decoded("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0"),
        &decoded("SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"),
    ];
    let alice = UnparsedPublicKey::new(&ECDH_P256, point.concat());
    let key = agreement::agree(&bob.expect("a key"), alice, (), |secret| {
        Ok(jwe::concat_kdf(secret, "A128GCM", b"Alice", b"Bob", 128))
    });
    assert_eq!(base64url::encode(&key.expect("they agree")[..16]), "VqqN6vgjbSBcIijNcacQGg");
}
