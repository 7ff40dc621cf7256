//! JSON Web Signatures (RFC 7515), compact, and general for what several keys sign: ES256 and nothing else.
//!
//! The receiver states the `typ` it expects and the key it trusts; the sender's header chooses neither. Bytes are signed
//! and verified as received, never after parsing and writing them again.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::crypto::CryptoError;
use crate::{Digest, Jwk, KeyRef, MAX_MESSAGE_BYTES, base64url, json};

mod compact;
mod general;

pub use compact::{Jws, Unsigned, Unverified};
pub use general::{General, UnsignedGeneral};

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
    /// `adp-history+jwt`
    History,
    /// `adp-blocks+jwt`
    Blocks,
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
            Self::History => "adp-history+jwt",
            Self::Blocks => "adp-blocks+jwt",
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
        if header.typ != typ.as_str() {
            return Err(JwsError::Typ);
        }
        if header.alg != ALGORITHM {
            return Err(JwsError::Algorithm);
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
