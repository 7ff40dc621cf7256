//! The audit trail: one typed event for each change of state, in the commit that makes the change. No secrets, no hints,
//! no binding messages.

use protocol::messages::{Answer, DenyReason, EvidenceFormat, KeyLevel, RevocationReason};
use protocol::{DeviceId, EnrolmentId, KeyRole, PromptId};
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::attention::Limit;
use super::attestation::Flaw;
use super::authentication_request::{DenialReason, PushError};
use super::names::{ClientId, RegistrationKey, RequestKey, Subject};
use super::prompt::About;
use super::time::Timestamp;
use super::user::UserStatus;

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[allow(missing_docs, reason = "the members are named as what they hold; each event is documented")]
pub enum What {
    /// A realm was created.
    RealmCreated,
    /// A realm was recovered from a back-up: open requests were cancelled.
    RealmRecovered,
    /// A key for tokens was made, by command or by schedule; it is published from now on.
    SigningKeyCreated { algorithm: Algorithm, kid: String },
    /// It signs, in place of the one before.
    SigningKeySigns { algorithm: Algorithm, kid: String },
    /// It leaked: nothing that it signed is believed any more.
    SigningKeyWithdrawn { algorithm: Algorithm, kid: String },
    /// The list by which phones know the keys that sign for them was replaced; its number.
    DeviceKeysListed { sequence: u64 },
    /// An operator, or the settings file, created a client.
    ClientCreated { client: ClientId },
    /// An operator replaced a client's metadata.
    ClientChanged { client: ClientId },
    /// An operator gave a client another secret.
    ClientSecretRenewed { client: ClientId },
    /// An operator gave a client that registered itself another token to manage that by.
    ClientRegistrationTokenRenewed { client: ClientId },
    /// An operator removed a client.
    ClientRemoved { client: ClientId },
    /// An operator confirmed a client's name.
    ClientVerified { client: ClientId },
    /// An operator made a token by which clients register themselves.
    RegistrationTokenCreated { token: RegistrationKey, uses: u32 },
    /// An operator ended one.
    RegistrationTokenRevoked { token: RegistrationKey },
    /// A client registered itself, perhaps by a token.
    ClientRegisteredItself {
        client: ClientId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<RegistrationKey>,
    },
    /// A client replaced its own metadata.
    ClientChangedItself { client: ClientId },
    /// A client removed itself.
    ClientRemovedItself { client: ClientId },
    /// An operator created a user.
    UserCreated { subject: Subject },
    /// An operator changed whether a user may sign in.
    UserStatusChanged { subject: Subject, status: UserStatus },
    /// An operator set or cleared a user's code.
    UserCodeChanged { subject: Subject, set: bool },
    /// An operator made an enrolment ticket.
    TicketCreated {
        subject: Subject,
        /// The first-party app that asked; the operator, if nobody is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<ClientId>,
    },
    /// A phone began to enrol.
    EnrolmentBegun { subject: Subject, enrolment: EnrolmentId },
    /// A second key used the same ticket: the enrolment was cancelled.
    TicketReused { subject: Subject },
    /// A phone sent its keys.
    EnrolmentFinished { subject: Subject, enrolment: EnrolmentId, device: DeviceId },
    /// A phone's evidence was verified; how well its keys `device` and `verified` are proven by it.
    AttestationVerified {
        subject: Subject,
        enrolment: EnrolmentId,
        format: EvidenceFormat,
        level: KeyLevel,
        verified_level: KeyLevel,
    },
    /// A phone's evidence did not stand this check. Where attestation is required, that ended the enrolment.
    AttestationFailed { subject: Subject, enrolment: EnrolmentId, format: EvidenceFormat, check: Flaw },
    /// The wrong digits were typed: the enrolment was cancelled.
    EnrolmentRejected { subject: Subject, enrolment: EnrolmentId },
    /// A phone is enrolled.
    DeviceEnrolled { subject: Subject, device: DeviceId },
    /// A phone joined while its user had no other one left: it proves no more than presence for a while.
    DeviceRecovered { subject: Subject, device: DeviceId, limited_until: Timestamp },
    /// A phone wants another `verified` key, which somebody else must agree to.
    KeysProposed { subject: Subject, device: DeviceId },
    /// A phone replaced keys: which, and on whose word.
    KeysRotated { subject: Subject, device: DeviceId, roles: Vec<String>, agreed: Agreed },
    /// Somebody else did not agree to a phone's new keys.
    KeysRefused { subject: Subject, device: DeviceId, by: DeviceId },
    /// A test was sent to a phone.
    TestSent { device: DeviceId },
    /// A phone answered a prompt of our own.
    OwnPromptAnswered { device: DeviceId, about: About, answer: Answer, reason: Option<DenyReason>, counter: u64 },
    /// On one phone it was said of another: that is not mine.
    DeviceDisowned { subject: Subject, device: DeviceId, by: DeviceId },
    /// A phone was revoked.
    DeviceRevoked { subject: Subject, device: DeviceId, reason: RevocationReason },
    /// A phone's push target is gone or was replaced.
    PushTargetChanged { device: DeviceId, gone: bool },
    /// A client named another push token for its user's only phone.
    PushTokenReplaced { subject: Subject, device: DeviceId, client: ClientId },
    /// A client's request was refused, because it has disturbed this user enough or the user does not want it. The first
    /// of a kind in a minute.
    PromptRefused { client: ClientId, subject: Subject, limit: Limit },
    /// A user was asked so often by all clients that phones were not woken for this request.
    PushWithheld { request: RequestKey, subject: Subject },
    /// A user refused a client so often that it must leave them alone until then.
    ClientCooledDown { client: ClientId, subject: Subject, until: Timestamp },
    /// A user blocked a client; `None`: until it is lifted.
    ClientBlocked { client: ClientId, subject: Subject, device: DeviceId, until: Option<Timestamp> },
    /// A user lifted a block.
    ClientUnblocked { client: ClientId, subject: Subject, device: DeviceId },
    /// Something was refused because its user is locked or disabled. The first of a kind in a minute.
    LockedUserRefused { subject: Subject, client: ClientId, point: Point },
    /// A request was accepted.
    RequestAccepted { request: RequestKey, client: ClientId, subject: Subject, prompts: Vec<PromptId> },
    /// A phone answered.
    RequestDecided {
        request: RequestKey,
        device: DeviceId,
        answer: Answer,
        reason: Option<DenialReason>,
        role: KeyRole,
        counter: u64,
        /// By how many seconds the phone's clock differs from ours, when by more than five minutes.
        clock_off: Option<i64>,
        /// When the phone first fetched the prompt, if it did so from this process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened_at: Option<Timestamp>,
    },
    /// A decision failed a check; nothing came of it.
    DecisionRefused { request: Option<RequestKey>, device: DeviceId, prompt: PromptId, check: Check },
    /// The user said that a redeemed request was not theirs.
    RequestDisputed { request: RequestKey, device: DeviceId },
    /// Tokens were issued.
    RequestRedeemed { request: RequestKey, client: ClientId },
    /// The client withdrew it.
    RequestCancelled { request: RequestKey, client: ClientId },
    /// Tokens were issued once more.
    TokenRefreshed { request: RequestKey, client: ClientId },
    /// A refresh token was used that had been replaced: all that came of the request was revoked.
    RefreshReused { request: RequestKey, client: ClientId },
    /// The client revoked a token: one access token, or the refresh token with all its access tokens.
    TokenRevoked { request: RequestKey, client: ClientId, token: RevokedToken },
    /// A push was handed to its channel, or will never be.
    PushConcluded { request: RequestKey, device: DeviceId, fate: PushFate },
    /// A ping or push client was told of the outcome, or will never be.
    ClientNotified { request: RequestKey, client: ClientId, what: Notification, fate: NotificationFate },
}

impl What {
    /// The request that it is about.
    #[must_use]
    pub const fn request(&self) -> Option<&RequestKey> {
        match self {
            Self::RequestAccepted { request, .. }
            | Self::RequestDecided { request, .. }
            | Self::RequestDisputed { request, .. }
            | Self::RequestRedeemed { request, .. }
            | Self::RequestCancelled { request, .. }
            | Self::TokenRefreshed { request, .. }
            | Self::RefreshReused { request, .. }
            | Self::TokenRevoked { request, .. }
            | Self::PushWithheld { request, .. }
            | Self::PushConcluded { request, .. }
            | Self::ClientNotified { request, .. } => Some(request),
            Self::DecisionRefused { request, .. } => request.as_ref(),
            Self::RealmCreated
            | Self::RealmRecovered
            | Self::SigningKeyCreated { .. }
            | Self::SigningKeySigns { .. }
            | Self::SigningKeyWithdrawn { .. }
            | Self::DeviceKeysListed { .. }
            | Self::ClientCreated { .. }
            | Self::ClientChanged { .. }
            | Self::ClientSecretRenewed { .. }
            | Self::ClientRegistrationTokenRenewed { .. }
            | Self::ClientRemoved { .. }
            | Self::ClientVerified { .. }
            | Self::RegistrationTokenCreated { .. }
            | Self::RegistrationTokenRevoked { .. }
            | Self::ClientRegisteredItself { .. }
            | Self::ClientChangedItself { .. }
            | Self::ClientRemovedItself { .. }
            | Self::UserCreated { .. }
            | Self::UserStatusChanged { .. }
            | Self::UserCodeChanged { .. }
            | Self::TicketCreated { .. }
            | Self::EnrolmentBegun { .. }
            | Self::TicketReused { .. }
            | Self::EnrolmentFinished { .. }
            | Self::AttestationVerified { .. }
            | Self::AttestationFailed { .. }
            | Self::EnrolmentRejected { .. }
            | Self::DeviceEnrolled { .. }
            | Self::DeviceRecovered { .. }
            | Self::KeysProposed { .. }
            | Self::KeysRotated { .. }
            | Self::KeysRefused { .. }
            | Self::TestSent { .. }
            | Self::OwnPromptAnswered { .. }
            | Self::DeviceDisowned { .. }
            | Self::DeviceRevoked { .. }
            | Self::PromptRefused { .. }
            | Self::ClientCooledDown { .. }
            | Self::ClientBlocked { .. }
            | Self::ClientUnblocked { .. }
            | Self::LockedUserRefused { .. }
            | Self::PushTargetChanged { .. }
            | Self::PushTokenReplaced { .. } => None,
        }
    }
}

/// What a decision failed, in the order in which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It is longer than any decision.
    Size,
    /// It is not a JWS, its payload is not that of a decision, or `crit` names something.
    Form,
    /// `typ` is another.
    Typ,
    /// `alg` is another.
    Alg,
    /// `kid` names no key, or the key of another phone.
    Kid,
    /// The phone was revoked.
    Device,
    /// This phone has no such prompt.
    UnknownPrompt,
    /// It is signed by the wrong one of the phone's keys.
    Key,
    /// The signature is not by that key.
    Signature,
    /// `iss` is not the phone.
    Iss,
    /// `aud` is not the issuer.
    Aud,
    /// `v` is another.
    Version,
    /// `prompt` is another.
    Prompt,
    /// `nonce` is another.
    Nonce,
    /// `ph` is that of other bytes.
    PromptHash,
    /// `dh` is that of other lines.
    DisplayHash,
    /// It explains an approval, or types a code for a denial.
    Reason,
    /// Its time is over.
    Expired,
    /// The user is locked or disabled.
    User,
    /// The request was concluded otherwise.
    State,
    /// It has no match code where one is asked, or one where none is.
    Match,
    /// Its counter was used for another decision.
    Counter,
    /// Its proof was used before.
    Proof,
}

/// On whose word a phone's keys were replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "word")]
pub enum Agreed {
    /// The phone's own: the keys before signed.
    Itself,
    /// Of another phone of the user, by its `verified` key.
    Phone {
        /// Which.
        device: DeviceId,
    },
    /// An operator's, who had the user sign in.
    Operator,
}

/// Where it is asked whether a user may sign in (REQUIREMENTS Q35). An answer that is refused for it is told as a refused
/// decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// A client's request.
    Accept,
    /// A message to a phone or a client.
    Notify,
    /// The tokens.
    Redeem,
    /// More tokens.
    Refresh,
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notification {
    /// That there is an outcome.
    Ping,
    /// Its tokens.
    Tokens,
    /// That there are none, because the user or an operator said no.
    AccessDenied,
    /// That there are none, because the request's life is over.
    ExpiredToken,
    /// That there are none, for another reason.
    TransactionFailed,
}

impl From<PushError> for Notification {
    fn from(error: PushError) -> Self {
        match error {
            PushError::AccessDenied => Self::AccessDenied,
            PushError::ExpiredToken => Self::ExpiredToken,
            PushError::TransactionFailed => Self::TransactionFailed,
        }
    }
}

/// How that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationFate {
    /// Its endpoint took it.
    Delivered,
    /// Its endpoint refused it for good.
    Refused,
    /// Its time was over first.
    GivenUp,
}

/// What was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokedToken {
    /// It alone.
    AccessToken,
    /// With all its access tokens.
    RefreshToken,
}

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFate {
    /// The channel took it.
    Delivered,
    /// The target is no more.
    Gone,
    /// The channel refused it for good.
    Refused,
    /// The request ended first.
    GivenUp,
    /// Another push to the same phone told of it.
    Coalesced,
}
