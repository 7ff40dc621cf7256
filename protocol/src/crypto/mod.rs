//! Ports to keys: P-256 only, over bytes. A phone's keys live in hardware behind its own port and only their results
//! come here; the modules `p256` (pure Rust) and `aws_lc` implement the ports in software under the features of their
//! names, and one set of vectors runs on both.

use std::fmt;

use zeroize::Zeroizing;

use crate::Jwk;

#[cfg(feature = "aws-lc")]
pub mod aws_lc;
mod der;
#[cfg(feature = "p256")]
pub mod p256;

pub use der::signature_from_der;

/// An ES256 signature as it is on the wire: 64 bytes, r ‖ s (RFC 7518 §3.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The bytes r ‖ s; whether they verify is another question.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// r ‖ s.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// The x-coordinate of an ECDH agreement. Wiped when dropped, never printed.
pub struct SharedSecret(Zeroizing<[u8; 32]>);

impl SharedSecret {
    /// Takes the 32 bytes of the x-coordinate.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

/// Why a key could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The encoded key is not a valid P-256 key.
    #[error("not a valid P-256 key")]
    BadKey,
    /// The signature does not verify, or is not of the canonical form.
    #[error("the signature does not verify")]
    BadSignature,
    /// The key refused or the system's randomness failed.
    #[error("the key could not be used")]
    Unavailable,
}

/// A private key that signs ES256.
pub trait Sign: Send + Sync {
    /// Signs SHA-256 of `message`.
    fn sign(&self, message: &[u8]) -> Result<Signature, CryptoError>;

    /// The public half.
    fn public(&self) -> &Jwk;
}

/// A public key that verifies ES256; parsed once.
pub trait Verify: Send + Sync {
    /// Checks `signature` over SHA-256 of `message`.
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError>;
}

/// A private key that agrees on a secret with a peer's public key (ECDH on P-256).
pub trait Agree: Send + Sync {
    /// The shared x-coordinate. A peer off the curve is [`CryptoError::BadKey`].
    fn agree(&self, peer: &Jwk) -> Result<SharedSecret, CryptoError>;

    /// The public half.
    fn public(&self) -> &Jwk;
}
