//! Several signers of one payload (RFC 7515 §7.2.1): `finish`, and rotation of keys.

use serde::{Deserialize, Serialize};

use super::{JwsError, KeyHint};
use crate::crypto::{Sign, Signature, Verify};
use crate::messages::Message;
use crate::{Digest, MAX_MESSAGE_BYTES, base64url, json};

/// One payload under several signatures (RFC 7515 §7.2.1): the form of `finish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct General {
    payload: String,
    signatures: Vec<GeneralSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GeneralSignature {
    protected: String,
    signature: String,
}

/// A payload about to be signed by several keys.
#[derive(Debug)]
pub struct UnsignedGeneral {
    payload: String,
    protected: Vec<String>,
    inputs: Vec<String>,
}

impl UnsignedGeneral {
    /// Fixes the payload and one header for each signer.
    #[must_use]
    pub fn new<M: Message>(hints: Vec<KeyHint>, message: &M) -> Self {
        let payload = base64url::encode(&json::to_vec(message));
        let protected: Vec<String> = hints.into_iter().map(|hint| hint.header(M::TYP)).collect();
        let inputs = protected.iter().map(|header| format!("{header}.{payload}")).collect();
        Self { payload, protected, inputs }
    }

    /// What each key must sign, in the order of the hints.
    pub fn signing_inputs(&self) -> impl Iterator<Item = &[u8]> {
        self.inputs.iter().map(String::as_bytes)
    }

    /// Adds the signatures, in the order of the hints.
    #[must_use]
    pub fn attach(self, signatures: &[Signature]) -> General {
        let signatures = self
            .protected
            .into_iter()
            .zip(signatures)
            .map(|(protected, signature)| GeneralSignature {
                protected,
                signature: base64url::encode(signature.as_bytes()),
            })
            .collect();
        General { payload: self.payload, signatures }
    }
}

impl General {
    /// SHA-256("adp1-finish" ‖ the payload as base64url text): the "finish hash" of the check digits. The signatures are
    /// left out because both ends know them valid, and ECDSA gives many for one payload.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::labelled("adp1-finish", &[self.payload.as_bytes()])
    }

    /// How many signed it, or claim to.
    #[must_use]
    pub fn signers(&self) -> usize {
        self.signatures.len()
    }

    /// What one of the signers says of its key: a way to find it, never a reason to trust it.
    #[must_use]
    pub fn hint<M: Message>(&self, signer: usize) -> Option<KeyHint> {
        KeyHint::from_header(&self.signatures.get(signer)?.protected, M::TYP).ok()
    }

    /// The same payload with one signature more, before the others.
    pub fn signed_first_by<M: Message>(mut self, hint: &KeyHint, key: &dyn Sign) -> Result<Self, JwsError> {
        let protected = hint.header(M::TYP);
        let signature = key.sign(format!("{protected}.{}", self.payload).as_bytes())?;
        let signature = base64url::encode(signature.as_bytes());
        self.signatures.insert(0, GeneralSignature { protected, signature });
        Ok(self)
    }

    /// Reads the payload without checking any signature, to learn which keys it introduces.
    pub fn unverified_payload<M: Message>(&self) -> Result<M, JwsError> {
        Ok(json::from_slice(&self.payload_bytes()?)?)
    }

    /// The payload as it was written, byte for byte.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, JwsError> {
        if self.payload.len() > MAX_MESSAGE_BYTES {
            return Err(JwsError::TooLarge);
        }
        base64url::decode(&self.payload).map_err(|_| JwsError::Malformed)
    }

    /// Checks that exactly these keys signed, in this order.
    pub fn verify<M: Message>(&self, keys: &[&dyn Verify]) -> Result<M, JwsError> {
        if self.signatures.len() != keys.len() {
            return Err(JwsError::Malformed);
        }
        for (entry, key) in self.signatures.iter().zip(keys) {
            KeyHint::from_header(&entry.protected, M::TYP)?;
            let signature = base64url::decode_exact(&entry.signature).map_err(|_| JwsError::Malformed)?;
            let input = format!("{}.{}", entry.protected, self.payload);
            key.verify(input.as_bytes(), &Signature::from_bytes(signature))?;
        }
        self.unverified_payload()
    }
}
