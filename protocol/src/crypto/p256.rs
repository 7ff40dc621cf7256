//! The ports in pure Rust, for phones and for their tests. Signatures are deterministic (RFC 6979), so nothing here asks
//! for randomness; keys come in as bytes.

use std::fmt;

use ::p256::ecdsa::signature::{Signer as _, Verifier as _};
use ::p256::{PublicKey, SecretKey, ecdsa};
use zeroize::Zeroizing;

pub use super::der::signature_from_der;
use super::{Agree, CryptoError, SharedSecret, Sign, Signature, Verify};
use crate::Jwk;

/// A signing key in memory. Wiped when dropped, never printed.
pub struct SigningKey {
    key: ecdsa::SigningKey,
    public: Jwk,
}

impl SigningKey {
    /// From the 32 bytes of the secret scalar, big-endian; zero and values above the group's order are
    /// [`CryptoError::BadKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, CryptoError> {
        let key = ecdsa::SigningKey::from_slice(bytes).map_err(|_| CryptoError::BadKey)?;
        let public = jwk(&PublicKey::from(key.verifying_key()))?;
        Ok(Self { key, public })
    }

    /// The secret scalar, to be kept where the platform keeps secrets.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }
}

impl Sign for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Signature, CryptoError> {
        let signature: ecdsa::Signature = self.key.try_sign(message).map_err(|_| CryptoError::Unavailable)?;
        Ok(Signature::from_bytes(signature.to_bytes().into()))
    }

    fn public(&self) -> &Jwk {
        &self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A public key, parsed once.
#[derive(Debug, Clone)]
pub struct VerifyingKey(ecdsa::VerifyingKey);

impl VerifyingKey {
    /// Parses the key; a point off the curve is [`CryptoError::BadKey`].
    pub fn new(jwk: &Jwk) -> Result<Self, CryptoError> {
        ecdsa::VerifyingKey::from_sec1_bytes(&jwk.to_sec1()).map(Self).map_err(|_| CryptoError::BadKey)
    }
}

impl Verify for VerifyingKey {
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let signature = ecdsa::Signature::from_slice(signature.as_bytes()).map_err(|_| CryptoError::BadSignature)?;
        self.0.verify(message, &signature).map_err(|_| CryptoError::BadSignature)
    }
}

/// A key for agreements: a phone's `sealing` key where the hardware has none, or the sender's ephemeral key.
pub struct AgreementKey {
    key: SecretKey,
    public: Jwk,
}

impl AgreementKey {
    /// From the 32 bytes of the secret scalar, as [`SigningKey::from_bytes`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, CryptoError> {
        let key = SecretKey::from_slice(bytes).map_err(|_| CryptoError::BadKey)?;
        let public = jwk(&key.public_key())?;
        Ok(Self { key, public })
    }

    /// The secret scalar, to be kept where the platform keeps secrets.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }
}

impl Agree for AgreementKey {
    fn agree(&self, peer: &Jwk) -> Result<SharedSecret, CryptoError> {
        let peer = PublicKey::from_sec1_bytes(&peer.to_sec1()).map_err(|_| CryptoError::BadKey)?;
        let shared = self.key.diffie_hellman(&peer);
        Ok(SharedSecret::from_bytes((*shared.raw_secret_bytes()).into()))
    }

    fn public(&self) -> &Jwk {
        &self.public
    }
}

impl fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgreementKey(…)")
    }
}

fn jwk(key: &PublicKey) -> Result<Jwk, CryptoError> {
    Jwk::from_sec1(&key.to_sec1_bytes()).ok_or(CryptoError::BadKey)
}
