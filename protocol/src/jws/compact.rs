//! One signer: header, payload and signature with dots between (RFC 7515 §7.1).

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{JwsError, KeyHint, Typ};
use crate::crypto::{Sign, Signature, Verify};
use crate::messages::Message;
use crate::{Digest, KeyRef, MAX_MESSAGE_BYTES, base64url, json};

/// A compact JWS exactly as it was made or received. Its digest is what prompts and decisions are bound by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jws(String);

impl Jws {
    /// Takes text as received; nothing is judged until [`Unverified::parse`].
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The compact serialisation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// Header and payload as they were signed. ECDSA gives many signatures for one text; two that share this say the
    /// same thing.
    #[must_use]
    pub fn signed_text(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(signed, _)| signed)
    }

    /// Signs a message with a key in software.
    pub fn sign<M: Message>(hint: impl Into<KeyHint>, message: &M, key: &dyn Sign) -> Result<Self, JwsError> {
        let unsigned = Unsigned::new(hint, message);
        let signature = key.sign(unsigned.signing_input())?;
        Ok(unsigned.attach(&signature))
    }

    /// Parses and verifies in one step, where the key is already known.
    pub fn open<M: Message>(&self, key: &dyn Verify) -> Result<M, JwsError> {
        Unverified::parse(&self.0, M::TYP)?.verify(key)
    }
}

impl fmt::Debug for Jws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jws({} bytes)", self.0.len())
    }
}

/// A message about to be signed by a key that is elsewhere, such as a phone's hardware.
#[derive(Debug)]
pub struct Unsigned {
    input: String,
}

impl Unsigned {
    /// Fixes header and payload bytes.
    #[must_use]
    pub fn new<M: Message>(hint: impl Into<KeyHint>, message: &M) -> Self {
        let mut input = hint.into().header(M::TYP);
        input.push('.');
        base64url::push(&mut input, &json::to_vec(message));
        Self { input }
    }

    /// What the key must sign.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.input.as_bytes()
    }

    /// Adds the signature.
    #[must_use]
    pub fn attach(self, signature: &Signature) -> Jws {
        let mut text = self.input;
        text.push('.');
        base64url::push(&mut text, signature.as_bytes());
        Jws(text)
    }
}

/// A JWS whose form is right and whose signature nobody has checked yet.
pub struct Unverified<'a> {
    hint: KeyHint,
    input: &'a str,
    payload: Vec<u8>,
    signature: Signature,
}

impl<'a> Unverified<'a> {
    /// Judges size, form, `typ`, `alg` and `crit`, in that order.
    pub fn parse(text: &'a str, typ: Typ) -> Result<Self, JwsError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(JwsError::TooLarge);
        }
        let mut dots = text.match_indices('.').map(|(at, _)| at);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(JwsError::Malformed);
        };
        let (header, payload, signature) = (&text[..first], &text[first + 1..second], &text[second + 1..]);
        let hint = KeyHint::from_header(header, typ)?;
        let payload = base64url::decode(payload).map_err(|_| JwsError::Malformed)?;
        let signature = base64url::decode_exact(signature).map_err(|_| JwsError::Malformed)?;
        Ok(Self { hint, input: &text[..second], payload, signature: Signature::from_bytes(signature) })
    }

    /// Which key the sender says it used. A way to look a key up, never a reason to trust it.
    #[must_use]
    pub fn key_hint(&self) -> &KeyHint {
        &self.hint
    }

    /// The hint as a phone's key, where that is what must stand there.
    pub fn key_ref(&self) -> Result<KeyRef, JwsError> {
        match &self.hint {
            KeyHint::Kid(kid) => kid.parse().map_err(|_| JwsError::Malformed),
            KeyHint::Jwk(_) => Err(JwsError::Malformed),
        }
    }

    /// Reads something of the payload before anybody vouches for it: for refusing early, never for believing.
    pub fn claimed<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        Ok(json::from_slice(&self.payload)?)
    }

    /// Checks the signature, then reads the payload.
    pub fn verify<M: Message>(self, key: &dyn Verify) -> Result<M, JwsError> {
        key.verify(self.input.as_bytes(), &self.signature)?;
        Ok(json::from_slice(&self.payload)?)
    }
}
