//! Enrolment: `begin` → offer → `finish` → enrolment state.

use serde::{Deserialize, Serialize};

use super::PushTarget;
use crate::{DeviceId, Digest, EnrolmentId, Jwk, Nonce, TicketCode};

/// `adp-begin+jwt`, phone → server, signed by the new `device` key, which stands in the header in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The issuer named by the ticket.
    pub aud: String,
    /// The ticket's secret: burnt for this key.
    pub code: TicketCode,
    /// The new `device` key, equal to the one in the header.
    pub jwk: Jwk,
    /// When, by the phone's clock.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// Whether the six digits must be typed on the page that showed the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// They must.
    Page,
    /// They need not; never for a user who already has a device.
    None,
}

/// What happens to platform attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attestation {
    /// Not asked for.
    None,
    /// Verified and recorded; failure does not refuse.
    Record,
    /// Verified; failure refuses.
    Require,
}

/// What protects the `verified` key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifiedKind {
    /// Strong biometric only; invalidated when biometrics change.
    Biometric,
    /// Biometric or device credential; survives new biometrics.
    Credential,
}

/// How a push carries its prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushMode {
    /// Encrypted to the phone's `sealing` key.
    Sealed,
    /// A routing id and nothing else.
    Wake,
}

/// What the realm asks of a new phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentPolicy {
    /// Who confirms.
    pub confirm: Confirm,
    /// Attestation wanted.
    pub attestation: Attestation,
    /// Protection wanted for the `verified` key.
    pub verified: VerifiedKind,
    /// How pushes will look.
    pub push: PushMode,
}

/// `adp-offer+jwt`, server → phone, signed by a device signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the `device` key that began.
    pub aud: Digest,
    /// The enrolment this offer opens.
    pub enr: EnrolmentId,
    /// The account, masked, for the user to recognise.
    pub account: String,
    /// What is asked of the phone.
    pub policy: EnrolmentPolicy,
    /// Nonce for platform attestation; all zero bits where none is asked.
    pub att_nonce: Nonce,
    /// Commitment to the nonce that `finish` reveals: [`crate::digest::nonce_commitment`].
    pub cs: Digest,
    /// [`Offer::ticket_hash`] over pinned root, ticket id and expiry.
    pub th: Digest,
    /// When.
    pub iat: i64,
    /// Until when `finish` is accepted.
    pub exp: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

impl Offer {
    /// `th`: SHA-256("adp1-ticket" ‖ root thumbprint ‖ SHA-256("adp1-ticket-id" ‖ code) ‖ expiry as 64-bit big-endian),
    /// so that an offer made for one ticket fits no other.
    #[must_use]
    pub fn ticket_hash(root: &Digest, code: &TicketCode, expires_at: i64) -> Digest {
        let id = Digest::labelled("adp1-ticket-id", &[code.as_bytes()]);
        Digest::labelled("adp1-ticket", &[root.as_bytes(), id.as_bytes(), &expires_at.to_be_bytes()])
    }
}

/// The app that embeds the device core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppInfo {
    /// Bundle or package id.
    pub id: String,
    /// Version for humans.
    pub version: String,
}

/// Platform attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The format.
    pub fmt: EvidenceFormat,
    /// Base64url of the format's own bytes ([`crate::evidence`]); empty for `none`.
    pub data: String,
}

impl Evidence {
    /// None given.
    #[must_use]
    pub const fn none() -> Self {
        Self { fmt: EvidenceFormat::None, data: String::new() }
    }
}

/// Formats of attestation evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EvidenceFormat {
    /// Android key attestation: an X.509 chain.
    #[serde(rename = "android-key")]
    AndroidKey,
    /// Apple App Attest: a CBOR object.
    #[serde(rename = "apple-appattest")]
    AppleAppAttest,
    /// None given.
    #[serde(rename = "none")]
    None,
}

/// What a phone says of itself. Shown to users and operators; trusted for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// The user's name for it, at most 60 code points.
    pub name: String,
    /// Maker's model name, at most 60 code points.
    pub model: String,
    /// Operating system and version, at most 60 code points.
    pub os: String,
    /// The app.
    pub app: AppInfo,
}

/// Payload of `adp-finish+jwt`, phone → server; general serialisation signed by `device`, then `verified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The issuer.
    pub aud: String,
    /// The enrolment of the offer.
    pub enr: EnrolmentId,
    /// SHA-256 of the offer exactly as received.
    pub oh: Digest,
    /// The key that began.
    pub device: Jwk,
    /// The key for approvals under user verification.
    pub verified: Jwk,
    /// How that key is protected, as the phone says.
    pub verified_kind: VerifiedKind,
    /// The key that pushes are sealed to.
    pub sealing: Jwk,
    /// The phone about itself.
    pub info: DeviceInfo,
    /// Where pushes go.
    pub push: PushTarget,
    /// What the phone can do beyond version 1, such as `unicode-16`.
    pub capabilities: Vec<String>,
    /// Platform attestation.
    pub evidence: Evidence,
    /// When, by the phone's clock.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnrolmentState {
    /// Waiting for the six digits.
    Unconfirmed,
    /// The device may receive and answer prompts.
    Active,
    /// Ended before it was active: a wrong digit, a second key, or time.
    Cancelled,
    /// Was active and has been revoked.
    Revoked,
}

/// `adp-enrolment+jwt`, server → phone, reply to `finish` and to `GET …/enrolments/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the `device` key.
    pub aud: Digest,
    /// The enrolment.
    pub enr: EnrolmentId,
    /// The id under which this phone signs from now on.
    pub device: DeviceId,
    /// Where the enrolment stands.
    pub state: EnrolmentState,
    /// The nonce that the offer committed to.
    pub nonce: Nonce,
    /// [`crate::jws::General::digest`] of the `finish` that was received.
    pub fh: Digest,
    /// What the realm asks of its phones by now, where the phone is enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<EnrolmentPolicy>,
    /// The server's clock.
    pub now: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}
