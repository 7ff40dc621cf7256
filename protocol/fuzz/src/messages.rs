//! Every message and every body of the device API as bytes: decoded, written and decoded again it is the same.

use std::fmt::Debug;

use protocol::endpoints::{
    BlockRequest, Configuration, FinishRequest, NonceReply, NonceRequest, OfferReply, PromptReply, PromptsReply,
    Rename, SelfReply, SignedReply, SignedRequest,
};
use protocol::json;
use protocol::jws::General;
use protocol::messages::{
    Begin, Blocks, Decision, DecisionResult, Enrolment, Finish, History, KeyList, Offer, Prompt, Proof, PushData,
    PushTarget, Receipt, Revocation, Rotation, Unblock,
};
use protocol::problem::Problem;

use crate::Target;

macro_rules! messages {
    ($($name:literal: $message:ty),* $(,)?) => {
        /// A function for each, by the name of its schema in `docs/device-protocol/schemas`.
        pub const MESSAGES: &[(&str, Target)] = &[$(($name, |bytes| _ = stable::<$message>(bytes))),*];
    };
}

messages! {
    "begin": Begin,
    "block-request": BlockRequest,
    "blocks": Blocks,
    "configuration": Configuration,
    "decision": Decision,
    "enrolment": Enrolment,
    "finish": Finish,
    "finish-request": FinishRequest,
    "history": History,
    "keys": KeyList,
    "nonce-reply": NonceReply,
    "nonce-request": NonceRequest,
    "offer": Offer,
    "offer-reply": OfferReply,
    "problem": Problem,
    "prompt": Prompt,
    "prompt-reply": PromptReply,
    "prompts-reply": PromptsReply,
    "proof": Proof,
    "push-data": PushData,
    "push-target": PushTarget,
    "receipt": Receipt,
    "rename": Rename,
    "result": DecisionResult,
    "revocation": Revocation,
    "rotation": Rotation,
    "rotation-request": General,
    "self-reply": SelfReply,
    "signed-reply": SignedReply,
    "signed-request": SignedRequest,
    "unblock": Unblock,
}

/// Reads bytes as a message, and that message as it is written.
pub(crate) fn stable<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let message: T = json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&message).expect("messages can be written");
    // Escapes may make the written form longer than what was read.
    assert_eq!(json::from_slice_within(&written, usize::MAX).as_ref(), Ok(&message));
    Some(message)
}
