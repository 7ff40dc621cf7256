//! JSON Web Encryption (RFC 7516), compact, for sealed pushes: ECDH-ES directly (RFC 7518 §4.6) with A256GCM (§5.3) and
//! nothing else.
//!
//! The sealed text is padded to steps of 512 bytes, so that its length says little about a prompt. Opening takes two
//! steps, because the agreement itself may happen in a phone's hardware: [`Sealed::parse`] gives the ephemeral key,
//! [`Sealed::open`] takes the secret agreed on.

use std::borrow::Cow;
use std::fmt;

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::crypto::{Agree, CryptoError, SharedSecret};
use crate::{Jwk, MAX_MESSAGE_BYTES, base64url, json};

/// Plaintexts are padded to a multiple of this many bytes.
pub const PADDING_STEP: usize = 512;

const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const ALGORITHM: &str = "ECDH-ES";
const ENCRYPTION: &str = "A256GCM";

/// Why something was not sealed or not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Larger than [`MAX_MESSAGE_BYTES`] once sealed.
    #[error("larger than {MAX_MESSAGE_BYTES} bytes")]
    TooLarge,
    /// The plaintext ends in a space, which opening would take for padding.
    #[error("the plaintext ends in a space")]
    EndsInSpace,
    /// Not five base64url parts of the right lengths, the second empty.
    #[error("not a compact JWE with a directly agreed key")]
    Malformed,
    /// `alg` is not ECDH-ES or `enc` is not A256GCM.
    #[error("alg is not ECDH-ES or enc is not A256GCM")]
    Algorithm,
    /// `crit` names an extension, or `zip` asks for decompression; none is known.
    #[error("the header asks for an unknown extension")]
    Critical,
    /// The header is not JSON as this protocol wants it.
    #[error("{0}")]
    Json(#[from] json::JsonError),
    /// The recipient's or the ephemeral key could not be used.
    #[error("{0}")]
    Crypto(#[from] CryptoError),
    /// Sealed to another key, or changed on the way.
    #[error("does not open with this key")]
    Unauthentic,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    enc: Cow<'a, str>,
    epk: Jwk,
    #[serde(borrow, default, deserialize_with = "json::present", skip_serializing)]
    apu: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "json::present", skip_serializing)]
    apv: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "json::present", skip_serializing)]
    crit: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "json::present", skip_serializing)]
    zip: Option<serde_json::Value>,
}

/// Seals a text for `to`. `ephemeral` is a fresh key; `iv` is random and never used twice with the same pair of keys.
pub fn seal(plaintext: &[u8], to: &Jwk, ephemeral: &dyn Agree, iv: [u8; IV_BYTES]) -> Result<String, JweError> {
    seal_to(0, plaintext, to, ephemeral, iv)
}

/// The same, padded to `least` bytes or more: all texts that fit into so many are sealed to the same length.
pub fn seal_to(
    least: usize,
    plaintext: &[u8],
    to: &Jwk,
    ephemeral: &dyn Agree,
    iv: [u8; IV_BYTES],
) -> Result<String, JweError> {
    if plaintext.last() == Some(&b' ') {
        return Err(JweError::EndsInSpace);
    }
    let header = Header {
        alg: ALGORITHM.into(),
        enc: ENCRYPTION.into(),
        epk: *ephemeral.public(),
        apu: None,
        apv: None,
        crit: None,
        zip: None,
    };
    let mut sealed = base64url::encode(&json::to_vec(&header));
    let mut buffer = plaintext.to_vec();
    buffer.resize(plaintext.len().max(least).max(1).next_multiple_of(PADDING_STEP), b' ');
    let tag = cipher(&ephemeral.agree(to)?, &[], &[])
        .encrypt_inout_detached(&Nonce::from(iv), sealed.as_bytes(), buffer.as_mut_slice().into())
        .map_err(|_| JweError::TooLarge)?;
    sealed.push('.'); // and no encrypted key: the agreed secret is the key
    for part in [iv.as_slice(), &buffer, &tag] {
        sealed.push('.');
        base64url::push(&mut sealed, part);
    }
    if sealed.len() > MAX_MESSAGE_BYTES {
        return Err(JweError::TooLarge);
    }
    Ok(sealed)
}

/// A sealed text whose form is right, and which may have been made by anyone for anyone.
#[derive(Clone)]
pub struct Sealed {
    protected: String,
    epk: Jwk,
    apu: Vec<u8>,
    apv: Vec<u8>,
    iv: [u8; IV_BYTES],
    ciphertext: Vec<u8>,
    tag: [u8; TAG_BYTES],
}

impl Sealed {
    /// Judges size, form and header.
    pub fn parse(text: &str) -> Result<Self, JweError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(JweError::TooLarge);
        }
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(JweError::Malformed);
        let (protected, key, iv, ciphertext, tag) = (part()?, part()?, part()?, part()?, part()?);
        if !key.is_empty() || parts.next().is_some() {
            return Err(JweError::Malformed);
        }
        let header_bytes = decode(protected)?;
        let header: Header<'_> = json::from_slice(&header_bytes)?;
        if header.alg != ALGORITHM || header.enc != ENCRYPTION {
            return Err(JweError::Algorithm);
        }
        if header.crit.is_some() || header.zip.is_some() {
            return Err(JweError::Critical);
        }
        Ok(Self {
            epk: header.epk,
            apu: header.apu.as_deref().map_or(Ok(Vec::new()), decode)?,
            apv: header.apv.as_deref().map_or(Ok(Vec::new()), decode)?,
            iv: base64url::decode_exact(iv).map_err(|_| JweError::Malformed)?,
            ciphertext: decode(ciphertext)?,
            tag: base64url::decode_exact(tag).map_err(|_| JweError::Malformed)?,
            protected: protected.to_owned(),
        })
    }

    /// The sender's key, to agree on the secret with.
    #[must_use]
    pub fn ephemeral(&self) -> &Jwk {
        &self.epk
    }

    /// Checks that nothing was changed, decrypts, and takes the padding off.
    pub fn open(&self, secret: &SharedSecret) -> Result<Vec<u8>, JweError> {
        let mut plaintext = self.ciphertext.clone();
        cipher(secret, &self.apu, &self.apv)
            .decrypt_inout_detached(
                &Nonce::from(self.iv),
                self.protected.as_bytes(),
                plaintext.as_mut_slice().into(),
                &Tag::from(self.tag),
            )
            .map_err(|_| JweError::Unauthentic)?;
        let end = plaintext.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        plaintext.truncate(end);
        Ok(plaintext)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JweError> {
    base64url::decode(part).map_err(|_| JweError::Malformed)
}

fn cipher(secret: &SharedSecret, apu: &[u8], apv: &[u8]) -> Aes256Gcm {
    let key = concat_kdf(secret.as_bytes(), ENCRYPTION, apu, apv, 256);
    Aes256Gcm::new_from_slice(&*key).expect("the derived key has 32 bytes")
}

/// RFC 7518 §4.6.2: the Concat KDF with SHA-256 for keys of up to 256 bits, for which one round is enough. A shorter key
/// is the beginning of the result. `secret` is what was agreed on, on whatever curve; `apu` and `apv` are bytes of a message.
#[must_use]
pub fn concat_kdf(secret: &[u8], algorithm: &str, apu: &[u8], apv: &[u8], key_bits: u32) -> Zeroizing<[u8; 32]> {
    const FIRST_ROUND: u32 = 1;
    let mut hash = Sha256::new();
    hash.update(FIRST_ROUND.to_be_bytes());
    hash.update(secret);
    for info in [algorithm.as_bytes(), apu, apv] {
        hash.update(u32::try_from(info.len()).expect("a message is at most 16 KiB").to_be_bytes());
        hash.update(info);
    }
    hash.update(key_bits.to_be_bytes());
    Zeroizing::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7518 appendix C: Alice and Bob derive a key for A128GCM.
    #[test]
    fn the_key_of_rfc_7518_appendix_c_is_derived() {
        let secret = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128,
            106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf(&secret, "A128GCM", b"Alice", b"Bob", 128);
        assert_eq!(base64url::encode(&key[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }
}
