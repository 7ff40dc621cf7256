//! One function over bytes for each way into the protocol. Whatever the bytes are, it returns: a panic is a find. Where
//! bytes are accepted, each function also asserts what must then hold.
//!
//! `tests/fuzz` drives them with libFuzzer from the seeds in `corpus/<target>/`; `cargo test` runs the seeds alone. A find
//! becomes a seed with a telling name, and a test beside the code that it broke.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a target reports a find")]

use std::fmt::Debug;
use std::str;
use std::sync::LazyLock;

use protocol::crypto::p256::{AgreementKey, SigningKey, VerifyingKey};
use protocol::crypto::{Agree as _, Sign as _, Signature, signature_from_der};
use protocol::endpoints::{Configuration, FinishRequest};
use protocol::jwe::Sealed;
use protocol::jws::{General, Unverified};
use protocol::messages::{
    Begin, Decision, DecisionResult, Enrolment, Finish, KeyList, Message, Offer, Prompt, Proof, Receipt, Revocation,
    Rotation, Ticket, Unblock, Wake,
};
use protocol::problem::Problem;
use protocol::text::{Kind, check};
use protocol::{DeviceId, Digest, Jwk, KeyRef, MAX_MESSAGE_BYTES, MAX_NESTING, Typ, json};
use serde_json::Value;

/// Judges bytes; returns whatever they are.
pub type Target = fn(&[u8]);

/// Every target by name, as `tests/fuzz` and the corpus know it.
pub const TARGETS: [(&str, Target); 10] = [
    ("der", der),
    ("general", general),
    ("ids", ids),
    ("json", json),
    ("jwe", jwe),
    ("jwk", jwk),
    ("jws", jws),
    ("messages", messages),
    ("text", text),
    ("ticket", ticket),
];

/// A scalar of the vectors (`docs/device-protocol/vectors/jws.json`), so that the seeds verify and open.
fn scalar(name: &str) -> [u8; 32] {
    *Digest::of(format!("assent vector key {name}").as_bytes()).as_bytes()
}

fn verifying(name: &str) -> VerifyingKey {
    let key = SigningKey::from_bytes(&scalar(name)).expect("a vector key");
    VerifyingKey::new(key.public()).expect("a vector key")
}

static DEVICE: LazyLock<VerifyingKey> = LazyLock::new(|| verifying("device"));
static VERIFIED: LazyLock<VerifyingKey> = LazyLock::new(|| verifying("verified"));
static SEALING: LazyLock<AgreementKey> =
    LazyLock::new(|| AgreementKey::from_bytes(&scalar("sealing")).expect("a vector key"));

/// Strict JSON: what is read is sound JSON, within its bounds, and reads the same once written again.
pub fn json(bytes: &[u8]) {
    let Ok(value) = json::from_slice::<Value>(bytes) else {
        return;
    };
    assert!(bytes.len() <= MAX_MESSAGE_BYTES);
    assert!(depth(&value) <= MAX_NESTING);
    assert_eq!(serde_json::from_slice::<Value>(bytes).ok().as_ref(), Some(&value));
    let again = value.to_string();
    assert_eq!(json::from_slice_within::<Value>(again.as_bytes(), usize::MAX).as_ref(), Ok(&value));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A compact JWS under every `typ`: at most one of them takes it, and its payload is read only with a signature.
pub fn jws(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut taken = 0;
    for typ in TYPS {
        let Ok(parsed) = Unverified::parse(text, typ) else {
            continue;
        };
        taken += 1;
        let _ = parsed.key_ref();
        assert_eq!(text.matches('.').count(), 2);
        let _ = parsed.verify::<Proof>(&*DEVICE);
    }
    assert!(taken <= 1);
}

const TYPS: [Typ; 13] = [
    Begin::TYP,
    Offer::TYP,
    Finish::TYP,
    Enrolment::TYP,
    Prompt::TYP,
    Decision::TYP,
    DecisionResult::TYP,
    Proof::TYP,
    KeyList::TYP,
    Revocation::TYP,
    Rotation::TYP,
    Unblock::TYP,
    Receipt::TYP,
];

/// A general JWS: verifying gives what reading without verifying gave.
pub fn general(bytes: &[u8]) {
    let Ok(general) = json::from_slice::<General>(bytes) else {
        return;
    };
    let _ = general.digest();
    let unverified = general.unverified_payload::<Finish>();
    if let Ok(finish) = general.verify::<Finish>(&[&*DEVICE, &*VERIFIED]) {
        assert_eq!(unverified, Ok(finish));
    }
}

/// A sealed push: what opens is no longer than what was sealed, and does not end in padding.
pub fn jwe(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(sealed) = Sealed::parse(text) else { return };
    let Ok(secret) = SEALING.agree(sealed.ephemeral()) else {
        return;
    };
    if let Ok(plaintext) = sealed.open(&secret) {
        assert!(plaintext.len() < text.len());
        assert_ne!(plaintext.last(), Some(&b' '));
    }
}

/// A public key: written again it is the same, and using it is possible or refused.
pub fn jwk(bytes: &[u8]) {
    let Some(key) = stable::<Jwk>(bytes) else { return };
    let _ = key.thumbprint();
    assert_eq!(Jwk::from_sec1(&key.to_sec1()), Some(key));
    let _ = VerifyingKey::new(&key);
}

/// Every message: decoded, written and decoded again it is the same message.
pub fn messages(bytes: &[u8]) {
    stable::<Begin>(bytes);
    stable::<Offer>(bytes);
    stable::<Finish>(bytes);
    stable::<Enrolment>(bytes);
    stable::<Prompt>(bytes);
    stable::<Decision>(bytes);
    stable::<DecisionResult>(bytes);
    stable::<Proof>(bytes);
    stable::<KeyList>(bytes);
    stable::<Revocation>(bytes);
    stable::<Rotation>(bytes);
    stable::<Unblock>(bytes);
    stable::<Receipt>(bytes);
    stable::<Wake>(bytes);
    stable::<Configuration>(bytes);
    stable::<FinishRequest>(bytes);
    stable::<Problem>(bytes);
}

fn stable<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&message).expect("messages can be written");
    // Escapes may make the written form longer than what was read.
    assert_eq!(json::from_slice_within(&written, usize::MAX).as_ref(), Ok(&message));
    Some(message)
}

/// Text for users: what is accepted is one bounded line, and a longer kind accepts it too.
pub fn text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    for kind in [Kind::BindingMessage, Kind::ClientName, Kind::Context, Kind::DetailValue, Kind::DeviceName] {
        if check(kind, text).is_ok() {
            assert!(text.chars().count() <= kind.max_code_points());
            assert!(!text.contains(char::is_control));
            assert!(!text.contains("://"));
            assert_eq!(check(Kind::DetailValue, text), Ok(()));
        }
    }
}

/// An enrolment ticket: read, written and read again it is the same ticket.
pub fn ticket(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(ticket) = text.parse::<Ticket>() else { return };
    assert_eq!(ticket.to_string().parse(), Ok(ticket));
}

/// Identifiers: each has one spelling.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(id) = text.parse::<DeviceId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(key) = text.parse::<KeyRef>() {
        assert_eq!(key.to_string(), text);
    }
}

/// A platform's signature: taken exactly when the `p256` crate's reader of DER takes it, and with the same numbers.
pub fn der(bytes: &[u8]) {
    let ours = signature_from_der(bytes).ok();
    let theirs = p256::ecdsa::Signature::from_der(bytes).ok();
    assert_eq!(ours, theirs.map(|found| Signature::from_bytes(found.to_bytes().into())));
}
