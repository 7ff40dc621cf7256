//! Access tokens: opaque, or JWTs (RFC 9068). Both are stored by their hash, so that both can be revoked.

use serde_json::{Value, json};

use super::super::Unavailable;
use super::super::provider::Provider;
use super::super::subjects;
use super::Agreed;
use crate::domain::algorithm::Algorithm;
use crate::domain::client::{AccessTokenFormat, Client};
use crate::domain::grant::Grant;
use crate::domain::names::TokenKey;
use crate::domain::time::Timestamp;

/// The token and what it stands for.
pub(super) fn mint(
    provider: &Provider,
    client: &Client,
    agreed: &Agreed,
    now: Timestamp,
) -> Result<(String, Grant), Unavailable> {
    let policy = provider.policy();
    let life_ends = now.plus_seconds(policy.access_token_lifetime.into());
    let mut grant = Grant {
        // Found by the token, which is not made yet.
        token: TokenKey::of(""),
        client: client.id.clone(),
        subject: agreed.subject.clone(),
        scope: agreed.narrowed.scope.clone(),
        request: agreed.request,
        issued_at: Some(now),
        // Once its family is forgotten, nobody could tell whether it was revoked.
        expires_at: agreed.family.map_or(life_ends, |(_, family_ends)| life_ends.min(family_ends)),
        audience: agreed.narrowed.audience.clone(),
        details: agreed.narrowed.details.clone(),
        certificate: agreed.binding.certificate,
        dpop_key: agreed.binding.key,
        family: agreed.family.map(|(family, _)| family),
        device: Some(agreed.device),
        auth_time: Some(agreed.auth_time),
        acr: Some(agreed.acr.clone()),
        revoked_at: None,
    };
    let token = match client.access_token_format {
        AccessTokenFormat::Opaque => provider.random().token(),
        // Read by resource servers, who know the realm and not what the client registered for its own tokens.
        AccessTokenFormat::Jwt => {
            let algorithm = policy.signing_algorithms.first().copied().unwrap_or(Algorithm::Es256);
            provider.keys.sign_jwt(algorithm, "at+jwt", &claims(provider, client, agreed, &grant)?)?
        }
    };
    grant.token = TokenKey::of(&token);
    Ok((token, grant))
}

/// RFC 9068 §2.2; `cnf`: RFC 8705 §3.1, RFC 9449 §6.1.
fn claims(provider: &Provider, client: &Client, agreed: &Agreed, grant: &Grant) -> Result<Value, Unavailable> {
    let jti = protocol::base64url::encode(&provider.random().array::<16>());
    let mut claims = json!({
        "iss": provider.issuer(),
        "exp": grant.expires_at.unix_seconds(),
        "aud": audience(&grant.audience),
        "sub": subjects::told(provider, client, &grant.subject)?,
        "client_id": grant.client,
        "iat": grant.issued_at.map(Timestamp::unix_seconds),
        "jti": jti,
        "scope": grant.scope.join(" "),
        "auth_time": agreed.auth_time.unix_seconds(),
        "acr": agreed.acr,
        "amr": agreed.amr,
    });
    // RFC 9396 §9.1
    if !grant.details.is_empty() {
        claims["authorization_details"] = grant.details.clone().into();
    }
    if let Some(confirmation) = grant.binding().confirmation() {
        claims["cnf"] = confirmation;
    }
    Ok(claims)
}

/// RFC 7519 §4.1.3: a text where it is one.
fn audience(audience: &[String]) -> Value {
    match audience {
        [only] => only.as_str().into(),
        several => several.into(),
    }
}
