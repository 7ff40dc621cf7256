//! How the core says no to the app: one flat list of conditions, each one that an app reacts to in its own way.

mod advice;
mod sources;

pub use advice::{Advice, error_advice, error_code};

/// Why a call failed. [`DeviceError::code`] is stable, [`DeviceError::advice`] says what helps; texts are for logs, not
/// for users.
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
    /// The account's issuer has no TLS, and the app does not say that it is in development.
    #[error("{issuer} is not protected by TLS")]
    InsecureIssuer {
        /// The issuer.
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
    /// Somebody answered whose certificate is not to be trusted: another network's page, or a phone whose clock is far off.
    #[error("untrusted certificate: {detail}")]
    UntrustedCertificate {
        /// For the log.
        detail: String,
    },
    /// The server is overloaded, or this phone has asked too often. A decision that was made is sent again unchanged.
    #[error("the server is busy: {refusal}")]
    ServerBusy {
        /// The problem's code.
        refusal: String,
        /// When to ask again, where the server said it, in seconds.
        after_seconds: Option<u32>,
    },
    /// The server took no proof of this phone, not even one with a fresh nonce.
    #[error("the server takes no proof")]
    ProofNotTaken,
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
    /// This or another phone answered before, and the answer stands; or this very object was answered.
    #[error("already answered")]
    AlreadyAnswered,
    /// The client took its request back.
    #[error("withdrawn by the client")]
    Withdrawn,
    /// The same request is being answered right now.
    #[error("busy with the same request, or another process of this app is")]
    Busy,
    /// Approving needs the lines to have been taken for display.
    #[error("the display lines were not taken")]
    DisplayNotTaken,
    /// Approving needs all lines to have been taken for display.
    #[error("{missing} display lines were not taken")]
    DisplayIncomplete {
        /// How many were not.
        missing: u32,
    },
    /// Approving needs the digits that the other screen shows, in the right number.
    #[error("the match code was not entered")]
    MatchCodeNeeded,
    /// No account of that id on this phone.
    #[error("no such account")]
    UnknownAccount,
    /// The account waits for its six digits, or was cancelled.
    #[error("the account is not active")]
    NotActive,
    /// The server says that this phone was revoked, by its user or an operator. Only its signed word, which `sync` fetches, removes the account.
    #[error("the phone was revoked")]
    Revoked,
    /// The server has taken this phone out of use, because something is wrong: the user said that what it approved was not
    /// them, or two phones have its keys. Nothing that it approved and that has not been used counts. Tell the user: whoever
    /// holds this phone may not be them, and it can only be enrolled anew.
    #[error("the phone was suspended")]
    Suspended,
    /// The server knows no such prompt for this phone.
    #[error("no such prompt")]
    UnknownPrompt,
    /// The push is none of ours, or sealed to no key of this phone.
    #[error("not a push for this phone")]
    NotOurPush,
    /// The state was restored without its keys: enrol again.
    #[error("the keys are lost")]
    KeysLost,
    /// Biometrics or screen lock changed, and the key ended with them: make new keys, or enrol again.
    #[error("a key was invalidated")]
    KeyInvalidated,
    /// A key cannot be used now.
    #[error("key unavailable: {detail}")]
    KeyUnavailable {
        /// For the log.
        detail: String,
    },
    /// The user dismissed the platform's dialogue; nothing was signed.
    #[error("cancelled by the user")]
    UserCancelled,
    /// Storage failed.
    #[error("storage: {detail}")]
    Storage {
        /// For the log.
        detail: String,
    },
    /// What is stored cannot be read: written half, or by something else.
    #[error("the stored state is damaged: {detail}")]
    DamagedState {
        /// For the log.
        detail: String,
    },
    /// What is stored was written by a newer version of the app.
    #[error("state of a newer version ({version})")]
    NewerState {
        /// The version found.
        version: u32,
    },
    /// The app's clock failed. A clock that is merely wrong is no error.
    #[error("clock: {detail}")]
    Clock {
        /// For the log.
        detail: String,
    },
    /// The phone's source of chance, the app's lock, or an attestation that the server requires failed.
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
    /// Whether the server has heard the request and said no for good, so that sending the same again is pointless.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Expired | Self::AlreadyAnswered | Self::Withdrawn | Self::UnknownPrompt | Self::Refused { .. }
        )
    }

    /// Whether a key could not be used, by no choice of the user: another may stand in where the protocol allows it.
    #[must_use]
    pub const fn is_of_a_key(&self) -> bool {
        matches!(self, Self::KeysLost | Self::KeyInvalidated | Self::KeyUnavailable { .. })
    }
}
