//! The device API: method, path below the issuer, request and reply of each call, for the server's router and the
//! phone's transport alike.

use serde::{Deserialize, Serialize};

use crate::jws::{General, Jws};
use crate::messages::{DeviceInfo, PushTarget};
use crate::{DeviceId, EnrolmentId, Jwk, PromptId};

/// The header that carries the [`crate::messages::Proof`].
pub const PROOF_HEADER: &str = "device-proof";

/// The header in which replies hand out a fresh nonce.
pub const NONCE_HEADER: &str = "device-nonce";

/// The longest wait that `GET /device/v1/prompts?wait=` grants, in seconds.
pub const MAX_WAIT_SECONDS: u32 = 25;

/// Methods used by the device API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// Upper-case name, as in `htm`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One call: its method and its path template, `{id}` standing for the one variable part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path below the issuer.
    pub path: &'static str,
}

impl Endpoint {
    const fn new(method: Method, path: &'static str) -> Self {
        Self { method, path }
    }

    /// The URL of the call, `{id}` filled in.
    #[must_use]
    pub fn url(&self, issuer: &str, id: &str) -> String {
        format!("{issuer}{}", self.path.replace("{id}", id))
    }
}

/// Root key, key list, capabilities; no proof. Reply: [`Configuration`].
pub const CONFIGURATION: Endpoint = Endpoint::new(Method::Get, "/device/v1/configuration");
/// A nonce for proofs; no proof. Request: [`NonceRequest`], reply: [`NonceReply`].
pub const NONCE: Endpoint = Endpoint::new(Method::Post, "/device/v1/nonce");
/// Opens an enrolment; no proof. Request: [`SignedRequest`] of `Begin`, reply: [`OfferReply`].
pub const BEGIN: Endpoint = Endpoint::new(Method::Post, "/device/v1/enrolments/begin");
/// Completes an enrolment; the message proves itself. Request: [`General`] of `Finish`, reply: [`SignedReply`].
pub const FINISH: Endpoint = Endpoint::new(Method::Post, "/device/v1/enrolments/finish");
/// Where an enrolment stands. Reply: [`SignedReply`] of `Enrolment`.
pub const ENROLMENT: Endpoint = Endpoint::new(Method::Get, "/device/v1/enrolments/{id}");
/// Pending prompts, long poll with `?wait=`. Reply: [`PromptsReply`].
pub const PROMPTS: Endpoint = Endpoint::new(Method::Get, "/device/v1/prompts");
/// One prompt. Reply: [`PromptReply`].
pub const PROMPT: Endpoint = Endpoint::new(Method::Get, "/device/v1/prompts/{id}");
/// The answer. Request: [`SignedRequest`] of `Decision`, reply: [`SignedReply`] of `DecisionResult`.
pub const DECISION: Endpoint = Endpoint::new(Method::Post, "/device/v1/prompts/{id}/decision");
/// The phone's own record. Reply: [`SelfReply`].
pub const SELF: Endpoint = Endpoint::new(Method::Get, "/device/v1/self");
/// Renames the phone. Request: [`Rename`].
pub const RENAME: Endpoint = Endpoint::new(Method::Patch, "/device/v1/self");
/// Leaves the account. No body; reply 204.
pub const LEAVE: Endpoint = Endpoint::new(Method::Delete, "/device/v1/self");
/// Replaces the push target. Request: [`PushTarget`]; reply 204.
pub const PUSH: Endpoint = Endpoint::new(Method::Put, "/device/v1/self/push");
/// Sends this phone a prompt of kind `test`. No body; reply 204.
pub const TEST: Endpoint = Endpoint::new(Method::Post, "/device/v1/self/test");
/// Rotates keys. Request: [`General`] of `Rotation`; reply: [`SignedReply`] of `Enrolment`, for the `device` key that holds
/// afterwards, `fh` being [`General::digest`] of the request and `nonce` zero bits. 200 and `active`: done. 202 and
/// `unconfirmed`: another phone is asked; the same request again tells how that ended.
pub const KEYS: Endpoint = Endpoint::new(Method::Post, "/device/v1/self/keys");
/// What was asked and answered, newest first; `?before=` a number: what came before that. Reply: [`SignedReply`] of `History`.
pub const HISTORY: Endpoint = Endpoint::new(Method::Get, "/device/v1/self/history");
/// Clients this user blocked. Reply: [`SignedReply`] of `Blocks`.
pub const BLOCKS: Endpoint = Endpoint::new(Method::Get, "/device/v1/self/blocks");
/// Blocks a client, or for how long. The proof, which is over the body, is its signature. Request: [`BlockRequest`]; reply 204.
pub const BLOCK: Endpoint = Endpoint::new(Method::Put, "/device/v1/self/blocks");
/// Lifts a block. Request: [`SignedRequest`] of `Unblock`; reply 204.
pub const UNBLOCK: Endpoint = Endpoint::new(Method::Delete, "/device/v1/self/blocks");

/// Reply of [`CONFIGURATION`]. Trust comes from the pinned root thumbprint, not from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The issuer.
    pub issuer: String,
    /// The realm's device root key.
    pub root: Jwk,
    /// `adp-keys+jwt`, signed by the root.
    pub keys: Jws,
    /// Each an `adp-keys+jwt` in general serialisation, signed by a root and then by its successor, whose keys are in the
    /// headers; the oldest first. By these a phone that pinned an earlier root comes to the present one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successions: Vec<General>,
    /// What the server can do beyond version 1.
    pub capabilities: Vec<String>,
    /// Version of the Unicode data that text is judged by.
    pub unicode: String,
    /// Under which key phones subscribe to Web Push (RFC 8292 §3.2): 65 bytes in base64url. Absent without that channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vapid: Option<String>,
    /// The server's clock.
    pub now: i64,
}

/// Request of [`NONCE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceRequest {
    /// Whose nonce.
    pub device: DeviceId,
}

/// Reply of [`NONCE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceReply {
    /// Opaque; valid five minutes, for parallel requests too.
    pub nonce: String,
    /// The server's clock.
    pub now: i64,
}

/// A body that is one compact JWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequest {
    /// The message.
    pub message: Jws,
}

/// A reply that is one compact JWS by a device signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReply {
    /// The message.
    pub message: Jws,
    /// The server's clock.
    pub now: i64,
}

/// Reply of [`BEGIN`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferReply {
    /// `adp-offer+jwt`.
    pub offer: Jws,
    /// `adp-keys+jwt`, so that the offer can be checked against the pinned root.
    pub keys: Jws,
    /// The realm's device root key.
    pub root: Jwk,
    /// The server's clock.
    pub now: i64,
}

/// Reply of [`PROMPTS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptsReply {
    /// `adp-prompt+jwt`s that await an answer, oldest first.
    pub prompts: Vec<Jws>,
    /// The server's clock.
    pub now: i64,
}

/// Reply of [`PROMPT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptReply {
    /// `adp-prompt+jwt`, the stored bytes.
    pub prompt: Jws,
    /// The server's clock.
    pub now: i64,
}

/// Reply of [`SELF`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfReply {
    /// The phone's id.
    pub device: DeviceId,
    /// Its enrolment.
    pub enr: EnrolmentId,
    /// What it said of itself.
    pub info: DeviceInfo,
    /// Where pushes go.
    pub push: PushTarget,
    /// `adp-enrolment+jwt` with the realm's policy, `nonce` and `fh` being zero bits.
    pub standing: Jws,
    /// The server's clock.
    pub now: i64,
}

/// Request of [`RENAME`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// The new name, at most 60 code points.
    pub name: String,
}

/// For how long a client is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockPeriod {
    /// 15 minutes.
    QuarterHour,
    /// 24 hours.
    Day,
    /// Until the user lifts it.
    UntilLifted,
}

/// Request of [`BLOCK`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequest {
    /// The client's id, as its prompts name it.
    pub client: String,
    /// For how long, from now on.
    pub lasts: BlockPeriod,
}

/// Body of a `finish` request.
pub type FinishRequest = General;

/// The variable part of [`PROMPT`] and [`DECISION`].
pub type PromptPath = PromptId;
