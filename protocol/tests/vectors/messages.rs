//! Every message: the exact bytes, decoded and written again, are the same bytes.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;

use protocol::endpoints::{
    BlockRequest, Configuration, FinishRequest, NonceReply, NonceRequest, OfferReply, PromptReply, PromptsReply,
    Rename, SelfReply, SignedReply, SignedRequest,
};
use protocol::json;
use protocol::jws::General;
use protocol::messages::*;
use protocol::problem::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{directory, read};

/// What is asked of one golden file, whatever its type.
struct Golden {
    name: &'static str,
    rewritten: fn(&[u8]) -> Option<Vec<u8>>,
}

fn rewritten<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<Vec<u8>> {
    let message: T = json::from_slice(bytes).ok()?;
    Some(serde_json::to_vec(&message).expect("messages can be written"))
}

macro_rules! golden {
    ($($name:literal: $message:ty),* $(,)?) => {
        const GOLDEN: &[Golden] = &[$(Golden { name: $name, rewritten: rewritten::<$message> }),*];
    };
}

golden! {
    "begin": Begin,
    "block-request": BlockRequest,
    "block-request-day": BlockRequest,
    "block-request-until-lifted": BlockRequest,
    "blocks": Blocks,
    "blocks-empty": Blocks,
    "configuration": Configuration,
    "configuration-of-another-root": Configuration,
    "decision-approve": Decision,
    "decision-deny": Decision,
    "decision-deny-cancelled": Decision,
    "decision-deny-wrong-details": Decision,
    "enrolment": Enrolment,
    "enrolment-active": Enrolment,
    "enrolment-standing": Enrolment,
    "enrolment-cancelled": Enrolment,
    "enrolment-revoked": Enrolment,
    "finish": Finish,
    "finish-ios": Finish,
    "finish-poll-only": Finish,
    "finish-request": FinishRequest,
    "history": History,
    "history-empty": History,
    "keys": KeyList,
    "nonce-reply": NonceReply,
    "nonce-request": NonceRequest,
    "offer": Offer,
    "offer-reply": OfferReply,
    "problem": Problem,
    "problem-revoked": Problem,
    "prompt": Prompt,
    "prompt-minimal": Prompt,
    "prompt-notice": Prompt,
    "prompt-reply": PromptReply,
    "prompt-rotate": Prompt,
    "prompt-test": Prompt,
    "prompts-reply": PromptsReply,
    "prompts-reply-empty": PromptsReply,
    "proof": Proof,
    "push-data-dismiss": PushData,
    "push-data-sealed": PushData,
    "push-data-wake": PushData,
    "push-data-wake-padded": PushData,
    "push-target": PushTarget,
    "push-target-apns": PushTarget,
    "push-target-none": PushTarget,
    "push-target-webhook": PushTarget,
    "push-target-webpush": PushTarget,
    "receipt": Receipt,
    "receipt-app": Receipt,
    "receipt-claimed": Receipt,
    "rename": Rename,
    "result": DecisionResult,
    "result-denied": DecisionResult,
    "result-disputed": DecisionResult,
    "revocation": Revocation,
    "revocation-cloned": Revocation,
    "revocation-disputed": Revocation,
    "revocation-user": Revocation,
    "rotation": Rotation,
    "rotation-all": Rotation,
    "rotation-request": General,
    "self-reply": SelfReply,
    "signed-reply": SignedReply,
    "signed-request": SignedRequest,
    "unblock": Unblock,
}

fn golden_bytes(name: &str) -> Vec<u8> {
    fs::read(directory().join("messages").join(format!("{name}.json"))).expect("the vectors are committed")
}

fn members(name: &str) -> Map<String, Value> {
    serde_json::from_slice(&golden_bytes(name)).expect("an object")
}

#[test]
fn every_golden_file_is_read_here() {
    let listed: BTreeSet<String> = GOLDEN.iter().map(|golden| format!("{}.json", golden.name)).collect();
    let present: BTreeSet<String> = fs::read_dir(directory().join("messages"))
        .expect("the vectors are committed")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("an ASCII name"))
        .collect();
    assert_eq!(listed, present);
}

#[test]
fn golden_bytes_are_decoded_and_written_identically() {
    for Golden { name, rewritten } in GOLDEN {
        let bytes = golden_bytes(name);
        let again = rewritten(&bytes).unwrap_or_else(|| panic!("{name} is refused"));
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&bytes), "{name}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    for Golden { name, rewritten } in GOLDEN {
        let mut changed = members(name);
        changed.insert("later".into(), serde_json::json!({"a": [1, null]}));
        let again =
            rewritten(&serde_json::to_vec(&changed).expect("JSON")).unwrap_or_else(|| panic!("{name} is refused"));
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&golden_bytes(name)), "{name}");
    }
}

/// Members that a message may be without.
const OPTIONAL: [(&str, &[&str]); 13] = [
    ("configuration", &["successions"]),
    ("enrolment", &["policy"]),
    ("decision", &["match", "reason"]),
    ("problem", &["nonce", "revocation"]),
    ("prompt-reply", &[]),
    ("prompt", &["acr", "binding_message"]),
    ("rotation-request", &[]),
    ("rotation", &["device", "verified", "sealing"]),
    ("rotation-all", &["device", "verified", "sealing"]),
    ("finish-request", &[]),
    ("push-data", &["jwe", "pad", "dismiss"]),
    ("push-target-apns", &["environment"]),
    ("receipt", &["evidence"]),
];

#[test]
fn only_optional_members_may_be_left_out() {
    for Golden { name, rewritten } in GOLDEN {
        let optional: &[&str] = OPTIONAL
            .iter()
            .find(|(message, _)| name == message || name.starts_with(&format!("{message}-")))
            .map_or(&[], |(_, members)| members);
        for member in members(name).keys() {
            let mut changed = members(name);
            changed.remove(member);
            let read = rewritten(&serde_json::to_vec(&changed).expect("JSON")).is_some();
            assert_eq!(read, optional.contains(&member.as_str()), "{name} without {member}");
        }
    }
}

#[test]
fn a_member_of_another_type_is_refused() {
    for Golden { name, rewritten } in GOLDEN {
        for (member, value) in members(name) {
            let other = if value.is_boolean() { Value::from("true") } else { Value::Bool(true) };
            let mut changed = members(name);
            changed.insert(member.clone(), other.clone());
            assert!(rewritten(&serde_json::to_vec(&changed).expect("JSON")).is_none(), "{name} with {member}: {other}");
        }
    }
}

fn refuses<T: DeserializeOwned + Debug>(name: &str, pointer: &str, value: Value) {
    let mut changed = Value::Object(members(name));
    *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has {pointer}")) = value;
    let read = json::from_slice::<T>(&serde_json::to_vec(&changed).expect("JSON"));
    assert!(read.is_err(), "{name} with another {pointer}: {read:?}");
}

/// One change of one golden file: a member of another value, or none.
#[derive(Deserialize)]
struct Shape {
    message: String,
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

/// `null` is a value here.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Shape {
    fn apply(&self) -> Vec<u8> {
        let mut changed = Value::Object(members(&self.message));
        let (parent, member) = self.path.rsplit_once('/').expect("a pointer");
        let parent = changed.pointer_mut(parent).and_then(Value::as_object_mut).expect("a member");
        match &self.value {
            Some(value) => parent.insert(member.to_owned(), value.clone()),
            None => parent.remove(member),
        };
        serde_json::to_vec(&changed).expect("JSON")
    }
}

/// The same changes break the published schemas (`tests/device-protocol`).
#[test]
fn what_the_schemas_refuse_is_refused() {
    let shapes: Vec<Shape> = read("shapes.json");
    assert!(shapes.len() > 500);
    for shape in shapes {
        let golden = GOLDEN.iter().find(|golden| golden.name == shape.message).expect("a golden file");
        let read = (golden.rewritten)(&shape.apply());
        assert!(read.is_none(), "{} with {}: {:?}", shape.message, shape.path, shape.value);
    }
}

#[test]
fn unknown_values_are_refused_rather_than_guessed() {
    refuses::<Decision>("decision-approve", "/decision", "maybe".into());
    refuses::<Decision>("decision-deny", "/reason", "bored".into());
    refuses::<Decision>("decision-approve", "/uv", "Biometric".into());
    refuses::<Decision>("decision-approve", "/ctr", (-1).into());
    refuses::<Prompt>("prompt", "/kind", "login".into());
    refuses::<Prompt>("prompt", "/uv", "no".into());
    refuses::<Prompt>("prompt", "/match/mode", "choose".into());
    refuses::<Finish>("finish", "/evidence/fmt", "tpm".into());
    refuses::<Finish>("finish", "/push/channel", "carrier pigeon".into());
    refuses::<Finish>("finish", "/push/target", serde_json::json!({"fid": "a", "token": "b"}));
    refuses::<Offer>("offer", "/policy/confirm", "maybe".into());
    refuses::<Enrolment>("enrolment", "/state", "lost".into());
    refuses::<Revocation>("revocation", "/reason", "mood".into());
    refuses::<PushData>("push-data-wake", "/v", "2".into());
    refuses::<PushData>("push-data-dismiss", "/dismiss", "0".into());
}
