//! Who the user is, for the holder of an access token (OIDC Core §5.3). The one resource that this server protects. Signed,
//! encrypted or both for clients that registered so (§5.3.2).

use serde_json::{Map, Value};

use super::Unavailable;
use super::dpop::{self, Presented, Unshown};
use super::encrypt::{Content, encrypt, recipient};
use super::provider::Provider;
use super::{standing, subjects};
use crate::domain::client::Client;
use crate::domain::grant::Grant;
use crate::domain::names::Subject;
use crate::domain::user::User;

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Not an access token that is valid here and now.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The token is bound to what was not shown (RFC 8705 §3, RFC 9449 §7).
    #[error(transparent)]
    Unshown(#[from] Unshown),
    /// The user did not agree to `openid`.
    #[error("the access token is not for openid")]
    InsufficientScope,
    /// Nothing was decided.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the user agreed to have told of them, as the client wants it.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// In JSON.
    Claims(Map<String, Value>),
    /// In a JWT: signed, encrypted, or the one within the other.
    Jwt(String),
}

/// Judges an access token and what came with it.
pub async fn userinfo(provider: &Provider, presented: &Presented<'_>) -> Result<Told, Reason> {
    let found = standing::grant_to(provider, presented.token, provider.now()).await?;
    let (grant, client) = found.ok_or(Reason::InvalidToken)?;
    let algorithms = provider.offer().client_algorithms(client.profile_in(provider.policy().profile));
    let proof = presented.shows(provider, grant.binding(), &grant.client, &algorithms)?;
    // RFC 8707 §2: a token for others' resources is of no use here.
    if !grant.audience.is_empty() && !is_for_us(provider, &grant) {
        return Err(Reason::InvalidToken);
    }
    if !grant.scope.iter().any(|scope| scope == "openid") {
        return Err(Reason::InsufficientScope);
    }
    let user = provider.store.user(provider.id(), &grant.subject).await.map_err(Unavailable::from)?;
    let user = user.ok_or(Reason::InvalidToken)?.record;
    let sub = subjects::told(provider, &client, &user.subject).map_err(Unavailable::from)?;
    let told = dressed(provider, &client, claims(&sub, &user, &grant.scope)).await?;
    dpop::use_up::<Reason>(provider, proof).await?;
    Ok(told)
}

/// OIDC Core §5.4: which scope asks for which claims.
fn claims(sub: &Subject, user: &User, scope: &[String]) -> Map<String, Value> {
    let optional = [
        ("profile", "preferred_username", Some(&user.username)),
        ("email", "email", user.email.as_ref()),
        ("phone", "phone_number", user.phone.as_ref()),
    ];
    let mut claims = Map::from_iter([("sub".to_owned(), sub.as_str().into())]);
    for (wanted, claim, value) in optional {
        if let Some(value) = value.filter(|_| scope.iter().any(|scope| scope == wanted)) {
            claims.insert(claim.to_owned(), value.as_str().into());
        }
    }
    claims
}

/// OIDC Core §5.3.2: signed with `iss` and `aud`, then encrypted.
async fn dressed(provider: &Provider, client: &Client, mut claims: Map<String, Value>) -> Result<Told, Unavailable> {
    let recipient = recipient(provider, client, client.userinfo_encryption).await?;
    let signed = match client.userinfo_algorithm {
        Some(algorithm) => {
            claims.insert("iss".to_owned(), provider.issuer().into());
            claims.insert("aud".to_owned(), client.id.as_str().into());
            Some(provider.keys.sign_jwt(algorithm, "JWT", &claims)?)
        }
        None => None,
    };
    let told = match (signed, recipient) {
        (None, None) => return Ok(Told::Claims(claims)),
        (Some(signed), None) => signed,
        (Some(signed), Some(to)) => encrypt(provider, &to, Content::Jwt(&signed))?,
        (None, Some(to)) => encrypt(provider, &to, Content::Claims(&Value::from(claims).to_string()))?,
    };
    Ok(Told::Jwt(told))
}

fn is_for_us(provider: &Provider, grant: &Grant) -> bool {
    grant.audience.iter().any(|audience| audience == provider.issuer() || audience == provider.default_audience())
}
