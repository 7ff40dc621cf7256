//! How the core says no to the app: one flat list of conditions, each one that an app reacts to in its own way.

use protocol::problem::Problem;

use crate::ports::{ClockError, StoreError, TransportError, VaultError};
use crate::prompt::Unshowable;
use crate::trust::Distrust;

/// Why a call failed. [`DeviceError::code`] is stable; texts are for logs, not for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum DeviceError {
    /// The text is no enrolment ticket.
    #[error("not an enrolment ticket")]
    NotATicket,
    /// The ticket is for an issuer that is not on the app's list, or one without TLS.
    #[error("this app does not enrol at {issuer}")]
    WrongIssuer {
        /// The issuer named by the ticket.
        issuer: String,
    },
    /// The phone's name, model or system cannot be shown to people: too long, or unfit characters.
    #[error("the phone's name cannot be shown: {detail}")]
    UnfitName {
        /// The rule that is broken.
        detail: String,
    },
    /// No connection, or no answer in time. Try again; a decision that was made is sent again unchanged.
    #[error("unreachable: {detail}")]
    Unreachable {
        /// For the log.
        detail: String,
    },
    /// What came from the server is not signed as the pinned key demands, or is not for this phone. Show nothing of it.
    #[error("not trusted: {detail}")]
    Untrusted {
        /// For the log.
        detail: String,
    },
    /// The prompt is the server's, and has text that must not be shown, or hides something that must.
    #[error("cannot be shown: {detail}")]
    Unshowable {
        /// For the log.
        detail: String,
    },
    /// The reply is not one that this protocol knows: a proxy, or a newer server.
    #[error("reply not understood (status {status}): {detail}")]
    NotUnderstood {
        /// HTTP status.
        status: u16,
        /// For the log.
        detail: String,
    },
    /// Too late: the request or the ticket has ended.
    #[error("expired")]
    Expired,
    /// This or another phone answered before, and the answer stands.
    #[error("already answered")]
    AlreadyAnswered,
    /// The client took its request back.
    #[error("withdrawn by the client")]
    Withdrawn,
    /// Approving needs the lines to have been taken for display.
    #[error("the display lines were not taken")]
    DisplayNotTaken,
    /// Approving needs the digits that the other screen shows, in the right number.
    #[error("the match code was not entered")]
    MatchCodeNeeded,
    /// No account of that id on this phone.
    #[error("no such account")]
    UnknownAccount,
    /// The account waits for its six digits, or was cancelled or revoked.
    #[error("the account is not active")]
    NotActive,
    /// The server knows no such prompt for this phone.
    #[error("no such prompt")]
    UnknownPrompt,
    /// The push is none of ours, or sealed to no key of this phone.
    #[error("not a push for this phone")]
    NotOurPush,
    /// State came back without its keys, or biometrics changed: enrol again or rotate.
    #[error("the keys are lost")]
    KeysLost,
    /// A key cannot be used now.
    #[error("key unavailable: {detail}")]
    KeyUnavailable {
        /// For the log.
        detail: String,
    },
    /// The user dismissed the platform's dialogue; nothing was signed.
    #[error("cancelled by the user")]
    UserCancelled,
    /// Storage failed, or what it holds is damaged.
    #[error("storage: {detail}")]
    Storage {
        /// For the log.
        detail: String,
    },
    /// What is stored was written by a newer version of the app.
    #[error("state of a newer version ({version})")]
    NewerState {
        /// The version found.
        version: u32,
    },
    /// The app's clock or chance failed.
    #[error("platform: {detail}")]
    Platform {
        /// For the log.
        detail: String,
    },
    /// The server refused; the code is its own.
    #[error("refused: {refusal}")]
    Refused {
        /// The problem's code, as after `urn:assent:problem:`.
        refusal: String,
    },
}

impl DeviceError {
    /// A stable word for the condition, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotATicket => "not_a_ticket",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::UnfitName { .. } => "unfit_name",
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::Unshowable { .. } => "unshowable",
            Self::NotUnderstood { .. } => "not_understood",
            Self::Expired => "expired",
            Self::AlreadyAnswered => "already_answered",
            Self::Withdrawn => "withdrawn",
            Self::DisplayNotTaken => "display_not_taken",
            Self::MatchCodeNeeded => "match_code_needed",
            Self::UnknownAccount => "unknown_account",
            Self::NotActive => "not_active",
            Self::UnknownPrompt => "unknown_prompt",
            Self::NotOurPush => "not_our_push",
            Self::KeysLost => "keys_lost",
            Self::KeyUnavailable { .. } => "key_unavailable",
            Self::UserCancelled => "user_cancelled",
            Self::Storage { .. } => "storage",
            Self::NewerState { .. } => "newer_state",
            Self::Platform { .. } => "platform",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether the server has heard the request and said no for good, so that sending the same again is pointless.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Expired | Self::AlreadyAnswered | Self::Withdrawn | Self::UnknownPrompt | Self::Refused { .. }
        )
    }
}

/// The server's own words for the conditions that apps tell apart; everything else stays [`DeviceError::Refused`].
impl From<&Problem> for DeviceError {
    fn from(problem: &Problem) -> Self {
        match problem.code() {
            "expired" => Self::Expired,
            "already_approved" | "already_denied" | "already_redeemed" => Self::AlreadyAnswered,
            "cancelled" => Self::Withdrawn,
            "revoked" => Self::NotActive,
            "unknown_prompt" => Self::UnknownPrompt,
            // Busy or limited: the same request may pass later, so nothing that was signed is given up.
            code if problem.status == 429 || problem.status >= 500 => Self::Unreachable { detail: code.to_owned() },
            code => Self::Refused { refusal: code.to_owned() },
        }
    }
}

impl From<Distrust> for DeviceError {
    fn from(reason: Distrust) -> Self {
        match reason {
            Distrust::Expired => Self::Expired,
            other => Self::Untrusted { detail: other.to_string() },
        }
    }
}

impl From<Unshowable> for DeviceError {
    fn from(reason: Unshowable) -> Self {
        Self::Unshowable { detail: reason.to_string() }
    }
}

impl From<VaultError> for DeviceError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::KeyMissing => Self::KeysLost,
            VaultError::UserCancelled => Self::UserCancelled,
            VaultError::Unavailable { detail } | VaultError::Unexpected { detail } => Self::KeyUnavailable { detail },
        }
    }
}

impl From<StoreError> for DeviceError {
    fn from(error: StoreError) -> Self {
        Self::Storage { detail: error.to_string() }
    }
}

impl From<TransportError> for DeviceError {
    fn from(error: TransportError) -> Self {
        Self::Unreachable { detail: error.to_string() }
    }
}

impl From<ClockError> for DeviceError {
    fn from(error: ClockError) -> Self {
        Self::Platform { detail: error.to_string() }
    }
}
