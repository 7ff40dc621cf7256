//! A realm: one issuer with its own keys, clients, users, devices and policy.

use protocol::messages::{Attestation, Confirm, PushMode, VerifiedKind};
use serde::{Deserialize, Serialize};

use super::names::RealmId;

impl RealmId {
    /// A realm id is 1 to 32 characters of `a-z`, `0-9` and `-`, so that it can stand in keys and in paths.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len());
        let clean = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (fits && clean).then(|| Self::new(text))
    }
}

/// What is stored of a realm. Its signing keys are kept by the `Keys` port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realm {
    /// Its name inside this deployment.
    pub id: RealmId,
    /// `iss`: an absolute URL without trailing slash, query or fragment.
    pub issuer: String,
    /// What it allows and how long things live.
    pub policy: Policy,
}

/// A realm's rules. Durations are seconds. Defaults: REQUIREMENTS §3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Life of a request whose client did not ask for one.
    pub request_lifetime: u32,
    /// The longest life granted; `requested_expiry` is capped to it.
    pub request_lifetime_max: u32,
    /// The shortest life granted.
    pub request_lifetime_min: u32,
    /// Seconds between polls.
    pub interval: u32,
    /// How long an expired request still answers `expired_token`.
    pub tombstone: u32,
    /// Life of an access token.
    pub access_token_lifetime: u32,
    /// Life of an ID token.
    pub id_token_lifetime: u32,
    /// Life of an enrolment ticket, at most 300.
    pub ticket_lifetime: u32,
    /// Who confirms an enrolment.
    pub confirm: Confirm,
    /// Attestation of new devices.
    pub attestation: Attestation,
    /// Protection of the `verified` key.
    pub verified_kind: VerifiedKind,
    /// How pushes carry prompts.
    pub push: PushMode,
    /// Whether a `verified` key whose hardware nobody proved counts as user verification.
    pub trust_claimed_uv: bool,
    /// Whether the limits on prompts per client and user hold; off only in demonstrations.
    pub prompt_limits: bool,
    /// Days for which the audit trail is kept.
    pub audit_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            request_lifetime: 120,
            request_lifetime_max: 3600,
            request_lifetime_min: 10,
            interval: 5,
            tombstone: 180,
            access_token_lifetime: 3600,
            id_token_lifetime: 3600,
            ticket_lifetime: 300,
            confirm: Confirm::Page,
            attestation: Attestation::None,
            verified_kind: VerifiedKind::Biometric,
            push: PushMode::Sealed,
            trust_claimed_uv: false,
            prompt_limits: true,
            audit_days: 400,
        }
    }
}

impl Policy {
    /// The life of a request: what was asked, within the bounds, or the default.
    #[must_use]
    pub fn lifetime(&self, requested: Option<u32>) -> u32 {
        requested.unwrap_or(self.request_lifetime).clamp(self.request_lifetime_min, self.request_lifetime_max)
    }
}
