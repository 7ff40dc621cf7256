//! The words between core and app. They mirror the protocol's own types, because foreign languages see this crate alone.

use protocol::messages as wire;

use crate::enrolment::Introduction;
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
}

impl From<&AccountState> for Account {
    fn from(account: &AccountState) -> Self {
        Self {
            id: account.enr.to_string(),
            issuer: account.trust.issuer().to_owned(),
            label: account.label.clone(),
            state: account.standing.into(),
        }
    }
}

impl From<PushTarget> for wire::PushTarget {
    fn from(target: PushTarget) -> Self {
        let (platform, target) = match target {
            PushTarget::FcmInstallation { platform, fid } => (platform, wire::FcmTarget::Fid(fid)),
            PushTarget::FcmToken { platform, token } => (platform, wire::FcmTarget::Token(token)),
            PushTarget::None => return Self::None,
        };
        let platform = match platform {
            Platform::Android => wire::Platform::Android,
            Platform::Ios => wire::Platform::Ios,
        };
        Self::Fcm { platform, target }
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
