//! A realm: one issuer with its own keys, clients, users, devices and policy.

use protocol::Digest;
use serde::{Deserialize, Serialize};

use super::names::RealmId;
pub use super::policy::{AboveMax, HintIssuer, LoginHint, NoDevice, Policy};
use super::time::Timestamp;

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
    /// When it was last recovered from an old back-up: refresh tokens issued before are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_at: Option<Timestamp>,
    /// The fingerprint of its keys that cannot be replaced: every server of this store must have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Digest>,
    /// The newest list of its device signing keys that was served: phones that took it take no older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_list: Option<ListMark>,
}

/// Tells one list of device signing keys from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListMark {
    /// Its number.
    pub sequence: u64,
    /// SHA-256 of its text.
    pub hash: Digest,
}

impl ListMark {
    /// Whether phones that may hold `seen` take this list.
    #[must_use]
    pub fn follows(self, seen: Self) -> bool {
        self == seen || self.sequence > seen.sequence
    }
}

impl Realm {
    /// One that has no past.
    #[must_use]
    pub const fn new(id: RealmId, issuer: String, policy: Policy) -> Self {
        Self { id, issuer, policy, recovered_at: None, keys: None, device_list: None }
    }

    /// Whether a token issued then may be good: none from before a recovery is, which has forgotten what was revoked.
    #[must_use]
    pub fn takes_token_of(&self, issued_at: Timestamp) -> bool {
        self.recovered_at.is_none_or(|recovered_at| issued_at >= recovered_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_follows_itself_and_lower_numbers() {
        let list = |sequence, text: &[u8]| ListMark { sequence, hash: Digest::of(text) };
        let seen = list(3, b"seen");
        assert!(seen.follows(seen) && list(4, b"next").follows(seen));
        assert!(!list(3, b"another").follows(seen) && !list(2, b"older").follows(seen));
    }
}
