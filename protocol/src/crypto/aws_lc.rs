//! The ports over aws-lc-rs, for the server. Parsing a key costs as much as using it, so every type here parses once.

use std::fmt;

use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
};
use zeroize::Zeroizing;

use super::{Agree, CryptoError, SharedSecret, Sign, Signature, Verify};
use crate::Jwk;

/// A signing key in memory.
pub struct SigningKey {
    key: EcdsaKeyPair,
    public: Jwk,
}

impl SigningKey {
    /// Makes a key, and its PKCS #8 form to be stored.
    pub fn generate() -> Result<(Self, Zeroizing<Vec<u8>>), CryptoError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| CryptoError::Unavailable)?;
        let pkcs8 = key.to_pkcs8v1().map_err(|_| CryptoError::Unavailable)?;
        Ok((Self::new(key)?, Zeroizing::new(pkcs8.as_ref().to_vec())))
    }

    /// Parses PKCS #8; a key of another curve is [`CryptoError::BadKey`].
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, CryptoError> {
        Self::new(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(|_| CryptoError::BadKey)?)
    }

    fn new(key: EcdsaKeyPair) -> Result<Self, CryptoError> {
        let public = Jwk::from_sec1(key.public_key().as_ref()).ok_or(CryptoError::BadKey)?;
        Ok(Self { key, public })
    }
}

impl Sign for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Signature, CryptoError> {
        // The argument is for compatibility and ignored: aws-lc draws from its own generator.
        let signature = self.key.sign(&SystemRandom::new(), message).map_err(|_| CryptoError::Unavailable)?;
        signature.as_ref().try_into().map(Signature::from_bytes).map_err(|_| CryptoError::Unavailable)
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
pub struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// Parses the key; a point off the curve is [`CryptoError::BadKey`].
    pub fn new(jwk: &Jwk) -> Result<Self, CryptoError> {
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, jwk.to_sec1()).map(Self).map_err(|_| CryptoError::BadKey)
    }
}

impl Verify for VerifyingKey {
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        self.0.verify_sig(message, signature.as_bytes()).map_err(|_| CryptoError::BadSignature)
    }
}

/// The sender's key of one sealed message. May agree more than once, so one serves all phones of one prompt.
pub struct EphemeralKey {
    key: agreement::PrivateKey,
    public: Jwk,
}

impl EphemeralKey {
    /// Makes a key.
    pub fn generate() -> Result<Self, CryptoError> {
        let key = agreement::PrivateKey::generate(&ECDH_P256).map_err(|_| CryptoError::Unavailable)?;
        let public = key.compute_public_key().map_err(|_| CryptoError::Unavailable)?;
        let public = Jwk::from_sec1(public.as_ref()).ok_or(CryptoError::Unavailable)?;
        Ok(Self { key, public })
    }
}

impl Agree for EphemeralKey {
    fn agree(&self, peer: &Jwk) -> Result<SharedSecret, CryptoError> {
        let peer = UnparsedPublicKey::new(&ECDH_P256, peer.to_sec1());
        agreement::agree(&self.key, peer, CryptoError::BadKey, |secret| {
            secret.try_into().map(SharedSecret::from_bytes).map_err(|_| CryptoError::Unavailable)
        })
    }

    fn public(&self) -> &Jwk {
        &self.public
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey(…)")
    }
}
