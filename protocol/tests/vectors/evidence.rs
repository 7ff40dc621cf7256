//! How attestation evidence stands in a `finish`, and what App Attest is made over.

use std::collections::BTreeMap;

use protocol::evidence::{AndroidKey, client_data_hash};
use protocol::{Digest, base64url};
use serde::Deserialize;

use super::read;

#[derive(Deserialize)]
struct Vectors {
    android_key: Android,
    client_data: ClientData,
}

#[derive(Deserialize)]
struct Android {
    accepted: Vec<Chains>,
    refused: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Chains {
    name: String,
    data: String,
    device: Vec<String>,
    verified: Vec<String>,
}

#[derive(Deserialize)]
struct ClientData {
    accepted: Vec<Written>,
    refused: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
struct Written {
    payload: String,
    data: String,
    hash: Option<Digest>,
}

impl Written {
    fn hashed(&self) -> Option<Digest> {
        client_data_hash(&bytes(&self.payload), &self.data)
    }
}

fn bytes(text: &str) -> Vec<u8> {
    base64url::decode(text).expect("base64url")
}

#[test]
fn chains_are_read_and_written() {
    for case in read::<Vectors>("evidence.json").android_key.accepted {
        let chain = |certificates: &[String]| certificates.iter().map(|der| bytes(der)).collect();
        let chains = AndroidKey { device: chain(&case.device), verified: chain(&case.verified) };
        assert_eq!(AndroidKey::decode(&bytes(&case.data)).as_ref(), Some(&chains), "{}", case.name);
        assert_eq!(chains.encode(), Some(bytes(&case.data)), "{}", case.name);
    }
}

#[test]
fn what_is_not_two_chains_is_refused() {
    let refused = read::<Vectors>("evidence.json").android_key.refused;
    assert!(refused.len() > 5);
    for (name, data) in refused {
        assert_eq!(AndroidKey::decode(&bytes(&data)), None, "{name}");
    }
}

#[test]
fn app_attest_is_made_over_the_payload_without_its_evidence() {
    let vectors = read::<Vectors>("evidence.json").client_data;
    for case in vectors.accepted {
        assert_eq!(case.hashed(), case.hash);
    }
    for (name, case) in vectors.refused {
        assert_eq!(case.hashed(), None, "{name}");
    }
}
