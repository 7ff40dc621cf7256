//! Evidence about a new phone's keys, judged at `finish` (`DEVICE_PROTOCOL` "Enrolment" 5): one file for each platform, one
//! [`Flaw`] for each check. What is believed of a platform comes from the settings ([`Trust`]); without it nothing is.

use protocol::messages::{Evidence, EvidenceFormat, KeyLevel, VerifiedKind};
use protocol::{Digest, Jwk, base64url};

use crate::certificates::chain::BrokenChain;
use crate::domain::attestation::{Attestation, Flaw};
use crate::domain::time::Timestamp;

pub mod android;
pub mod apple;
pub mod revoked;

/// What a realm believes of each platform.
#[derive(Debug, Default)]
pub struct Trust {
    /// Android key attestation.
    pub android: Option<android::Trust>,
    /// Apple App Attest.
    pub apple: Option<apple::Trust>,
}

/// What the evidence must be about.
#[derive(Debug, Clone, Copy)]
pub struct Expectations<'e> {
    /// The hash of the offer.
    pub offer: Digest,
    /// The offer's `th`.
    pub ticket: Digest,
    /// The `device` key.
    pub device: &'e Jwk,
    /// The `verified` key.
    pub verified: &'e Jwk,
    /// How that one must be protected.
    pub kind: VerifiedKind,
    /// [`protocol::evidence::client_data_hash`] of the message; `None` where it has none.
    pub client_data: Option<Digest>,
    /// The server's clock.
    pub now: Timestamp,
}

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Of the `device` key.
    pub level: KeyLevel,
    /// Of the `verified` key.
    pub verified_level: KeyLevel,
    /// What to keep. A flaw in it is one of the `verified` key alone.
    pub attestation: Attestation,
}

impl Trust {
    /// Judges evidence.
    pub fn verify(&self, evidence: &Evidence, expected: &Expectations<'_>) -> Result<Verdict, Flaw> {
        let bytes = base64url::decode(&evidence.data).map_err(|_| Flaw::Unreadable)?;
        match evidence.fmt {
            EvidenceFormat::None => Err(Flaw::NoEvidence),
            EvidenceFormat::AndroidKey => {
                android::verify(self.android.as_ref().ok_or(Flaw::NotConfigured)?, &bytes, expected)
            }
            EvidenceFormat::AppleAppAttest => {
                apple::verify(self.apple.as_ref().ok_or(Flaw::NotConfigured)?, &bytes, expected)
            }
        }
    }
}

/// What is kept of evidence of which nothing else is known.
#[must_use]
pub fn about(evidence: &Evidence) -> Attestation {
    Attestation {
        format: evidence.fmt,
        evidence: Digest::of(&base64url::decode(&evidence.data).unwrap_or_default()),
        security_level: None,
        verified_security_level: None,
        patch_level: None,
        app: None,
        failed: None,
    }
}

impl From<BrokenChain> for Flaw {
    fn from(broken: BrokenChain) -> Self {
        match broken {
            BrokenChain::Unreadable => Self::UnreadableCertificate,
            BrokenChain::UnknownRoot => Self::UnknownRoot,
            BrokenChain::OutOfTime => Self::OutOfTime,
            BrokenChain::NotAnIssuer => Self::NotAnIssuer,
            BrokenChain::PathLength => Self::PathLength,
            BrokenChain::Broken => Self::BrokenChain,
        }
    }
}
