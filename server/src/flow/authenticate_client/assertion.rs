//! `private_key_jwt` and `client_secret_jwt` (OIDC Core §9, RFC 7523 §3): a JWT by which a client says that it is itself.

use std::sync::OnceLock;

use protocol::Digest;
use serde_json::json;

use super::{Reason, Refused, find, registered, secret_context};
use crate::domain::algorithm::Algorithm;
use crate::domain::client::{AssertionAudience, AuthenticationMethod, Client, ClientSecret};
use crate::domain::endpoint::Endpoint;
use crate::domain::names::ClientId;
use crate::domain::time::Timestamp;
use crate::flow::provider::Provider;
use crate::flow::public_keys::{Source, Unbelieved};
use crate::jose::{self, Audience, Claims, Header, JwkSet, Rules, Token, Unverified};
use crate::store::{Mark, MarkKey};

/// Seconds from an assertion's beginning to its end, at most: for so long its `jti` is remembered.
const LONGEST: i64 = 3600;

/// Characters of a `jti`.
const LONGEST_JTI: usize = 255;

/// The client, if the assertion is its own and was not used before; and what keeps it from being used again.
pub(super) async fn judge(
    provider: &Provider,
    beside: Option<&ClientId>,
    jwt: &str,
    endpoint: Endpoint,
) -> Result<(Client, Mark), Reason> {
    let (id, header) = read(jwt, beside)?;
    let Some(client) = find(provider, &id).await? else {
        // About the work for a known client, so that time tells less of which clients exist.
        let _ = jose::verify(jwt, nobodys_keys(), &[Algorithm::Es256]);
        return Err(Refused::UnknownClient.into());
    };
    let by_key = header.algorithm.is_asymmetric();
    let method = if by_key { AuthenticationMethod::PrivateKeyJwt } else { AuthenticationMethod::ClientSecretJwt };
    let client = registered(provider, Some(client), method)?;
    let token = verify(provider, &client, jwt).await.map_err(Refused::from)?;
    let (jti, end) = check(provider, &client, &token.claims, endpoint).map_err(Refused::from)?;
    if !provider.assertions.first_time(&client.id, &jti, end, provider.now()) {
        return Err(Refused::from(Unbelieved::Replayed).into());
    }
    let key = MarkKey::Jwt(client.id.clone(), jti);
    Ok((client, Mark { key, value: Digest::of(jwt.as_bytes()), expires_at: end }))
}

/// Whom the assertion is about. RFC 7523 §3: `iss` and `sub` are the client, and so is a `client_id` beside it (RFC 7521
/// §4.2).
fn read(jwt: &str, beside: Option<&ClientId>) -> Result<(ClientId, Header), Refused> {
    let unverified = Unverified::parse(jwt).map_err(Unbelieved::from)?;
    let claims = unverified.claims();
    let (iss, sub) = (claims.iss().map_err(Unbelieved::from)?, claims.sub().map_err(Unbelieved::from)?);
    match (iss, sub) {
        (Some(iss), Some(sub)) if iss == sub && beside.is_none_or(|beside| beside.as_str() == sub) => {
            Ok((ClientId::new(sub), unverified.header().clone()))
        }
        _ => Err(Refused::AnotherClient),
    }
}

async fn verify(provider: &Provider, client: &Client, jwt: &str) -> Result<Token, Unbelieved> {
    let offer = provider.offer();
    let mut allowed = offer.assertion_algorithms(client.authentication, client.profile_in(offer.policy.profile));
    if let Some(registered) = client.assertion_algorithm {
        allowed.retain(|algorithm| *algorithm == registered);
    }
    let token = match &client.secret {
        Some(ClientSecret::Sealed { sealed }) => {
            let secret = provider.keys.unseal(&secret_context(&client.id), sealed).map_err(|_| Unbelieved::NoKeys)?;
            jose::verify_mac(jwt, &secret, &allowed)?
        }
        Some(ClientSecret::Hashed(_)) | None => {
            Source::of_client(provider, client)?.verify(provider, jwt, &allowed).await?
        }
    };
    if is_assertion(&token.header) { Ok(token) } else { Err(Unbelieved::Type) }
}

/// Not a JWT that the client made for something else. Nearly all clients send the general type, or none.
fn is_assertion(header: &Header) -> bool {
    header.typ.is_none() || header.is_typ("JWT") || header.is_typ("client-authentication+jwt")
}

/// The hash of its `jti`, and until when it must be remembered.
fn check(
    provider: &Provider,
    client: &Client,
    claims: &Claims,
    endpoint: Endpoint,
) -> Result<(Digest, Timestamp), Unbelieved> {
    let ours = audiences(provider, client, endpoint);
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let rules = Rules {
        issuer: client.id.as_str(),
        subject: Some(client.id.as_str()),
        audience: Audience::OnlyOf(&ours),
        required: &["jti"],
        longest: LONGEST,
    };
    let end = claims.check(&rules, provider.now())?;
    let jti = claims.jti()?.filter(|jti| jti.chars().count() <= LONGEST_JTI);
    let jti = jti.ok_or(jose::ClaimsError::Malformed("jti"))?;
    Ok((Digest::labelled("assent-jti-assertion", &[jti.as_bytes()]), end))
}

/// CIBA §7.1: the issuer, the token endpoint or the backchannel endpoint, and as every library has it the endpoint that
/// is called (OIDC Core §9), each also as its alias for mutual TLS.
fn audiences(provider: &Provider, client: &Client, endpoint: Endpoint) -> Vec<String> {
    let issuer = provider.issuer().to_owned();
    if client.assertion_audience == AssertionAudience::Issuer {
        return vec![issuer];
    }
    let bases = std::iter::once(provider.issuer()).chain(provider.mtls_base_url());
    let called = [endpoint, Endpoint::Token, Endpoint::BackchannelAuthentication];
    let urls = bases.flat_map(|base| called.map(|endpoint| endpoint.url(base)));
    urls.chain([issuer]).collect()
}

/// A key whose owner is nobody's client: RFC 7515 appendix A.3.1.
fn nobodys_keys() -> &'static JwkSet {
    static KEYS: OnceLock<JwkSet> = OnceLock::new();
    KEYS.get_or_init(|| {
        let jwk = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        JwkSet::of(&json!({ "keys": [jwk] })).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_nobody_is_one() {
        assert_eq!(nobodys_keys().len(), 1);
    }
}
