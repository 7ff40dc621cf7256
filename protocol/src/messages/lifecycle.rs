//! What keeps an enrolment sound over years: server key lists, key rotation, revocation.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Digest, EnrolmentId, Jwk};

/// One device signing key of the realm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The key; its `kid` is its thumbprint.
    pub jwk: Jwk,
    /// Not used before.
    pub not_before: i64,
    /// Not used after; at most 400 days later.
    pub not_after: i64,
}

/// `adp-keys+jwt`, signed by the realm's device root key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyList {
    /// The issuer.
    pub iss: String,
    /// Phones accept only a higher sequence than the one they hold.
    pub sequence: u64,
    /// Keys that may sign prompts, offers, results and revocations.
    pub keys: Vec<SigningKey>,
    /// Thumbprints of keys never to be trusted again.
    pub revoked: Vec<Digest>,
    /// When.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// `adp-revocation+jwt`, server → phone: the only word, beside the user's own, that wipes local state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The issuer.
    pub iss: String,
    /// Thumbprint of the `device` key.
    pub aud: Digest,
    /// The enrolment that ends.
    pub enr: EnrolmentId,
    /// Why.
    pub reason: RevocationReason,
    /// When it took effect.
    pub at: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}

/// Why a device was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// By an operator.
    Operator,
    /// By the user, from this or another phone.
    User,
    /// The user said of this phone, or of something it approved, that it was not them.
    Disputed,
    /// The same counter value was used for two different decisions.
    Cloned,
}

/// `adp-rotation+jwt`, phone → server: general serialisation, signed by the new `device`, by the new `verified` (each where
/// it is there), by the old `verified` (which says that its user agrees to a new one), and last by the old `device`.
/// `sealing` cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The phone.
    pub iss: DeviceId,
    /// The issuer.
    pub aud: String,
    /// The new `device` key, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Jwk>,
    /// The new `verified` key, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Jwk>,
    /// The new `sealing` key, where it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing: Option<Jwk>,
    /// When, by the phone's clock.
    pub iat: i64,
    /// [`crate::VERSION`].
    pub v: u8,
}
