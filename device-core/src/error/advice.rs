//! What an app does about an error, and the word it logs.

use super::DeviceError;

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum Advice {
    /// Nothing: the same call fails again.
    Never,
    /// The same call, later.
    After {
        /// How long to wait at least.
        seconds: u32,
    },
    /// The same call at once: the core asks for a new nonce.
    WithFreshNonce,
    /// Something that only the user can do, and then the same call: look, type, unlock, update, enrol again.
    UserAction,
}

/// Where a busy server does not say when.
const BUSY_SECONDS: u32 = 30;

impl DeviceError {
    /// A stable word for the condition, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotATicket => "not_a_ticket",
            Self::WrongIssuer { .. } => "wrong_issuer",
            Self::InsecureIssuer { .. } => "insecure_issuer",
            Self::UnfitName { .. } => "unfit_name",
            Self::Unreachable { .. } => "unreachable",
            Self::UntrustedCertificate { .. } => "untrusted_certificate",
            Self::ServerBusy { .. } => "server_busy",
            Self::ProofNotTaken => "proof_not_taken",
            Self::Untrusted { .. } => "untrusted",
            Self::Unshowable { .. } => "unshowable",
            Self::NotUnderstood { .. } => "not_understood",
            Self::Expired => "expired",
            Self::AlreadyAnswered => "already_answered",
            Self::Withdrawn => "withdrawn",
            Self::Busy => "busy",
            Self::DisplayNotTaken => "display_not_taken",
            Self::DisplayIncomplete { .. } => "display_incomplete",
            Self::MatchCodeNeeded => "match_code_needed",
            Self::UnknownAccount => "unknown_account",
            Self::NotActive => "not_active",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::UnknownPrompt => "unknown_prompt",
            Self::NotOurPush => "not_our_push",
            Self::KeysLost => "keys_lost",
            Self::KeyInvalidated => "key_invalidated",
            Self::KeyUnavailable { .. } => "key_unavailable",
            Self::UserCancelled => "user_cancelled",
            Self::Storage { .. } => "storage",
            Self::DamagedState { .. } => "damaged_state",
            Self::NewerState { .. } => "newer_state",
            Self::Clock { .. } => "clock",
            Self::Platform { .. } => "platform",
            Self::Refused { .. } => "refused",
        }
    }

    /// What helps.
    #[must_use]
    pub const fn advice(&self) -> Advice {
        match self {
            Self::ServerBusy { after_seconds: Some(seconds), .. } => Advice::After { seconds: *seconds },
            Self::ServerBusy { after_seconds: None, .. } => Advice::After { seconds: BUSY_SECONDS },
            Self::NotATicket
            | Self::UnfitName { .. }
            | Self::UntrustedCertificate { .. }
            | Self::DisplayNotTaken
            | Self::DisplayIncomplete { .. }
            | Self::MatchCodeNeeded
            | Self::NotActive
            | Self::Suspended
            | Self::KeysLost
            | Self::KeyInvalidated
            | Self::KeyUnavailable { .. }
            | Self::UserCancelled
            | Self::DamagedState { .. }
            | Self::NewerState { .. } => Advice::UserAction,
            Self::WrongIssuer { .. }
            | Self::InsecureIssuer { .. }
            | Self::Untrusted { .. }
            | Self::Unshowable { .. }
            | Self::Expired
            | Self::AlreadyAnswered
            | Self::Withdrawn
            | Self::UnknownAccount
            | Self::Revoked
            | Self::UnknownPrompt
            | Self::NotOurPush
            | Self::Refused { .. } => Advice::Never,
            Self::Unreachable { .. } | Self::Storage { .. } | Self::Clock { .. } | Self::Platform { .. } => {
                Advice::After { seconds: 5 }
            }
            Self::ProofNotTaken => Advice::WithFreshNonce,
            Self::NotUnderstood { .. } => Advice::After { seconds: 60 },
            Self::Busy => Advice::After { seconds: 1 },
        }
    }
}

/// [`DeviceError::code`], for languages in which errors have no methods.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "foreign languages hand over values")]
pub fn error_code(error: DeviceError) -> String {
    error.code().to_owned()
}

/// [`DeviceError::advice`], for languages in which errors have no methods.
#[cfg_attr(feature = "uniffi", uniffi::export)]
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "foreign languages hand over values")]
pub fn error_advice(error: DeviceError) -> Advice {
    error.advice()
}
