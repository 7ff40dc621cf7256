//! The words between core and app. They mirror the protocol's own types, because foreign languages see this crate alone.

use protocol::messages as wire;

use crate::enrolment::Introduction;
use crate::ports::KeyProtection;
use crate::state::AccountState;

/// What the phone says of itself, shown to users and operators. Each text at most 60 code points on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DeviceInfo {
    /// The user's name for the phone.
    pub name: String,
    /// Maker's model name.
    pub model: String,
    /// Operating system and version.
    pub os: String,
    /// Bundle or package id of the app.
    pub app_id: String,
    /// Version of the app.
    pub app_version: String,
}

/// Where pushes go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum PushTarget {
    /// Firebase Cloud Messaging, by installation id.
    FcmInstallation {
        /// Decides the message's shape.
        platform: Platform,
        /// The installation id.
        fid: String,
    },
    /// Firebase Cloud Messaging, by registration token.
    FcmToken {
        /// Decides the message's shape.
        platform: Platform,
        /// The token.
        token: String,
    },
    /// Apple Push Notification service, without Firebase.
    Apns {
        /// The device token in hexadecimal digits.
        token: String,
        /// Whether it was made for Apple's sandbox, as for an app that Xcode runs.
        sandbox: bool,
    },
    /// Web Push, also by `UnifiedPush`.
    WebPush {
        /// The push resource's URL.
        endpoint: String,
        /// The subscription's key: 65 bytes in base64url.
        p256dh: String,
        /// The subscription's authentication secret: 16 bytes in base64url.
        auth: String,
    },
    /// The notifier of whoever runs the server.
    Webhook {
        /// What that notifier knows this phone by.
        address: String,
    },
    /// Nowhere: the app asks.
    None,
}

/// The phone's platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Platform {
    /// Android.
    Android,
    /// iOS.
    Ios,
}

/// Why the user denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DenyReason {
    /// The user started nothing.
    NotMe,
    /// The user started something else.
    WrongDetails,
    /// The user changed their mind.
    Cancelled,
}

/// Where the request stands after a decision, by the server's signed word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Outcome {
    /// Approved.
    Approved,
    /// Denied.
    Denied,
    /// Tokens had been issued before; the dispute is recorded.
    Disputed,
}

/// The server's signed word on one answer, for the user to look at and for a later question. The relying party's receipt
/// names the same two digests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Receipt {
    /// The account that was asked, as in `accounts()`.
    pub account: String,
    /// The prompt's id.
    pub prompt: String,
    /// Name of the client that asked.
    pub client: String,
    /// The text that the other screen showed as well.
    pub message: Option<String>,
    /// Whether the user approved.
    pub approved: bool,
    /// Where the request stood then.
    pub outcome: Outcome,
    /// When the server took the answer, in seconds since 1970 by its clock.
    pub received_at: i64,
    /// SHA-256 of the prompt as received, base64url.
    pub prompt_digest: String,
    /// SHA-256 of the decision as sent, base64url.
    pub decision_digest: String,
}

/// For how long a client is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum BlockPeriod {
    /// 15 minutes.
    QuarterHour,
    /// 24 hours.
    Day,
    /// Until the user lifts it.
    UntilLifted,
}

impl From<BlockPeriod> for protocol::endpoints::BlockPeriod {
    fn from(period: BlockPeriod) -> Self {
        match period {
            BlockPeriod::QuarterHour => Self::QuarterHour,
            BlockPeriod::Day => Self::Day,
            BlockPeriod::UntilLifted => Self::UntilLifted,
        }
    }
}

/// A client that may not ask the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct BlockedClient {
    /// Its id, as `unblock_client` wants it.
    pub client: String,
    /// Its name.
    pub name: String,
    /// Since when, in seconds since 1970 by the server's clock.
    pub since: i64,
    /// Until when; `None`: until the user lifts it.
    pub until: Option<i64>,
}

/// A page of what the user was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct History {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// Where the next page begins, if there is one.
    pub older: Option<u64>,
}

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HistoryEntry {
    /// Id of the client that asked, as `block_client` wants it.
    pub client: String,
    /// Its name.
    pub client_name: String,
    /// The text that the other screen showed as well.
    pub message: Option<String>,
    /// When it was asked, in seconds since 1970 by the server's clock.
    pub asked_at: i64,
    /// When it was answered.
    pub answered_at: i64,
    /// Where it stands by that answer.
    pub outcome: Outcome,
    /// Why it was denied, where that was said.
    pub reason: Option<DenialReason>,
    /// The phone that approved or denied, as its user calls it; empty where it has no name.
    pub device_name: String,
    /// Whether that was this phone.
    pub on_this_phone: bool,
    /// What `object` wants, while the user may still say that it was not them: offer *this was not me*.
    pub prompt: Option<String>,
    /// Until when they may.
    pub object_until: Option<i64>,
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DenialReason {
    /// The user started nothing.
    NotMe,
    /// The user started something else.
    WrongDetails,
    /// The user changed their mind.
    Cancelled,
    /// The user typed another match code than the other screen showed.
    WrongCode,
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum EnrolmentState {
    /// Waiting for the six digits to be typed.
    Unconfirmed,
    /// Prompts arrive and can be answered.
    Active,
    /// Ended before it was active. Forget the account and ask for a new ticket.
    Cancelled,
    /// Was active and has been revoked.
    Revoked,
}

/// What a realm asks of its phones. Nothing to act on but for an app that explains itself: a server refuses what it does
/// not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Policy {
    /// How pushes look.
    pub push: PushMode,
    /// How the key that approves after a fingerprint or a PIN must be protected on new phones.
    pub protection: KeyProtection,
    /// Whether the platform is asked to vouch for new phones.
    pub attestation: Attestation,
    /// Whether the six digits of a new phone must be typed on the page that showed its ticket.
    pub digits_are_typed: bool,
}

/// How pushes look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum PushMode {
    /// They bring the request, sealed to this phone.
    Sealed,
    /// They only wake the app.
    Wake,
}

/// Whether the platform is asked to vouch for a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Attestation {
    /// It is not.
    None,
    /// It is, and no phone is refused for it.
    Record,
    /// It must.
    Require,
}

impl From<wire::EnrolmentPolicy> for Policy {
    fn from(policy: wire::EnrolmentPolicy) -> Self {
        Self {
            push: match policy.push {
                wire::PushMode::Sealed => PushMode::Sealed,
                wire::PushMode::Wake => PushMode::Wake,
            },
            protection: match policy.verified {
                wire::VerifiedKind::Biometric => KeyProtection::Biometric,
                wire::VerifiedKind::Credential => KeyProtection::Credential,
            },
            attestation: match policy.attestation {
                wire::Attestation::None => Attestation::None,
                wire::Attestation::Record => Attestation::Record,
                wire::Attestation::Require => Attestation::Require,
            },
            digits_are_typed: policy.confirm == wire::Confirm::Page,
        }
    }
}

/// One account on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Account {
    /// Its id on this phone.
    pub id: String,
    /// The issuer it belongs to.
    pub issuer: String,
    /// The account as the server masks it, for the user to recognise.
    pub label: String,
    /// Where its enrolment stands, as last heard.
    pub state: EnrolmentState,
    /// Why this phone was revoked, where it was. Its keys are destroyed; `wipe` takes it off the list.
    pub revoked: Option<RevocationReason>,
}

/// Why a phone was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum RevocationReason {
    /// By an operator.
    Operator,
    /// By the user, from this or another phone.
    User,
    /// The user said of something this phone approved that it was not them.
    Disputed,
    /// The server has seen two phones with the keys of this one.
    Cloned,
}

impl From<wire::RevocationReason> for RevocationReason {
    fn from(reason: wire::RevocationReason) -> Self {
        match reason {
            wire::RevocationReason::Operator => Self::Operator,
            wire::RevocationReason::User => Self::User,
            wire::RevocationReason::Disputed => Self::Disputed,
            wire::RevocationReason::Cloned => Self::Cloned,
        }
    }
}

impl From<&AccountState> for Account {
    fn from(account: &AccountState) -> Self {
        Self {
            id: account.enr.to_string(),
            issuer: account.trust.issuer().to_owned(),
            label: account.label.clone(),
            state: account.standing.into(),
            revoked: account.ended.map(|ended| ended.reason.into()),
        }
    }
}

impl From<PushTarget> for wire::PushTarget {
    fn from(target: PushTarget) -> Self {
        match target {
            PushTarget::FcmInstallation { platform, fid } => {
                Self::Fcm { platform: platform.into(), target: wire::FcmTarget::Fid(fid) }
            }
            PushTarget::FcmToken { platform, token } => {
                Self::Fcm { platform: platform.into(), target: wire::FcmTarget::Token(token) }
            }
            PushTarget::Apns { token, sandbox: true } => {
                Self::Apns { token, environment: wire::ApnsEnvironment::Sandbox }
            }
            PushTarget::Apns { token, sandbox: false } => {
                Self::Apns { token, environment: wire::ApnsEnvironment::Production }
            }
            PushTarget::WebPush { endpoint, p256dh, auth } => Self::WebPush { endpoint, p256dh, auth },
            PushTarget::Webhook { address } => Self::Webhook { address },
            PushTarget::None => Self::None,
        }
    }
}

impl From<Platform> for wire::Platform {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Android => Self::Android,
            Platform::Ios => Self::Ios,
        }
    }
}

impl Introduction {
    /// What `finish` says of the phone.
    #[must_use]
    pub fn new(info: DeviceInfo, push: PushTarget) -> Self {
        let app = wire::AppInfo { id: info.app_id, version: info.app_version };
        let info = wire::DeviceInfo { name: info.name, model: info.model, os: info.os, app };
        Self { info, push: push.into() }
    }
}

impl From<DenyReason> for wire::DenyReason {
    fn from(reason: DenyReason) -> Self {
        match reason {
            DenyReason::NotMe => Self::NotMe,
            DenyReason::WrongDetails => Self::WrongDetails,
            DenyReason::Cancelled => Self::Cancelled,
        }
    }
}

impl From<wire::DenyReason> for DenyReason {
    fn from(reason: wire::DenyReason) -> Self {
        match reason {
            wire::DenyReason::NotMe => Self::NotMe,
            wire::DenyReason::WrongDetails => Self::WrongDetails,
            wire::DenyReason::Cancelled => Self::Cancelled,
        }
    }
}

impl From<wire::Outcome> for Outcome {
    fn from(outcome: wire::Outcome) -> Self {
        match outcome {
            wire::Outcome::Approved => Self::Approved,
            wire::Outcome::Denied => Self::Denied,
            wire::Outcome::Disputed => Self::Disputed,
        }
    }
}

impl From<wire::EnrolmentState> for EnrolmentState {
    fn from(state: wire::EnrolmentState) -> Self {
        match state {
            wire::EnrolmentState::Unconfirmed => Self::Unconfirmed,
            wire::EnrolmentState::Active => Self::Active,
            wire::EnrolmentState::Cancelled => Self::Cancelled,
            wire::EnrolmentState::Revoked => Self::Revoked,
        }
    }
}
