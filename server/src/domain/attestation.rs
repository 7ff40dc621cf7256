//! What platform attestation proved of a phone, and which check it did not stand (`DEVICE_PROTOCOL` "Enrolment" 5).

use protocol::Digest;
use protocol::messages::EvidenceFormat;
use serde::{Deserialize, Serialize};

/// Where an Android key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityLevel {
    /// In a trusted execution environment.
    TrustedEnvironment,
    /// In a chip of its own.
    StrongBox,
}

/// What is kept of the evidence that a phone brought. How well its keys are proven stands beside it, in the device's levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// Whose evidence.
    pub format: EvidenceFormat,
    /// SHA-256 of its bytes, for receipts.
    pub evidence: Digest,
    /// Android: where the `device` key lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_level: Option<SecurityLevel>,
    /// Android: where the `verified` key lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_security_level: Option<SecurityLevel>,
    /// Android: year and month of the system's security patches, such as 202611. A signal, never a reason to refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_level: Option<u32>,
    /// The app that holds the keys, as the platform names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The check that the evidence, or that of the `verified` key alone, did not stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Flaw>,
}

/// A check that evidence did not stand; one for each. Its name in the audit trail is its variant's, in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The phone brought none.
    #[error("there is no evidence")]
    NoEvidence,
    /// The realm has no roots or no apps for this platform.
    #[error("evidence of this platform is not configured in this realm")]
    NotConfigured,
    /// Its encoding is not that of its format.
    #[error("the evidence cannot be read")]
    Unreadable,

    /// A certificate in it is none.
    #[error("a certificate cannot be read")]
    UnreadableCertificate,
    /// The chain does not lead to a configured root.
    #[error("the chain leads to no configured root")]
    UnknownRoot,
    /// A certificate is not valid yet, or no longer.
    #[error("a certificate is outside its validity")]
    OutOfTime,
    /// An issuer is no authority, or may not sign certificates.
    #[error("an issuer may not issue certificates")]
    NotAnIssuer,
    /// More authorities stand below one than it allows.
    #[error("the chain is longer than an issuer allows")]
    PathLength,
    /// A signature in the chain does not verify, or what was sent is not one chain in its order.
    #[error("the chain does not hold")]
    BrokenChain,
    /// The platform's maker revoked a certificate.
    #[error("a certificate was revoked")]
    Revoked,
    /// The leaf's key is another one than the phone's.
    #[error("another key was attested")]
    OtherKey,

    /// Android: no certificate says anything of the key.
    #[error("the chain has no attestation extension")]
    NoExtension,
    /// Android: the certificate nearest the root that speaks of a key is not the leaf: the leaf was issued by somebody's
    /// attested key, and says what that somebody likes.
    #[error("the attestation extension is not the leaf's")]
    ExtensionAboveLeaf,
    /// Android: the extension's encoding is not what it must be.
    #[error("the attestation extension cannot be read")]
    UnreadableExtension,
    /// The evidence was made for something else.
    #[error("the challenge is another")]
    Challenge,
    /// Android: the attestation was made in software.
    #[error("the attestation was not made in hardware")]
    AttestationSecurityLevel,
    /// Android: the key lives in software.
    #[error("the key is not kept in hardware")]
    KeySecurityLevel,
    /// Android: the key was not made in the hardware.
    #[error("the key was not generated in hardware")]
    Origin,
    /// Android: the key may do more than sign, or not even that.
    #[error("the key is not for signing alone")]
    Purpose,
    /// Android: the `verified` key signs without a user.
    #[error("the key needs no user")]
    NoAuthentication,
    /// Android: the `verified` key signs for some time after one user verification.
    #[error("the key does not need the user at every use")]
    NotPerUse,
    /// Android: the `verified` key is unlocked by other means than its kind allows.
    #[error("the key is unlocked by other means than its kind allows")]
    AuthenticationType,
    /// The app is none of the realm's.
    #[error("the app is not the realm's")]
    App,
    /// Android: an app of the right name that was signed by somebody else.
    #[error("the app was signed by somebody else")]
    AppSignature,
    /// Android: nothing is said of how the phone started.
    #[error("the extension has no root of trust")]
    NoRootOfTrust,
    /// Android: the phone did not start from what its maker signed.
    #[error("the phone's start was not verified")]
    BootState,
    /// Android: the boot loader takes anything.
    #[error("the phone's boot loader is unlocked")]
    Unlocked,

    /// Apple: the object is of another format than App Attest.
    #[error("the object is no App Attest object")]
    Format,
    /// Apple: the leaf has no nonce.
    #[error("the leaf has no nonce")]
    NoNonce,
    /// Apple: the key's id is not the hash of the leaf's key.
    #[error("the key id is not the leaf's")]
    KeyId,
    /// Apple: the attested key has signed before.
    #[error("the key's counter is not zero")]
    Counter,
    /// Apple: made in the other environment: development or production.
    #[error("the evidence is of the other environment")]
    Environment,
}
