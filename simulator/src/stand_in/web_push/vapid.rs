//! Who sends a push (RFC 8292), as the push service judges it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use server::domain::time::Timestamp;

const DAY: i64 = 86_400;

/// The sender's key in base64url, proven by a token for this service.
pub(super) fn sender(authorization: Option<&str>, origin: &str, now: Timestamp) -> Result<String, &'static str> {
    let parameters = authorization.and_then(|value| value.strip_prefix("vapid ")).ok_or("no vapid")?;
    let parameter = |name: &str| parameters.split(',').find_map(|part| part.trim().strip_prefix(name));
    let token = parameter("t=").ok_or("no token")?;
    let key = parameter("k=").ok_or("no key")?;
    let claims = claims(token, key).ok_or("the token is not by the key")?;
    let exp = claims["exp"].as_i64().ok_or("no exp")?;
    if claims["aud"] != origin {
        return Err("the token is for another service");
    }
    if exp <= now.unix_seconds() || exp > now.unix_seconds() + DAY {
        return Err("the token is expired, or lives for more than a day");
    }
    let reachable = |contact: &str| contact.starts_with("mailto:") || contact.starts_with("https:");
    if !claims["sub"].as_str().is_some_and(reachable) {
        return Err("nobody to write to");
    }
    Ok(key.to_owned())
}

fn claims(token: &str, key: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, decode(key)?);
    key.verify(signed.as_bytes(), &decode(signature)?).ok()?;
    let header = json(header)?;
    json(claims).filter(|_| header["alg"] == "ES256" && header["typ"] == "JWT")
}
