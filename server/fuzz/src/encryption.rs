//! What is encrypted for clients: the reader is that of the relying parties of our tests, which is to refuse whatever was not
//! sealed as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::str;
use std::sync::{Arc, LazyLock};

use protocol::base64url;
use serde_json::Value;

use crate::decryption_key::DecryptionKey;
use crate::domain::encryption::KeyManagement;
use crate::domain::random::Random;
use crate::jose::{JwkSet, NESTED, Recipient};

struct Vectors {
    keys: Vec<(DecryptionKey, Arc<Recipient>)>,
    /// Every text that was ever sealed with them.
    sealed: BTreeSet<String>,
}

static VECTORS: LazyLock<Vectors> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors/jwe.json")).expect("the vectors are JSON");
    let keys: BTreeMap<String, String> = serde_json::from_value(vectors["keys"].clone()).expect("texts");
    let keys = keys.into_iter().map(|(kind, text)| {
        let key = DecryptionKey::of_private(&kind, &base64(&text)).expect("a key").named(&kind);
        let set = JwkSet::of(&key.jwks()).expect("a set");
        let recipient = KeyManagement::ALL.into_iter().find_map(|alg| set.recipient(alg)).expect("it fits");
        (key, recipient)
    });
    let cases = ["accepted", "refused"].iter().flat_map(|list| vectors[list].as_array().expect("a list"));
    let sealed = cases.map(|case| case["jwe"].as_str().expect("a text").to_owned());
    Vectors { keys: keys.collect(), sealed: sealed.collect() }
});

/// Of base64 with its padding, as it stands in the vectors.
fn base64(text: &str) -> Vec<u8> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    base64url::decode(&text).expect("base64")
}

/// Chance that is always the same: nothing here is secret.
struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// A JWE, which opens only if it is one of the vectors as it is; and the bytes as a text to be sealed, behind two that say
/// where the sealed one is changed: it opens to the same text, and changed it does not open.
pub fn encrypted(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        for (key, _) in &VECTORS.keys {
            if let Ok(opened) = key.open(text) {
                assert!(VECTORS.sealed.contains(text), "a forgery");
                let _ = (opened.jwt(), opened.claims());
            }
        }
    }
    let Some((at, content)) = bytes.split_first_chunk::<2>() else { return };
    let (key, recipient) = &VECTORS.keys[usize::from(at[0]) % VECTORS.keys.len()];
    let Ok(jwe) = recipient.encrypt(content, Some(NESTED), &Sevens) else { unreachable!("the key is sound") };
    match (key.open(&jwe).map(|opened| opened.jwt()), str::from_utf8(content)) {
        (Ok(Ok(opened)), Ok(text)) => assert_eq!(opened, text),
        (Ok(Err(_)), Err(_)) => {}
        other => panic!("{other:?}"),
    }
    let at = usize::from(u16::from_be_bytes(*at)) % jwe.len();
    let letter = if jwe.as_bytes()[at] == b'A' { "B" } else { "A" };
    assert!(key.open(&format!("{}{letter}{}", &jwe[..at], &jwe[at + 1..])).is_err(), "changed at {at}");
}
