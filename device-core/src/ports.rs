//! What the app supplies: hardware keys, secure storage, HTTP and a clock; where more than one of its processes uses
//! the same storage, a lock; where it wants to know what happens, an observer. The core never reaches for any of them by
//! itself.
//!
//! Every port answers with a `Result` whose error takes in what a foreign implementation did not foresee (an exception
//! that its interface does not name), so that such a mistake ends one call and not the app.

use async_trait::async_trait;

mod attestor;
mod lock;
mod observer;

pub use attestor::{AttestationRequest, Attestor, AttestorError, PlatformEvidence};
pub use lock::{Lock, LockError};
pub use observer::{DeviceEvent, Observer, ObserverError};

/// What a key is for, which decides its protection (`DEVICE_PROTOCOL` "Keys of the phone").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum KeyPurpose {
    /// Signs proofs and denials: in hardware, used without asking the user.
    Device,
    /// Signs approvals: in hardware, the user is verified at every use.
    Verified,
    /// Agrees on secrets for sealed pushes; never signs.
    Sealing,
}

/// How the user is verified before a [`KeyPurpose::Verified`] key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum KeyProtection {
    /// By a strong biometric only; the key dies when biometrics change.
    Biometric,
    /// By a biometric or the device credential; the key survives new biometrics.
    Credential,
}

/// Why a signature is asked for, so that the platform's own dialogue can say it in the user's language.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum SigningReason {
    /// This phone joins an account.
    Enrolment,
    /// This phone replaces keys; with its `verified` key, the user agrees to another one.
    Rotation,
    /// A request to the server proves which phone sends it; nothing is shown.
    Proof,
    /// The user denies; nothing is shown.
    Denial,
    /// The user lets a client ask again that was blocked.
    Unblock {
        /// Id of the client.
        client: String,
    },
    /// The user approves what this client asks.
    Approval {
        /// Name of the client, as displayed.
        client: String,
    },
}

/// Keys that never leave the phone's hardware. All are on P-256.
///
/// An alias is opaque ASCII text, chosen by the core and new for every key.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait]
pub trait KeyVault: Send + Sync {
    /// Makes a key pair, replacing any under the same alias. `protection` matters for [`KeyPurpose::Verified`] alone.
    /// Returns the public key as an uncompressed SEC1 point, 65 bytes.
    async fn generate(
        &self,
        alias: String,
        purpose: KeyPurpose,
        protection: KeyProtection,
    ) -> Result<Vec<u8>, VaultError>;

    /// Signs SHA-256 of `message` by ECDSA. Returns the signature as the platform gives it: DER, or 64 bytes r ‖ s.
    async fn sign(&self, alias: String, message: Vec<u8>, reason: SigningReason) -> Result<Vec<u8>, VaultError>;

    /// ECDH with an uncompressed SEC1 point. Returns the x-coordinate, 32 bytes.
    async fn agree(&self, alias: String, peer: Vec<u8>) -> Result<Vec<u8>, VaultError>;

    /// Destroys a key. An unknown alias is no error.
    async fn delete(&self, alias: String) -> Result<(), VaultError>;
}

/// Small documents that survive restarts, out of reach of other apps and of back-ups. A save is whole or not at all.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait]
pub trait SecureStore: Send + Sync {
    /// What was last saved under this name.
    async fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the document; returns once it is durable.
    async fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError>;

    /// Removes the document. An unknown name is no error.
    async fn delete(&self, name: String) -> Result<(), StoreError>;
}

/// One HTTP header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HttpHeader {
    /// Name; compared without regard to case.
    pub name: String,
    /// Value.
    pub value: String,
}

/// One HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HttpRequest {
    /// Upper case.
    pub method: String,
    /// Absolute URL, `https` except in development.
    pub url: String,
    /// Headers, beyond `Host` and `Content-Length`, which the transport adds.
    pub headers: Vec<HttpHeader>,
    /// Body; empty where there is none.
    pub body: Vec<u8>,
    /// Give up with [`TransportError::TimedOut`] after this long, in seconds.
    pub timeout_seconds: u32,
}

/// One HTTP response, of whatever status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<HttpHeader>,
    /// Body.
    pub body: Vec<u8>,
}

/// HTTP with the platform's own TLS. Follows no redirects and keeps no cookies.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request; any status is a response, not an error. A body beyond 256 KiB
    /// ([`MAX_REPLY_BYTES`](crate::exchange::MAX_REPLY_BYTES)) is given up while it arrives, with
    /// [`TransportError::Unreachable`]: whoever answers could otherwise fill the phone's memory before anything is judged.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// The phone's clocks.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, as the phone believes; the user may have set it wrong.
    fn unix_millis(&self) -> Result<i64, ClockError>;

    /// Milliseconds since any fixed moment, never going back while the app runs; counts while the phone sleeps.
    fn monotonic_millis(&self) -> Result<i64, ClockError>;
}

/// Why a key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum VaultError {
    /// There is no key under this alias: the state was restored from a back-up, without it.
    #[error("the key does not exist any more")]
    KeyMissing,
    /// The platform has made the key unusable for good: biometrics were added or removed, or the screen lock was.
    #[error("the key was invalidated")]
    KeyInvalidated,
    /// The user dismissed the platform's dialogue.
    #[error("the user cancelled")]
    UserCancelled,
    /// The key exists and cannot be used now: no biometric enrolled, locked out, hardware busy.
    #[error("the key cannot be used: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
    },
    /// The implementation failed in a way it did not foresee.
    #[error("the key vault failed: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}

/// Why a document could not be loaded or saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum StoreError {
    /// What is stored under this name cannot be read, and never will be: it is not whole, somebody else's, or what it was
    /// encrypted by is gone. The user can give it up, by `discard_damaged_state`.
    #[error("the document is damaged: {detail}")]
    Damaged {
        /// For the log.
        detail: String,
    },
    /// The storage refused.
    #[error("storage failed: {detail}")]
    Failed {
        /// For the log.
        detail: String,
    },
    /// The implementation failed in a way it did not foresee.
    #[error("storage failed unexpectedly: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}

/// Why there was no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum TransportError {
    /// No connection, or it broke.
    #[error("the server cannot be reached: {detail}")]
    Unreachable {
        /// For the log.
        detail: String,
    },
    /// Somebody answered whose certificate is not to be trusted: not the server, or a phone whose clock is far off.
    #[error("the server's certificate is not trusted: {detail}")]
    UntrustedCertificate {
        /// For the log.
        detail: String,
    },
    /// No response in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The implementation failed in a way it did not foresee.
    #[error("the transport failed: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}

/// Why there is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum ClockError {
    /// The implementation failed in a way it did not foresee.
    #[error("the clock failed: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}

/// Without these, an exception that an interface does not name would abort the app.
#[cfg(feature = "uniffi")]
mod unforeseen {
    use super::{AttestorError, ClockError, LockError, ObserverError, StoreError, TransportError, VaultError};

    macro_rules! unexpected {
        ($($error:ident),*) => {$(
            impl From<uniffi::UnexpectedUniFFICallbackError> for $error {
                fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
                    Self::Unexpected { detail: error.reason }
                }
            }
        )*};
    }
    unexpected!(VaultError, StoreError, TransportError, ClockError, LockError, ObserverError, AttestorError);
}
