//! Proofs of possession (RFC 9449): whoever presents an access token that is bound to a key shows that they have the key.

use protocol::{Digest, Jwk};
use serde_json::{Value, json};

use super::public_keys::Unbelieved;
use crate::domain::algorithm::Algorithm;
use crate::domain::time::Timestamp;
use crate::jose::{ClaimsError, JwkSet, SKEW, Unverified};

/// Seconds for which a proof is good; the same number may a clock be ahead or behind.
const LIFETIME: i64 = SKEW;

/// Characters of a `jti`.
const LONGEST_JTI: usize = 255;

/// What a proof must be for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// `htm`
    pub(super) method: &'a str,
    /// `htu`: without query and fragment.
    pub(super) url: &'a str,
    /// The access token beside it, for `ath`.
    pub(super) token: &'a str,
}

/// A proof that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proven {
    /// Thumbprint of its key (RFC 7638), as tokens are bound to it (`cnf.jkt`).
    pub(super) key: Digest,
    /// Of key and `jti`: no two proofs are the same.
    pub(super) jti: Digest,
    /// Until when it must be remembered.
    pub(super) until: Timestamp,
}

/// RFC 9449 §4.3, all but its replay.
pub(super) fn judge(proof: &str, request: Request<'_>, now: Timestamp) -> Result<Proven, Unbelieved> {
    let unverified = Unverified::parse(proof)?;
    if !unverified.header().is_typ("dpop+jwt") {
        return Err(Unbelieved::Type);
    }
    let (key, keys) = key(unverified.header().jwk.as_ref())?;
    let claims = unverified.verify(&keys, &[Algorithm::Es256])?.claims;
    let is = |name: &'static str, wanted: &str| match claims.text(name)? {
        Some(value) if value == wanted => Ok(()),
        Some(_) => Err(Unbelieved::Claims(ClaimsError::Malformed(name))),
        None => Err(Unbelieved::Claims(ClaimsError::Missing(name))),
    };
    is("htm", request.method)?;
    is("htu", request.url)?;
    is("ath", &Digest::of(request.token.as_bytes()).to_string())?;
    let made = claims.date("iat")?.ok_or(ClaimsError::Missing("iat"))?;
    if made > now.plus_seconds(SKEW) {
        return Err(ClaimsError::Early("iat").into());
    }
    let until = made.plus_seconds(LIFETIME + SKEW);
    if now >= until {
        return Err(ClaimsError::Expired.into());
    }
    let jti = claims.text("jti")?.ok_or(ClaimsError::Missing("jti"))?;
    if jti.is_empty() || jti.chars().count() > LONGEST_JTI {
        return Err(ClaimsError::Malformed("jti").into());
    }
    let jti = Digest::labelled("assent-jti-dpop", &[key.as_bytes(), jti.as_bytes()]);
    Ok(Proven { key, jti, until })
}

/// The key that a proof brings along: P-256, and nothing secret of it.
fn key(jwk: Option<&Value>) -> Result<(Digest, JwkSet), Unbelieved> {
    let jwk = jwk.filter(|jwk| jwk.get("d").is_none()).ok_or(Unbelieved::NoKeys)?;
    let known: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| Unbelieved::NoKeys)?;
    let set = JwkSet::of(&json!({ "keys": [known] })).map_err(|_| Unbelieved::NoKeys)?;
    Ok((known.thumbprint(), set))
}
