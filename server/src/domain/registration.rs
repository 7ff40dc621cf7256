//! Clients that register themselves (RFC 7591, RFC 7592): what lets them in, what is kept of one beside its metadata, and
//! the picture that phones show of any.

use protocol::{Digest, base64url};
use serde::{Deserialize, Serialize};

use super::names::{ClientId, RegistrationKey};
use super::secret::SecretHash;
use super::time::Timestamp;

/// An initial access token (RFC 7591 §3): an operator's leave to register so many clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationToken {
    /// Under what it is found: its hash.
    pub key: RegistrationKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires_at: Timestamp,
    /// How many clients may still be registered by it.
    pub uses_left: u32,
}

impl RegistrationToken {
    /// Whether a client may be registered by it at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.uses_left > 0 && now < self.expires_at
    }

    /// What is left of it once a client was registered.
    #[must_use]
    pub fn used(self) -> Self {
        Self { uses_left: self.uses_left.saturating_sub(1), ..self }
    }
}

/// What only a client has that registered itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfRegistered {
    /// Of its `registration_access_token` (RFC 7592 §3), 256 random bits.
    pub token: SecretHash,
    /// `client_id_issued_at`
    pub issued_at: Timestamp,
    /// `software_statement`, as it was sent (RFC 7591 §3.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Of which software that statement says the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Software>,
}

/// A piece of software whose name somebody vouched for: clients that are the same one are called the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    /// `iss` of the statement.
    pub issuer: String,
    /// `software_id` in it.
    pub id: String,
}

/// A client's logo as it was fetched, in the words of [`super::client::Client::logo`] a PNG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// Whose.
    pub client: ClientId,
    /// The picture, in base64url: a record of the store is JSON.
    png: String,
    /// When it is forgotten; not at all while its client is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget_at: Option<Timestamp>,
}

impl Logo {
    /// As it is kept.
    #[must_use]
    pub fn of(client: ClientId, png: &[u8]) -> Self {
        Self { client, png: base64url::encode(png), forget_at: None }
    }

    /// The same, forgotten from then on.
    #[must_use]
    pub fn ending(self, at: Timestamp) -> Self {
        Self { forget_at: Some(at), ..self }
    }

    /// The picture.
    #[must_use]
    pub fn png(&self) -> Vec<u8> {
        base64url::decode(&self.png).unwrap_or_default()
    }

    /// SHA-256 of the picture.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.png())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    #[test]
    fn a_token_is_good_for_its_uses_and_until_its_end() {
        let token = RegistrationToken {
            key: RegistrationKey::of("token"),
            created_at: at(0),
            expires_at: at(10),
            uses_left: 2,
        };
        assert!(token.is_good(at(9)) && !token.is_good(at(10)));
        let once = token.used();
        assert!(once.is_good(at(9)));
        let twice = once.used();
        assert!(!twice.is_good(at(9)));
        assert_eq!(twice.used().uses_left, 0);
    }

    #[test]
    fn a_logo_is_told_by_the_hash_of_its_picture() {
        let logo = Logo::of(ClientId::new("shop"), b"picture");
        assert_eq!((logo.png(), logo.digest()), (b"picture".to_vec(), Digest::of(b"picture")));
    }
}
