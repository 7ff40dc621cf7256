//! What a relying party does with a receipt: years later, offline, with the realm's published keys.
//!
//! What it proves: a key that the OP vouches for as this user's signed this text. It is independent of the OP only where
//! attested evidence is disclosed with it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::crypto::{CryptoError, Verify};
use crate::digest::request_digest;
use crate::display::Line;
use crate::jws::{JwsError, KeyHint, Unverified};
use crate::messages::{Answer, Decision, KeyLevel, Message, Prompt, Receipt};
use crate::{Jwk, Jws, KeyRole, MAX_MESSAGE_BYTES, VERSION};

/// `approval_receipt` of a token response: the words of the OP and of the phone, exactly as they were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// `adp-prompt+jwt`: what was asked.
    pub prompt: Jws,
    /// `adp-decision+jwt`: the user's answer.
    pub decision: Jws,
    /// `adp-receipt+jwt`: what the OP says of both.
    pub receipt: Jws,
}

/// A key that has signed prompts and receipts, and from when until when it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKey {
    /// The key; its `kid` is its thumbprint.
    #[serde(flatten)]
    pub jwk: Jwk,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970: for a key that leaked, when it was revoked. What it signed before stays good.
    pub not_after: i64,
}

/// The keys of a realm as they are published: those in use, and for at least ten years those that were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedKeys {
    /// All of them. What is read and is no public P-256 key with its times is passed over (RFC 7517 §5): a set may come to hold
    /// keys of other kinds.
    #[serde(deserialize_with = "known_keys")]
    pub keys: Vec<PublishedKey>,
}

fn known_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PublishedKey>, D::Error> {
    let entries = Vec::<Value>::deserialize(deserializer)?;
    Ok(entries.iter().filter_map(|entry| PublishedKey::deserialize(entry).ok()).collect())
}

/// What the relying party knows by itself.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// Its own `client_id`.
    pub client: &'a str,
    /// The request that it made.
    pub auth_req_id: &'a str,
    /// Seconds since 1970.
    pub now: i64,
}

/// What was proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// Who approved, as the client knows them.
    pub subject: String,
    /// All lines that the phone handed to its app.
    pub display: Vec<Line>,
    /// What was asked, whole.
    pub prompt: Prompt,
    /// When the OP received the approval, in seconds since 1970.
    pub received_at: i64,
    /// Which of the phone's keys signed.
    pub role: KeyRole,
    /// How well that key is proven.
    pub level: KeyLevel,
    /// That key.
    pub key: Jwk,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// One of the three is no JWS of its kind, or its signature does not hold.
    #[error("the {0} is not signed as it must be: {1}")]
    Signature(&'static str, JwsError),
    /// Its key is not among the published ones.
    #[error("the {0} is signed by a key that is not published")]
    UnknownKey(&'static str),
    /// Its key was not in use when it was made, or when the decision came.
    #[error("the {0} is signed by a key outside its time")]
    KeyOutOfTime(&'static str),
    /// A version that this code does not know.
    #[error("the {0} is of another version")]
    Version(&'static str),
    /// Of another issuer.
    #[error("the {0} is of another issuer")]
    Issuer(&'static str),
    /// Of another relying party.
    #[error("the {0} is for another client")]
    Client(&'static str),
    /// Of another request.
    #[error("the {0} is about another request")]
    Request(&'static str),
    /// The receipt is about another prompt or another decision than the one beside it.
    #[error("the receipt is about another {0}")]
    Other(&'static str),
    /// The decision answers another prompt, or lines that were not in it.
    #[error("the decision does not answer this prompt: {0}")]
    Unanswered(&'static str),
    /// The answer is no.
    #[error("the decision is no approval")]
    Denied,
    /// The decision names, or the prompt is for, another key than the receipt; or `verified` is the phone's `device` key.
    #[error("the receipt names another key")]
    Key,
    /// The times contradict each other, or lie in the future.
    #[error("the times cannot be: {0}")]
    Times(&'static str),
}

impl ReceiptError {
    /// The name of the reason, which is the same in every language (docs/device-protocol.md, "Receipts").
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Signature(..) => "Signature",
            Self::UnknownKey(_) => "UnknownKey",
            Self::KeyOutOfTime(_) => "KeyOutOfTime",
            Self::Version(_) => "Version",
            Self::Issuer(_) => "Issuer",
            Self::Client(_) => "Client",
            Self::Request(_) => "Request",
            Self::Other(_) => "Other",
            Self::Unanswered(_) => "Unanswered",
            Self::Denied => "Denied",
            Self::Key => "Key",
            Self::Times(_) => "Times",
        }
    }
}

/// Clocks of two machines may differ by so many seconds.
const TOLERANCE: i64 = 60;

/// Verifies all of a receipt: every signature, every hash, request, client and times. `parse` makes a key ready for use,
/// such as [`crate::crypto::aws_lc::VerifyingKey::new`].
pub fn verify<K: Verify>(
    approval: &Approval,
    expected: &Expected<'_>,
    keys: &PublishedKeys,
    parse: impl Fn(&Jwk) -> Result<K, CryptoError>,
) -> Result<Proven, ReceiptError> {
    judge_lengths(approval)?;
    let receipt: Receipt =
        published("receipt", &approval.receipt, keys, &parse, |receipt: &Receipt| [receipt.iat, receipt.received_at])?;
    judge_receipt(approval, expected, &receipt)?;
    let received_at = receipt.received_at;
    let prompt: Prompt =
        published("prompt", &approval.prompt, keys, &parse, |prompt: &Prompt| [prompt.iat, received_at])?;
    judge_prompt(expected, &receipt, &prompt)?;
    let (decision, role) = decision(approval, &receipt, &parse)?;
    judge_decision(approval, expected, &prompt, &decision)?;
    let by_device = receipt.key.thumbprint() == prompt.aud;
    judge(by_device == (role == KeyRole::Device), ReceiptError::Key)?;
    judge_times(expected, &receipt, &prompt)?;
    Ok(Proven {
        subject: receipt.sub,
        display: prompt.display.clone(),
        prompt,
        received_at: receipt.received_at,
        role,
        level: receipt.level,
        key: receipt.key,
    })
}

/// Before anything is hashed: whoever hands over a text of megabytes shall not have it read.
fn judge_lengths(approval: &Approval) -> Result<(), ReceiptError> {
    let texts = [("prompt", &approval.prompt), ("decision", &approval.decision), ("receipt", &approval.receipt)];
    let long = texts.iter().find(|(_, text)| text.as_str().len() > MAX_MESSAGE_BYTES);
    long.map_or(Ok(()), |(what, _)| Err(ReceiptError::Signature(what, JwsError::TooLarge)))
}

/// Opens what the OP signed, by a published key in its time. The time of a key that leaked ends when it was revoked: it must
/// not have ended when the decision came either, or whoever has the key could have asked the question.
fn published<M: Message, K: Verify>(
    what: &'static str,
    jws: &Jws,
    keys: &PublishedKeys,
    parse: impl Fn(&Jwk) -> Result<K, CryptoError>,
    times: impl Fn(&M) -> [i64; 2],
) -> Result<M, ReceiptError> {
    let refused = |error| ReceiptError::Signature(what, error);
    let unverified = Unverified::parse(jws.as_str(), M::TYP).map_err(refused)?;
    let KeyHint::Kid(kid) = unverified.key_hint() else { return Err(refused(JwsError::Malformed)) };
    let found = keys.keys.iter().find(|key| key.jwk.thumbprint().to_string() == *kid);
    let key = found.ok_or(ReceiptError::UnknownKey(what))?;
    let verifier = parse(&key.jwk).map_err(|error| refused(error.into()))?;
    let message: M = unverified.verify(&verifier).map_err(refused)?;
    let in_time = |at: &i64| (key.not_before..=key.not_after).contains(at);
    if times(&message).iter().all(in_time) { Ok(message) } else { Err(ReceiptError::KeyOutOfTime(what)) }
}

fn judge_receipt(approval: &Approval, expected: &Expected<'_>, receipt: &Receipt) -> Result<(), ReceiptError> {
    judge(receipt.v == VERSION, ReceiptError::Version("receipt"))?;
    judge(receipt.iss == expected.issuer, ReceiptError::Issuer("receipt"))?;
    judge(receipt.aud == expected.client, ReceiptError::Client("receipt"))?;
    judge(receipt.req == request_digest(expected.auth_req_id), ReceiptError::Request("receipt"))?;
    judge(receipt.prompt == approval.prompt.digest(), ReceiptError::Other("prompt"))?;
    judge(receipt.decision == approval.decision.digest(), ReceiptError::Other("decision"))
}

fn judge_prompt(expected: &Expected<'_>, receipt: &Receipt, prompt: &Prompt) -> Result<(), ReceiptError> {
    judge(prompt.v == VERSION, ReceiptError::Version("prompt"))?;
    judge(prompt.iss == expected.issuer, ReceiptError::Issuer("prompt"))?;
    judge(prompt.client.id == expected.client, ReceiptError::Client("prompt"))?;
    judge(prompt.req == receipt.req, ReceiptError::Request("prompt"))
}

/// Opens what the phone signed, by the key that the OP vouches for.
fn decision<K: Verify>(
    approval: &Approval,
    receipt: &Receipt,
    parse: impl Fn(&Jwk) -> Result<K, CryptoError>,
) -> Result<(Decision, KeyRole), ReceiptError> {
    let refused = |error| ReceiptError::Signature("decision", error);
    let unverified = Unverified::parse(approval.decision.as_str(), Decision::TYP).map_err(refused)?;
    let kid = unverified.key_ref().map_err(refused)?;
    let verifier = parse(&receipt.key).map_err(|error| refused(error.into()))?;
    let decision: Decision = unverified.verify(&verifier).map_err(refused)?;
    judge(decision.iss == kid.device, ReceiptError::Key)?;
    Ok((decision, kid.role))
}

fn judge_decision(
    approval: &Approval,
    expected: &Expected<'_>,
    prompt: &Prompt,
    decision: &Decision,
) -> Result<(), ReceiptError> {
    judge(decision.v == VERSION, ReceiptError::Version("decision"))?;
    judge(decision.aud == expected.issuer, ReceiptError::Issuer("decision"))?;
    judge(decision.prompt == prompt.jti, ReceiptError::Unanswered("prompt"))?;
    judge(decision.nonce == prompt.nonce, ReceiptError::Unanswered("nonce"))?;
    judge(decision.ph == approval.prompt.digest(), ReceiptError::Unanswered("ph"))?;
    judge(decision.dh == prompt.display_digest(), ReceiptError::Unanswered("dh"))?;
    judge(decision.decision == Answer::Approve, ReceiptError::Denied)
}

/// The OP's clock alone: the phone's `iat` proves nothing.
fn judge_times(expected: &Expected<'_>, receipt: &Receipt, prompt: &Prompt) -> Result<(), ReceiptError> {
    judge(prompt.iat <= receipt.received_at, ReceiptError::Times("answered before it was asked"))?;
    judge(receipt.received_at < prompt.exp, ReceiptError::Times("answered after its end"))?;
    judge(receipt.received_at <= receipt.iat, ReceiptError::Times("attested before it was answered"))?;
    judge(receipt.iat <= expected.now + TOLERANCE, ReceiptError::Times("made in the future"))
}

fn judge(holds: bool, error: ReceiptError) -> Result<(), ReceiptError> {
    if holds { Ok(()) } else { Err(error) }
}
