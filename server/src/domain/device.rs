//! An enrolled phone, the ticket that lets it enrol, and the enrolment in between.

use protocol::messages::{DeviceInfo, KeyLevel, PushTarget, RevocationReason, VerifiedKind};
use protocol::{DeviceId, Digest, EnrolmentId, Jwk, Jws, KeyRole, Nonce};
use serde::{Deserialize, Serialize};

use super::attestation::Attestation;
use super::names::{Subject, TicketKey};
use super::time::Timestamp;
use super::times::Times;

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
    /// Until when it proves no more than presence, whatever its keys: it was enrolled when its user had no other phone left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_until: Option<Timestamp>,
    /// The last time that it replaced keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Rotated>,
    /// When it brought new keys, in the last day.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub rotations: Times,
    /// Keys that it wants, and that somebody else must agree to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposed>,
}

const fn claimed() -> KeyLevel {
    KeyLevel::Claimed
}

/// Keys that a phone wants in place of those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKeys {
    /// Signs proofs and denials.
    pub device: Option<Jwk>,
    /// Signs approvals under user verification.
    pub verified: Option<Jwk>,
    /// Pushes are sealed to it.
    pub sealing: Option<Jwk>,
}

/// A replacement that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// [`protocol::jws::General::digest`] of the message: the same again gets the same answer.
    pub hash: Digest,
    /// The `device` key before, where that was replaced.
    pub former: Option<Jwk>,
    /// Until when the phone may read by it.
    pub former_until: Timestamp,
}

/// A replacement that awaits another phone's word, or an operator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// [`protocol::jws::General::digest`] of the message.
    pub hash: Digest,
    /// What is wanted.
    pub keys: NewKeys,
    /// Until when it may be agreed to; the past, once somebody said no. It is kept: the same message proposes nothing twice.
    pub until: Timestamp,
}

/// For how many seconds a phone may still read by the `device` key before.
const FORMER_KEY_READS: i64 = 86_400;

impl Device {
    /// How well the key in this role is proven.
    #[must_use]
    pub const fn level_of(&self, role: KeyRole) -> KeyLevel {
        match role {
            KeyRole::Device => self.level,
            KeyRole::Verified => self.verified_level,
        }
    }

    /// With other keys. Nobody has attested those that sign, whatever was known of the ones before.
    #[must_use]
    pub fn with_keys(self, hash: Digest, keys: &NewKeys, now: Timestamp) -> Self {
        let level = |new: Option<Jwk>, before| new.map_or(before, |_| KeyLevel::Claimed);
        let (former, former_until) = match (keys.device, &self.rotated) {
            (Some(_), _) => (Some(self.device_key), now.plus_seconds(FORMER_KEY_READS)),
            // Replaced by a rotation before: it reads as long as that said.
            (None, Some(before)) => (before.former, before.former_until),
            (None, None) => (None, now),
        };
        Self {
            level: level(keys.device, self.level),
            verified_level: level(keys.verified, self.verified_level),
            device_key: keys.device.unwrap_or(self.device_key),
            verified_key: keys.verified.unwrap_or(self.verified_key),
            sealing_key: keys.sealing.unwrap_or(self.sealing_key),
            rotated: Some(Rotated { hash, former, former_until }),
            proposed: None,
            ..self
        }
    }

    /// The `device` key before, as long as it may read.
    #[must_use]
    pub fn former_key(&self, now: Timestamp) -> Option<&Jwk> {
        self.rotated.as_ref().filter(|rotated| now < rotated.former_until)?.former.as_ref()
    }

    /// Whether these new keys await somebody's word.
    #[must_use]
    pub fn proposes(&self, hash: &Digest, now: Timestamp) -> bool {
        self.is_active()
            && self.proposed.as_ref().is_some_and(|proposed| proposed.hash == *hash && now < proposed.until)
    }

    /// Whether it proves no more than presence for now.
    #[must_use]
    pub fn is_limited(&self, now: Timestamp) -> bool {
        self.limited_until.is_some_and(|until| now < until)
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

/// How somebody says that a new phone is the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The digits that it shows were typed on the page that showed its ticket.
    Digits,
    /// Another phone of the user approved, by its `verified` key.
    Phone,
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
    /// Who has confirmed it so far, where one is not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<Confirmation>,
    /// Until when `finish` and the digits are accepted.
    pub expires_at: Timestamp,
}
