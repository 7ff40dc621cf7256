//! DPoP proofs (RFC 9449 §4): a JWT by which a sender shows, for one call, a key that they bring along.

use protocol::Digest;
use serde_json::{Value, json};

use super::claims::{ClaimsError, SKEW};
use super::jwk::thumbprint;
use super::jwt::{JwtError, Unverified};
use super::set::JwkSet;
use crate::domain::algorithm::Algorithm;
use crate::domain::time::Timestamp;
use crate::domain::uri;

/// Seconds for which a proof is good; the same number may a clock be ahead or behind.
const LIFETIME: i64 = SKEW;

/// Characters of a `jti`.
const LONGEST_JTI: usize = 255;

/// What a proof must be for.
#[derive(Debug)]
pub struct ProvenRequest<'a> {
    /// `htm`
    pub method: &'a str,
    /// `htu`: one of these.
    pub urls: Vec<String>,
    /// The access token beside it, for `ath`.
    pub token: Option<&'a str>,
    /// `alg`: one of these.
    pub algorithms: &'a [Algorithm],
}

/// A proof that holds; whether it was used before is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of its key (RFC 7638), as tokens are bound to it (`cnf.jkt`).
    pub key: Digest,
    /// Of key and `jti`: no two proofs are the same.
    pub jti: Digest,
    /// Until when it must be remembered.
    pub until: Timestamp,
    /// `nonce`, for whoever gave one to judge.
    pub nonce: Option<String>,
}

/// Why a proof does not hold. Quotes nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No JWT, or it does not verify by the key that it brings.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// It is for another call or another time.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// `typ` is not `dpop+jwt`.
    #[error("typ is that of something else")]
    Type,
    /// No public key that can sign stands in its header, or a private one does.
    #[error("it brings no public key along")]
    NoKey,
}

impl Proof {
    /// RFC 9449 §4.3, all but nonce and replay.
    pub fn judge(proof: &str, wanted: &ProvenRequest<'_>, now: Timestamp) -> Result<Self, ProofError> {
        let unverified = Unverified::parse(proof)?;
        if !unverified.header().is_typ("dpop+jwt") {
            return Err(ProofError::Type);
        }
        let (key, keys) = brought(unverified.header().jwk.as_ref()).ok_or(ProofError::NoKey)?;
        let claims = unverified.verify(&keys, wanted.algorithms)?.claims;
        let text = |name: &'static str| claims.text(name)?.ok_or(ClaimsError::Missing(name));
        let is = |name: &'static str, holds: bool| if holds { Ok(()) } else { Err(ClaimsError::Other(name)) };
        is("htm", text("htm")? == wanted.method)?;
        let target = text("htu")?;
        is("htu", wanted.urls.iter().any(|url| same_target(target, url)))?;
        if let Some(token) = wanted.token {
            is("ath", text("ath")? == Digest::of(token.as_bytes()).to_string())?;
        }
        let made = claims.date("iat")?.ok_or(ClaimsError::Missing("iat"))?;
        if made > now.plus_seconds(SKEW) {
            return Err(ClaimsError::Early("iat").into());
        }
        // RFC 7519 §4.1.4, §4.1.5: none of it is wanted, and what is said holds.
        let stale = made.plus_seconds(LIFETIME + SKEW);
        if now >= stale {
            return Err(ClaimsError::Stale("iat").into());
        }
        let until = claims.date("exp")?.map_or(stale, |exp| exp.plus_seconds(SKEW).min(stale));
        if now >= until {
            return Err(ClaimsError::Expired.into());
        }
        if claims.date("nbf")?.is_some_and(|nbf| nbf > now.plus_seconds(SKEW)) {
            return Err(ClaimsError::Early("nbf").into());
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.chars().count() > LONGEST_JTI {
            return Err(ClaimsError::Malformed("jti").into());
        }
        let jti = Digest::labelled("assent-jti-dpop", &[key.as_bytes(), jti.as_bytes()]);
        Ok(Self { key, jti, until, nonce: claims.text("nonce")?.map(str::to_owned) })
    }
}

/// RFC 9449 §4.3 (9): the same URL, whatever the case of its scheme and host, its port by default, its dot segments, and
/// which of its characters are escaped without need (RFC 3986 §6.2.2, §6.2.3), without query and fragment.
fn same_target(sent: &str, wanted: &str) -> bool {
    let bare = |text: &str| {
        let mut url = uri::read(text)?;
        url.set_query(None);
        url.set_fragment(None);
        let path = unescaped(url.path());
        url.set_path(&path);
        Some(url)
    };
    bare(sent).is_some_and(|sent| bare(wanted) == Some(sent))
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: what needs no escape has none, and what has one has it in capitals.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let escape = part.get(..2).filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
            plain.extend(["%", part]);
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            plain.push(byte.into());
        } else {
            plain.extend([format!("%{byte:02X}")]);
        }
        plain.push_str(&part[2..]);
    }
    plain
}

/// The key that a proof brings along.
fn brought(jwk: Option<&Value>) -> Option<(Digest, JwkSet)> {
    let set = JwkSet::of(&json!({ "keys": [jwk?] })).ok().filter(|set| !set.is_empty())?;
    Some((thumbprint(jwk?)?, set))
}

#[cfg(test)]
mod tests {
    use super::same_target;

    #[test]
    fn a_target_is_the_same_however_it_is_written_and_whatever_its_query() {
        let wanted = "https://op.example/token";
        for same in [
            wanted,
            "https://OP.example:443/token",
            "HTTPS://op.example/a/../token",
            "https://op.example/token?x=1",
            "https://op.example/token#f",
            "https://op.example/%74o%6Be%6e",
        ] {
            assert!(same_target(same, wanted), "{same}");
        }
        for other in [
            "",
            "/token",
            "http://op.example/token",
            "https://op.example:8443/token",
            "https://op.example/token/",
            "https://op.example/Token",
            "https://op.example.evil/token",
            "https://op.example@evil.example/token",
            "https://user@op.example/token",
            "https:op.example/token",
            "https:/op.example/token",
            "https:///op.example/token",
            "https:\\\\op.example\\token",
            " https://op.example/token",
            "https://op.example/token ",
            "https://op.example/to\tken",
            "https://op.example/%2574oken",
            "https://op.example/token%",
            "https://op.example/token%2F",
        ] {
            assert!(!same_target(other, wanted), "{other}");
        }
        assert!(same_target("https://op.example/%c3%a9/%7Etoken", "https://op.example/%C3%A9/~token"));
    }
}
