//! A JWT in compact form (RFC 7515 §7.1, RFC 7519), read strictly: three parts, canonical base64url, objects without a
//! member twice, nothing critical, an algorithm that the caller named.

use aws_lc_rs::hmac;
use protocol::{base64url, json};
use serde_json::{Map, Value};

use super::claims::Claims;
use super::set::JwkSet;
use crate::domain::algorithm::Algorithm;

/// Longer ones are refused unread.
pub const MAX_JWT_BYTES: usize = 16 * 1024;

/// Without a `kid`, so many fitting keys are tried; with more, the signer must say which.
const MOST_TRIED: usize = 8;

/// Why a JWT is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// More than [`MAX_JWT_BYTES`].
    #[error("the JWT is longer than {MAX_JWT_BYTES} bytes")]
    TooLong,
    /// Not three parts of canonical base64url.
    #[error("not a JWT in compact form")]
    Form,
    /// The header is no sound JSON object, or `alg`, `kid` or `typ` is no text.
    #[error("the header of the JWT is malformed")]
    Header,
    /// The payload is no sound JSON object.
    #[error("the claims of the JWT are malformed")]
    Claims,
    /// Something in the header would have to be understood (`crit`, RFC 7515 §4.1.11; `b64`, RFC 7797) and is not.
    #[error("the JWT demands an extension")]
    Extension,
    /// Unknown, not one of those wanted here, or of the other kind.
    #[error("the JWT is signed by another algorithm than is wanted here")]
    Algorithm,
    /// The set has no key for this `kid` and algorithm. The signer may have published it since.
    #[error("no key for this JWT")]
    UnknownKey,
    /// No `kid`, and too many keys to try.
    #[error("the JWT does not say which of many keys signed it")]
    KidNeeded,
    /// The secret is shorter than the hash (RFC 7518 §3.2).
    #[error("the secret is too short for the algorithm")]
    WeakSecret,
    /// It does not verify.
    #[error("the signature does not verify")]
    Signature,
}

/// What a header says that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`
    pub kid: Option<String>,
    /// `typ`, for the caller to judge.
    pub typ: Option<String>,
    /// `jwk` (RFC 7515 §4.1.3): a key that the signer brings along. It shows that they have it, and nothing of who they are.
    pub jwk: Option<Value>,
}

impl Header {
    /// Whether `typ` is this media type, in any case and with or without `application/` (RFC 7515 §4.1.9).
    #[must_use]
    pub fn is_typ(&self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let ours = self.typ.as_deref().unwrap_or_default();
        let bare = match ours.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => ours,
        };
        bare.eq_ignore_ascii_case(typ)
    }
}

/// A JWT whose signature verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its header.
    pub header: Header,
    /// What it says; whether it may be acted on is for [`Claims::check`].
    pub claims: Claims,
}

/// A JWT that was only read. What it says tells whose keys to take, and nothing else.
#[derive(Debug)]
pub struct Unverified<'a> {
    input: &'a str,
    signature: Vec<u8>,
    header: Header,
    claims: Claims,
}

/// Reads and verifies with one of these keys, by one of these algorithms.
pub fn verify(jwt: &str, keys: &JwkSet, allowed: &[Algorithm]) -> Result<Token, JwtError> {
    Unverified::parse(jwt)?.verify(keys, allowed)
}

/// Reads and verifies with a shared secret, by one of these algorithms.
pub fn verify_mac(jwt: &str, secret: &[u8], allowed: &[Algorithm]) -> Result<Token, JwtError> {
    Unverified::parse(jwt)?.verify_mac(secret, allowed)
}

impl<'a> Unverified<'a> {
    /// Reads without verifying.
    pub fn parse(jwt: &'a str) -> Result<Self, JwtError> {
        if jwt.len() > MAX_JWT_BYTES {
            return Err(JwtError::TooLong);
        }
        let (input, signature) = jwt.rsplit_once('.').ok_or(JwtError::Form)?;
        let (header, claims) = input.split_once('.').ok_or(JwtError::Form)?;
        // A fourth part leaves a dot in `claims`, which is no base64url.
        let decode = |part| base64url::decode(part).map_err(|_| JwtError::Form);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        Ok(Self { input, signature, header: read_header(&header)?, claims: read_claims(&claims)? })
    }

    /// What the header says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What it says, whoever wrote it.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Verifies with one of these keys, by one of these algorithms.
    pub fn verify(self, keys: &JwkSet, allowed: &[Algorithm]) -> Result<Token, JwtError> {
        let algorithm = self.header.algorithm;
        if !algorithm.is_asymmetric() || !allowed.contains(&algorithm) {
            return Err(JwtError::Algorithm);
        }
        let candidates: Vec<_> = keys.candidates(algorithm, self.header.kid.as_deref()).take(MOST_TRIED + 1).collect();
        match candidates.len() {
            0 => return Err(JwtError::UnknownKey),
            1..=MOST_TRIED => {}
            _ => return Err(JwtError::KidNeeded),
        }
        let verifies = candidates.iter().any(|key| key.verify_sig(self.input.as_bytes(), &self.signature).is_ok());
        if verifies { Ok(self.believed()) } else { Err(JwtError::Signature) }
    }

    /// Verifies with a shared secret, by one of these algorithms.
    pub fn verify_mac(self, secret: &[u8], allowed: &[Algorithm]) -> Result<Token, JwtError> {
        let algorithm = self.header.algorithm;
        let hash = mac_algorithm(algorithm).filter(|_| allowed.contains(&algorithm)).ok_or(JwtError::Algorithm)?;
        // RFC 7518 §3.2: a key of the size of the hash output or larger.
        if secret.len() < hash.digest_algorithm().output_len() {
            return Err(JwtError::WeakSecret);
        }
        let key = hmac::Key::new(hash, secret);
        hmac::verify(&key, self.input.as_bytes(), &self.signature).map_err(|_| JwtError::Signature)?;
        Ok(self.believed())
    }

    fn believed(self) -> Token {
        Token { header: self.header, claims: self.claims }
    }
}

const fn mac_algorithm(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::EdDsa => None,
    }
}

fn read_header(bytes: &[u8]) -> Result<Header, JwtError> {
    let members: Map<String, Value> = json::from_slice(bytes).map_err(|_| JwtError::Header)?;
    if members.contains_key("crit") || members.contains_key("b64") {
        return Err(JwtError::Extension);
    }
    let text = |name: &str| match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JwtError::Header),
    };
    let algorithm = text("alg")?.ok_or(JwtError::Header)?;
    let algorithm = Algorithm::parse(&algorithm).ok_or(JwtError::Algorithm)?;
    Ok(Header { algorithm, kid: text("kid")?, typ: text("typ")?, jwk: members.get("jwk").cloned() })
}

fn read_claims(bytes: &[u8]) -> Result<Claims, JwtError> {
    json::from_slice(bytes).map(Claims::new).map_err(|_| JwtError::Claims)
}
