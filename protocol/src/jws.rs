//! JSON Web Signatures (RFC 7515), compact, and general for `finish`: ES256 and nothing else.
//!
//! The receiver states the `typ` it expects and the key it trusts; the sender's header chooses neither. Bytes are signed
//! and verified as received, never after parsing and writing them again.

use std::borrow::Cow;
use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::crypto::{CryptoError, Sign, Signature, Verify};
use crate::messages::Message;
use crate::{Digest, Jwk, KeyRef, MAX_MESSAGE_BYTES, json};

/// What a JWS is, checked exactly against its `typ` header (RFC 8725 §3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Typ {
    /// `adp-begin+jwt`
    Begin,
    /// `adp-offer+jwt`
    Offer,
    /// `adp-finish+jwt`
    Finish,
    /// `adp-enrolment+jwt`
    Enrolment,
    /// `adp-prompt+jwt`
    Prompt,
    /// `adp-decision+jwt`
    Decision,
    /// `adp-result+jwt`
    Result,
    /// `adp-proof+jwt`
    Proof,
    /// `adp-keys+jwt`
    Keys,
    /// `adp-revocation+jwt`
    Revocation,
    /// `adp-rotation+jwt`
    Rotation,
    /// `adp-unblock+jwt`
    Unblock,
    /// `adp-receipt+jwt`
    Receipt,
}

impl Typ {
    /// The value of the `typ` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "adp-begin+jwt",
            Self::Offer => "adp-offer+jwt",
            Self::Finish => "adp-finish+jwt",
            Self::Enrolment => "adp-enrolment+jwt",
            Self::Prompt => "adp-prompt+jwt",
            Self::Decision => "adp-decision+jwt",
            Self::Result => "adp-result+jwt",
            Self::Proof => "adp-proof+jwt",
            Self::Keys => "adp-keys+jwt",
            Self::Revocation => "adp-revocation+jwt",
            Self::Rotation => "adp-rotation+jwt",
            Self::Unblock => "adp-unblock+jwt",
            Self::Receipt => "adp-receipt+jwt",
        }
    }
}

/// Why a JWS was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Larger than [`MAX_MESSAGE_BYTES`].
    #[error("larger than {MAX_MESSAGE_BYTES} bytes")]
    TooLarge,
    /// Not three base64url parts, or not the general form that was expected.
    #[error("not a JWS of the expected form")]
    Malformed,
    /// `alg` is not ES256.
    #[error("alg is not ES256")]
    Algorithm,
    /// `typ` is not the expected one.
    #[error("typ is not the expected one")]
    Typ,
    /// `crit` names an extension, and none is known.
    #[error("crit names an unknown extension")]
    Critical,
    /// Header or payload is not JSON as this protocol wants it.
    #[error("{0}")]
    Json(#[from] json::JsonError),
    /// The signature does not verify with the trusted key.
    #[error("{0}")]
    Crypto(#[from] CryptoError),
}

const ALGORITHM: &str = "ES256";

/// How a JWS says which key made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyHint {
    /// A key that the receiver knows by this name.
    Kid(String),
    /// A new key, in full; only where a message introduces one.
    Jwk(Jwk),
}

impl From<KeyRef> for KeyHint {
    fn from(key: KeyRef) -> Self {
        Self::Kid(key.to_string())
    }
}

impl From<Digest> for KeyHint {
    fn from(thumbprint: Digest) -> Self {
        Self::Kid(thumbprint.to_string())
    }
}

/// A header as it is written.
#[derive(Serialize)]
struct HeaderOut<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
}

/// A header as it is read. `null` is not another way to leave a member out.
#[derive(Deserialize)]
struct HeaderIn<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    #[serde(default, deserialize_with = "json::present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    jwk: Option<Jwk>,
    #[serde(default, deserialize_with = "json::present")]
    crit: Option<IgnoredAny>,
}

impl KeyHint {
    /// The protected header that names this key, as base64url.
    fn header(&self, typ: Typ) -> String {
        let (kid, jwk) = match self {
            Self::Kid(kid) => (Some(kid.as_str()), None),
            Self::Jwk(jwk) => (None, Some(jwk)),
        };
        let header = HeaderOut { alg: ALGORITHM, typ: typ.as_str(), kid, jwk };
        base64url::encode(&json::to_vec(&header))
    }

    /// Judges a protected header and takes the key's name out of it.
    fn from_header(part: &str, typ: Typ) -> Result<Self, JwsError> {
        let bytes = base64url::decode(part).map_err(|_| JwsError::Malformed)?;
        let header: HeaderIn<'_> = json::from_slice(&bytes)?;
        if header.alg != ALGORITHM {
            return Err(JwsError::Algorithm);
        }
        if header.typ != typ.as_str() {
            return Err(JwsError::Typ);
        }
        if header.crit.is_some() {
            return Err(JwsError::Critical);
        }
        match (header.kid, header.jwk) {
            (Some(kid), None) => Ok(KeyHint::Kid(kid)),
            (None, Some(jwk)) => Ok(KeyHint::Jwk(jwk)),
            _ => Err(JwsError::Malformed),
        }
    }
}

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
    /// Judges size, form, `alg`, `typ` and `crit`, in that order.
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

    /// Checks the signature, then reads the payload.
    pub fn verify<M: Message>(self, key: &dyn Verify) -> Result<M, JwsError> {
        key.verify(self.input.as_bytes(), &self.signature)?;
        Ok(json::from_slice(&self.payload)?)
    }
}

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

    /// Reads the payload without checking any signature, to learn which keys it introduces.
    pub fn unverified_payload<M: Message>(&self) -> Result<M, JwsError> {
        if self.payload.len() > MAX_MESSAGE_BYTES {
            return Err(JwsError::TooLarge);
        }
        Ok(json::from_slice(&base64url::decode(&self.payload).map_err(|_| JwsError::Malformed)?)?)
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
