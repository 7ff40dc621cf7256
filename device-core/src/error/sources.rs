//! How the conditions of ports, server and protocol become those that apps tell apart.

use protocol::messages::RevocationReason;
use protocol::problem::Problem;

use super::DeviceError;
use crate::ports::{ClockError, LockError, StoreError, TransportError, VaultError};
use crate::prompt::Unshowable;
use crate::trust::Distrust;

impl DeviceError {
    /// The server's own words for the conditions that apps tell apart; everything else stays [`DeviceError::Refused`].
    #[must_use]
    pub fn of_problem(problem: &Problem, after_seconds: Option<u32>) -> Self {
        match problem.code() {
            "expired" => Self::Expired,
            "already_approved" | "already_denied" | "already_redeemed" => Self::AlreadyAnswered,
            "cancelled" => Self::Withdrawn,
            "revoked" => Self::Revoked,
            "counter_reused" => Self::Suspended,
            "unknown_prompt" => Self::UnknownPrompt,
            // Busy or limited: the same request may pass later, so nothing that was signed is given up.
            code if problem.status == 429 || problem.status >= 500 => {
                Self::ServerBusy { refusal: code.to_owned(), after_seconds }
            }
            code => Self::Refused { refusal: code.to_owned() },
        }
    }
}

impl From<RevocationReason> for DeviceError {
    /// What the end of an account is to an app.
    fn from(reason: RevocationReason) -> Self {
        match reason {
            RevocationReason::Operator | RevocationReason::User => Self::Revoked,
            RevocationReason::Disputed | RevocationReason::Cloned => Self::Suspended,
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
            VaultError::KeyInvalidated => Self::KeyInvalidated,
            VaultError::UserCancelled => Self::UserCancelled,
            VaultError::Unavailable { detail } | VaultError::Unexpected { detail } => Self::KeyUnavailable { detail },
        }
    }
}

impl From<StoreError> for DeviceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { detail } => Self::DamagedState { detail },
            StoreError::Failed { .. } | StoreError::Unexpected { .. } => Self::Storage { detail: error.to_string() },
        }
    }
}

impl From<TransportError> for DeviceError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::UntrustedCertificate { detail } => Self::UntrustedCertificate { detail },
            TransportError::Unreachable { .. } | TransportError::TimedOut | TransportError::Unexpected { .. } => {
                Self::Unreachable { detail: error.to_string() }
            }
        }
    }
}

impl From<ClockError> for DeviceError {
    fn from(error: ClockError) -> Self {
        Self::Clock { detail: error.to_string() }
    }
}

impl From<LockError> for DeviceError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held => Self::Busy,
            LockError::Unexpected { .. } => Self::Platform { detail: error.to_string() },
        }
    }
}
