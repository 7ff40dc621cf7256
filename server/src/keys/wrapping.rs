//! The key that wraps all others: AES-256-GCM (NIST SP 800-38D), a random nonce before each wrapped key.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use protocol::{Digest, base64url};
use zeroize::Zeroizing;

use super::{KeysError, secret_file};
use crate::domain::random::Random;

/// 256 bits, kept apart from the key file: in the environment or in a file of its own. Never printed.
pub struct WrappingKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl WrappingKey {
    /// A new key.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self { bytes: Zeroizing::new(random.array()) }
    }

    /// Reads its text: 43 characters of base64url; white space around them does not matter.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let bytes = base64url::decode_exact(text.trim()).map_err(|_| KeysError::BadWrappingKey)?;
        Ok(Self { bytes: Zeroizing::new(bytes) })
    }

    /// Reads its text from a file that is its owner's alone.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        Self::parse(&secret_file::read(path)?)
    }

    /// Its text, to be kept.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(base64url::encode(&*self.bytes))
    }

    /// Tells wrapping keys apart without telling anything of them.
    pub(super) fn id(&self) -> String {
        let mut id = Digest::labelled("assent-wrapping-key", &[&*self.bytes]).to_string();
        id.truncate(16);
        id
    }

    /// Wraps a secret. `context` names what it is for: unwrapped under another name, it is refused.
    pub(super) fn wrap(&self, context: &str, secret: &[u8]) -> Result<String, KeysError> {
        let mut bytes = Zeroizing::new(secret.to_vec());
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut *bytes)
            .map_err(|_| KeysError::Damaged("a key could not be wrapped"))?;
        Ok(base64url::encode(&[&nonce.as_ref()[..], &bytes[..]].concat()))
    }

    /// Unwraps what [`Self::wrap`] made.
    pub(super) fn unwrap(&self, context: &str, wrapped: &str) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        const DAMAGED: KeysError = KeysError::Damaged("a wrapped key cannot be opened");
        let bytes = base64url::decode(wrapped).map_err(|_| DAMAGED)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(DAMAGED)?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let opened = self
            .cipher()?
            .open_in_place(Nonce::from(nonce), Aad::from(context.as_bytes()), &mut sealed)
            .map_err(|_| DAMAGED)?;
        Ok(Zeroizing::new(opened.to_vec()))
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, KeysError> {
        RandomizedNonceKey::new(&AES_256_GCM, &*self.bytes).map_err(|_| KeysError::BadWrappingKey)
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(…)")
    }
}
