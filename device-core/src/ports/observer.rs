//! What happens inside, for the app's logs and metrics.

use crate::app::{Outcome, RevocationReason};

/// Told of what happens, and never asked. It must return at once. What it throws is ignored.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn observe(&self, event: DeviceEvent) -> Result<(), ObserverError>;
}

/// One thing that happened. Ids and numbers only: no text of a request, no code, no key, no token, no address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum DeviceEvent {
    /// The server answered a call.
    Called {
        /// Method and path template, such as `GET /device/v1/prompts/{id}`.
        call: String,
        /// HTTP status.
        status: u16,
        /// How long it took, by the monotonic clock.
        millis: i64,
    },
    /// The server did not answer a call.
    Unanswered {
        /// Method and path template.
        call: String,
        /// [`DeviceError::code`](crate::DeviceError::code) of the reason.
        code: String,
    },
    /// A decision was signed and stored; it is sent next.
    Decided {
        /// The account, as in `accounts()`.
        account: String,
        /// The prompt's id.
        prompt: String,
        /// Whether it approves.
        approves: bool,
    },
    /// The server's signed word on a decision arrived.
    Concluded {
        /// The account.
        account: String,
        /// The prompt's id.
        prompt: String,
        /// Where the request stands.
        outcome: Outcome,
    },
    /// The server's signed word ended an account; its keys are destroyed.
    Ended {
        /// The account.
        account: String,
        /// Why.
        reason: RevocationReason,
    },
}

/// The observer failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum ObserverError {
    /// In a way it did not foresee.
    #[error("the observer failed: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}
