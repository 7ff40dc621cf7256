//! Platform attestation, for apps that have it.

use async_trait::async_trait;
use protocol::evidence::AndroidKey;
use protocol::messages::{Evidence, EvidenceFormat};
use protocol::{Digest, base64url};

/// Has the platform vouch for the keys of a new account. An app without it enrols all the same, where the server lets it.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait]
pub trait Attestor: Send + Sync {
    /// A key is about to be made under this alias. On Android the vault makes it with `challenge`, 32 bytes, as its
    /// attestation challenge; elsewhere there is nothing to do.
    async fn prepare(&self, alias: String, challenge: Vec<u8>) -> Result<(), AttestorError>;

    /// The evidence for the keys of one enrolment, all of which exist by now.
    async fn attest(&self, request: AttestationRequest) -> Result<PlatformEvidence, AttestorError>;
}

/// What is to be attested.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct AttestationRequest {
    /// Alias of the `device` key.
    pub device_alias: String,
    /// Alias of the `verified` key.
    pub verified_alias: String,
    /// For `attestKey` of App Attest: 32 bytes, used as they are.
    pub client_data_hash: Vec<u8>,
}

/// What the platform gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum PlatformEvidence {
    /// The certificate chains that the Android key store keeps with the keys: DER, leaf first; the root may be left out.
    AndroidKey {
        /// Of the `device` key.
        device: Vec<Vec<u8>>,
        /// Of the `verified` key.
        verified: Vec<Vec<u8>>,
    },
    /// The object that App Attest returned.
    AppleAppAttest {
        /// As it was returned.
        object: Vec<u8>,
    },
    /// This phone has none.
    None,
}

impl PlatformEvidence {
    /// As the message carries it.
    pub(crate) fn into_message(self) -> Result<Evidence, AttestorError> {
        let (fmt, bytes) = match self {
            Self::AndroidKey { device, verified } => {
                let bytes = AndroidKey { device, verified }.encode().ok_or_else(|| AttestorError::Failed {
                    detail: "a chain is empty, or has more than 8 certificates".into(),
                })?;
                (EvidenceFormat::AndroidKey, bytes)
            }
            Self::AppleAppAttest { object } => (EvidenceFormat::AppleAppAttest, object),
            Self::None => return Ok(Evidence::none()),
        };
        Ok(Evidence { fmt, data: base64url::encode(&bytes) })
    }
}

impl AttestationRequest {
    pub(crate) fn new(device_alias: String, verified_alias: String, client_data_hash: &Digest) -> Self {
        Self { device_alias, verified_alias, client_data_hash: client_data_hash.as_bytes().to_vec() }
    }
}

/// Why there is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum AttestorError {
    /// The platform could not, or would not.
    #[error("attestation failed: {detail}")]
    Failed {
        /// For the log.
        detail: String,
    },
    /// The implementation failed in a way it did not foresee.
    #[error("attestation failed unexpectedly: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}
