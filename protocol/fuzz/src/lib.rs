//! One function over bytes for each way into the protocol. Whatever the bytes are, it returns: a panic is a find. Where
//! bytes are accepted, each function also asserts what must then hold.
//!
//! `tests/fuzz` drives them with libFuzzer from the seeds in `corpus/<target>/`; `cargo test` runs the seeds alone. A find
//! becomes a seed with a telling name, and a test beside the code that it broke.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a target reports a find")]

use std::str;
use std::sync::LazyLock;

use protocol::action::AgentAction;
use protocol::crypto::p256::{AgreementKey, SigningKey, VerifyingKey};
use protocol::crypto::{Agree, CryptoError, SharedSecret, Sign as _, Signature, signature_from_der};
use protocol::jwe::{JweError, Sealed, seal as sealed_for};
use protocol::jws::{General, Unverified};
use protocol::messages::{
    Begin, Blocks, Decision, DecisionResult, Enrolment, Finish, History, KeyList, Message, Offer, Prompt, Proof,
    Receipt, Revocation, Rotation, Ticket, Unblock,
};
use protocol::text::{Kind, check};
use protocol::{DeviceId, Digest, Jwk, KeyRef, MAX_MESSAGE_BYTES, MAX_NESTING, Typ, json};
use serde_json::Value;

mod messages;

pub use messages::MESSAGES;
use messages::stable;

/// Judges bytes; returns whatever they are.
pub type Target = fn(&[u8]);

/// Every target that has a program of its own, by name, as `tests/fuzz` and the corpus know it. The program `message` runs
/// one of [`MESSAGES`].
pub const TARGETS: [(&str, Target); 11] = [
    ("action", action),
    ("der", der),
    ("general", general),
    ("ids", ids),
    ("json", json),
    ("jwe", jwe),
    ("jwk", jwk),
    ("jws", jws),
    ("seal", seal),
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

const TYPS: [Typ; 15] = [
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
    History::TYP,
    Blocks::TYP,
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

/// An agreement that is always the same, because the curve would take most of a fuzzer's time.
struct Agreed;

impl Agree for Agreed {
    fn agree(&self, _: &Jwk) -> Result<SharedSecret, CryptoError> {
        Ok(SharedSecret::from_bytes([7; 32]))
    }

    fn public(&self) -> &Jwk {
        SEALING.public()
    }
}

/// A text to be sealed, behind two bytes that say which letter of the sealed one is changed: it opens to the same text, its
/// length tells only its step, and changed it does not open.
pub fn seal(bytes: &[u8]) {
    let Some((at, plaintext)) = bytes.split_first_chunk::<2>() else { return };
    let open = |text: &str| Sealed::parse(text)?.open(&SharedSecret::from_bytes([7; 32]));
    let sealed = match sealed_for(plaintext, SEALING.public(), &Agreed, [1; 12]) {
        Ok(sealed) => sealed,
        Err(reason) => return assert!(matches!(reason, JweError::EndsInSpace | JweError::TooLarge), "{reason}"),
    };
    assert_eq!(open(&sealed).as_deref(), Ok(plaintext));
    let padded = vec![b'x'; plaintext.len().max(1).next_multiple_of(512)];
    assert_eq!(sealed_for(&padded, SEALING.public(), &Agreed, [1; 12]).map(|other| other.len()), Ok(sealed.len()));
    let at = usize::from(u16::from_be_bytes(*at)) % sealed.len();
    let letter = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
    assert!(open(&format!("{}{letter}{}", &sealed[..at], &sealed[at + 1..])).is_err(), "changed at {at}");
}

/// A public key: written again it is the same, and using it is possible or refused.
pub fn jwk(bytes: &[u8]) {
    let Some(key) = stable::<Jwk>(bytes) else { return };
    let _ = key.thumbprint();
    assert_eq!(Jwk::from_sec1(&key.to_sec1()), Some(key));
    let _ = VerifyingKey::new(&key);
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

/// A detail of the type `agent_action`: what is accepted has one spelling, can be shown whole, and is the same detail when it is
/// made again.
pub fn action(bytes: &[u8]) {
    let Ok(detail) = json::from_slice::<Value>(bytes) else { return };
    let Ok(asked) = AgentAction::parse(&detail) else { return };
    let canonical = asked.action.canonical();
    assert_eq!(serde_json::from_str(&canonical).ok().as_ref(), Some(&asked.action));
    assert_eq!(asked.action.detail(asked.agent.as_deref()), detail);
    let lines = asked.lines();
    assert!(lines.len() >= 2 + asked.action.parameters().len());
    assert!(
        lines.iter().all(|line| [&line.label, &line.value].iter().all(|text| check(Kind::DetailValue, text).is_ok()))
    );
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
