//! A JWK set (RFC 7517 §5): somebody's public keys, of which one signed, or one is encrypted to.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use protocol::json::{self, JsonError};
use serde_json::{Map, Value};

use super::jwe::Recipient;
use super::jwk::{self, Key};
use crate::domain::algorithm::Algorithm;
use crate::domain::encryption::KeyManagement;

/// Larger sets are refused.
pub const MAX_SET_BYTES: usize = 256 * 1024;

/// Sets of more keys are refused.
pub const MAX_KEYS: usize = 100;

/// Public keys, parsed once. Keys that are for neither signatures nor encryption, or that we do not understand, are left
/// out (RFC 7517 §5); one that does not say what it is for may be for both.
#[derive(Default)]
pub struct JwkSet {
    verifying: Vec<Key>,
    recipients: Vec<Arc<Recipient>>,
    /// How many keys there are, those among them that we left out.
    all: usize,
}

/// Why a set is refused whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not sound JSON, larger than [`MAX_SET_BYTES`], or with a member twice.
    #[error("the JWK set cannot be read: {0}")]
    Json(#[from] JsonError),
    /// Not an object with a list `keys` of objects.
    #[error("a JWK set is an object with a list `keys` of objects")]
    NotASet,
    /// More than [`MAX_KEYS`].
    #[error("the JWK set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// A private or symmetric key: whoever sees the set can sign.
    #[error("the JWK set holds a private or symmetric key, which is now known to others: replace it")]
    PrivateKey,
}

impl JwkSet {
    /// Reads a set.
    pub fn parse(bytes: &[u8]) -> Result<Self, JwkSetError> {
        Self::of(&json::from_slice_within(bytes, MAX_SET_BYTES)?)
    }

    /// Takes a set that was read already.
    pub fn of(set: &Value) -> Result<Self, JwkSetError> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NotASet)?;
        if keys.len() > MAX_KEYS {
            return Err(JwkSetError::TooManyKeys);
        }
        let keys = keys.iter().map(Value::as_object).collect::<Option<Vec<_>>>().ok_or(JwkSetError::NotASet)?;
        Self::read(&keys)
    }

    fn read(keys: &[&Map<String, Value>]) -> Result<Self, JwkSetError> {
        if keys.iter().any(|jwk| jwk::is_private(jwk)) {
            return Err(JwkSetError::PrivateKey);
        }
        Ok(Self {
            verifying: keys.iter().filter_map(|jwk| Key::read(jwk)).collect(),
            recipients: keys.iter().filter_map(|jwk| Recipient::read(jwk)).map(Arc::new).collect(),
            all: keys.len(),
        })
    }

    /// Our own keys: every one is used, however many there are. `None` if one cannot be.
    pub(crate) fn trusted(keys: &[&Value]) -> Option<Self> {
        let verifying = keys.iter().map(|jwk| Key::read(jwk.as_object()?)).collect::<Option<_>>()?;
        Some(Self { verifying, recipients: Vec::new(), all: keys.len() })
    }

    /// How many keys can verify something.
    #[must_use]
    pub fn len(&self) -> usize {
        self.verifying.len()
    }

    /// Whether no key can verify anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verifying.is_empty()
    }

    /// Whether any key fits an algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.candidates(algorithm, None).next().is_some()
    }

    /// The key to encrypt to: the first that fits, rather of those that say what they are for (OIDC Registration §2: `use` must
    /// be there where some sign). Among others it must have a name, by which its owner finds it (OIDC Core §10.2).
    #[must_use]
    pub fn recipient(&self, algorithm: KeyManagement) -> Option<Arc<Recipient>> {
        let fitting = self.recipients.iter().filter(|recipient| recipient.algorithm() == algorithm);
        let findable = fitting.filter(|recipient| recipient.kid().is_some() || self.all == 1);
        findable.min_by_key(|recipient| !recipient.is_for_encryption()).cloned()
    }

    /// Whether a key is that of a certificate: its `SubjectPublicKeyInfo`, in DER (RFC 8705 §2.2). `x5c` needs no look,
    /// since its first certificate must hold the key of the same entry (RFC 7517 §4.7).
    #[must_use]
    pub fn holds_spki(&self, spki: &[u8]) -> bool {
        self.verifying.iter().any(|key| key.spki() == spki)
    }

    /// The keys that may have signed under this header.
    pub(super) fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> impl Iterator<Item = &ParsedPublicKey> {
        self.verifying
            .iter()
            .filter(move |key| key.is_meant_by(kid))
            .filter_map(move |key| key.for_algorithm(algorithm))
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwkSet({} keys)", self.verifying.len())
    }
}
