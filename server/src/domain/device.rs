//! An enrolled phone, the ticket that lets it enrol, and the enrolment in between.

use protocol::messages::{DeviceInfo, KeyLevel, PushTarget, RevocationReason, VerifiedKind};
use protocol::{DeviceId, Digest, EnrolmentId, Jwk, Jws, KeyRole, Nonce};
use serde::{Deserialize, Serialize};

use super::attestation::Attestation;
use super::names::{Subject, TicketKey};
use super::time::Timestamp;

/// Whether a phone may receive and answer prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status")]
pub enum DeviceStatus {
    /// It may.
    Active,
    /// Never again.
    Revoked {
        /// Why.
        reason: RevocationReason,
        /// Since when.
        at: Timestamp,
    },
}

/// What is stored of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its enrolment.
    pub enrolment: EnrolmentId,
    /// Whose it is.
    pub subject: Subject,
    /// Signs proofs and denials.
    pub device_key: Jwk,
    /// Signs approvals under user verification.
    pub verified_key: Jwk,
    /// How that key is protected, as the phone says.
    pub verified_kind: VerifiedKind,
    /// Pushes are sealed to it.
    pub sealing_key: Jwk,
    /// How well the `device` key is proven.
    pub level: KeyLevel,
    /// How well the `verified` key is. Phones enrolled before attestation was verified prove nothing.
    #[serde(default = "claimed")]
    pub verified_level: KeyLevel,
    /// The evidence that it brought, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// What it says of itself.
    pub info: DeviceInfo,
    /// Where its pushes go.
    pub push: PushTarget,
    /// When it last said so; at its enrolment, where there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_named_at: Option<Timestamp>,
    /// May it answer?
    pub status: DeviceStatus,
    /// Hash of evidence and transcript, for receipts.
    pub transcript: Digest,
    /// Since when.
    pub enrolled_at: Timestamp,
}

const fn claimed() -> KeyLevel {
    KeyLevel::Claimed
}

impl Device {
    /// How well the key in this role is proven.
    #[must_use]
    pub const fn level_of(&self, role: KeyRole) -> KeyLevel {
        match role {
            KeyRole::Device => self.level,
            KeyRole::Verified => self.verified_level,
        }
    }

    /// Whether it may receive and answer prompts.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == DeviceStatus::Active
    }

    /// The key of this role.
    #[must_use]
    pub const fn key(&self, role: KeyRole) -> &Jwk {
        match role {
            KeyRole::Device => &self.device_key,
            KeyRole::Verified => &self.verified_key,
        }
    }

    /// Whether what it approved at `at` still counts. One that its user disowned, or whose keys are in two places, may
    /// have been in other hands all along.
    #[must_use]
    pub fn stands_behind(&self, at: Timestamp) -> bool {
        match self.status {
            DeviceStatus::Active => true,
            DeviceStatus::Revoked { reason: RevocationReason::Disputed | RevocationReason::Cloned, .. } => false,
            DeviceStatus::Revoked { reason: RevocationReason::Operator | RevocationReason::User, at: revoked_at } => {
                at < revoked_at
            }
        }
    }
}

/// Where a ticket stands. It is used once, by one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum TicketState {
    /// Nobody came yet.
    Fresh,
    /// Burnt for one key, which gets the same offer again.
    Begun {
        /// Thumbprint of the `device` key that began.
        key: Digest,
        /// The enrolment it opened.
        enrolment: EnrolmentId,
    },
    /// A second key came: something is wrong, nobody enrols by it.
    Cancelled,
}

/// An enrolment ticket, found by the hash of its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentTicket {
    /// Its key.
    pub key: TicketKey,
    /// Whose new phone.
    pub subject: Subject,
    /// Where it stands.
    pub state: TicketState,
    /// End of its life.
    pub expires_at: Timestamp,
}

/// Where an enrolment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnrolmentProgress {
    /// The offer is out.
    Offered,
    /// `finish` came; the six digits are awaited.
    Unconfirmed,
    /// The device is enrolled.
    Active,
    /// A wrong digit or a second key ended it.
    Cancelled,
}

/// What `finish` brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The device as it will be stored once it is active.
    pub device: Device,
    /// [`protocol::jws::General::digest`] of the finish message.
    pub hash: Digest,
}

/// One enrolment, from `begin` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Its id.
    pub id: EnrolmentId,
    /// The ticket that opened it.
    pub ticket: TicketKey,
    /// Whose phone.
    pub subject: Subject,
    /// Thumbprint of the `device` key.
    pub key: Digest,
    /// The nonce that the offer commits to.
    pub nonce: Nonce,
    /// The offer as signed, repeated unchanged.
    pub offer: Jws,
    /// Where it stands.
    pub progress: EnrolmentProgress,
    /// What `finish` brought.
    pub finished: Option<Finished>,
    /// Until when `finish` and the digits are accepted.
    pub expires_at: Timestamp,
}
