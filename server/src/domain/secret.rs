//! Secrets that are only ever compared: kept as hashes, compared in constant time, never printed.

use std::fmt;

use protocol::Digest;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A secret in clear, for as long as it is being spoken or checked. Wiped when dropped; prints as `…`.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself; for the one place that must speak it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Constant-time comparison of hashes, so that length is not told either.
    #[must_use]
    pub fn matches(&self, hash: &SecretHash) -> bool {
        SecretHash::of(self).0.as_bytes().ct_eq(hash.0.as_bytes()).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// SHA-256 of a random secret of at least 128 bits. Secrets that people choose are hashed with argon2id instead.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(Digest);

impl SecretHash {
    /// Hashes a secret.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Digest::labelled("assent-secret", &[secret.reveal().as_bytes()]))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A secret that must be spoken again, encrypted by the realm's keys; opened only where it is spoken.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Takes the sealed text.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The sealed text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
