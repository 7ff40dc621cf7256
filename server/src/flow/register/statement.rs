//! Software statements (RFC 7591 §2.3): what somebody whom the realm believes says of a piece of software, in a JWT. It wins
//! over what the client says of itself.

use serde_json::{Map, Value};
use tracing::info;

use super::by_itself::Reason;
use super::members::BadMember;
use crate::domain::policy::RegistrationSoftware;
use crate::flow::provider::Provider;
use crate::flow::public_keys::{Source, Unbelieved};
use crate::jose::{Claims, Unverified};

pub(super) const NAME: &str = "software_statement";

/// A statement is no longer than so many bytes: it is kept beside a key set in one record.
const MOST_BYTES: usize = 4 * 1024;

/// Claims of the JWT itself (RFC 7519 §4.1), which say nothing of the software.
const OF_THE_JWT: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", NAME];

/// Takes the statement out of what was sent and puts what it says in place of what the client says; the statement, as it was
/// sent. `needed`: whether the client has to have one.
pub(super) async fn applied(
    provider: &Provider,
    members: &mut Map<String, Value>,
    needed: bool,
) -> Result<Option<String>, Reason> {
    let statement = match members.remove(NAME) {
        None | Some(Value::Null)
            if needed || provider.policy().registration_software == RegistrationSoftware::Statement =>
        {
            return Err(BadMember::new(NAME, "must be there").into());
        }
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(statement)) if statement.len() <= MOST_BYTES => statement,
        Some(_) => return Err(Reason::InvalidStatement),
    };
    let said = believed(provider, &statement)
        .await
        .inspect_err(|reason| info!(%reason, "a software statement was refused"))?;
    members.extend(said.into_members().into_iter().filter(|(name, _)| !OF_THE_JWT.contains(&name.as_str())));
    Ok(Some(statement))
}

async fn believed(provider: &Provider, statement: &str) -> Result<Claims, Reason> {
    let unverified = Unverified::parse(statement).map_err(|_| Reason::InvalidStatement)?;
    let issuer = unverified.claims().iss().ok().flatten().ok_or(Reason::InvalidStatement)?;
    let known = provider.policy().software_issuers.iter().find(|known| known.issuer == issuer);
    let source = Source::of_operator(&known.ok_or(Reason::UnapprovedStatement)?.jwks_uri);
    let source = source.map_err(|_| Reason::KeysUnreachable)?;
    let offer = provider.offer();
    let token = source.verify(provider, statement, &offer.client_algorithms(offer.policy.profile)).await;
    let token = token.map_err(|why| match why {
        Unbelieved::Unreachable => Reason::KeysUnreachable,
        _ => Reason::InvalidStatement,
    })?;
    // Nothing else that the same issuer signs: RFC 7591 registers no type of its own.
    let plain = token.header.typ.is_none() || token.header.is_typ("JWT");
    if plain && holds(provider, &token.claims).unwrap_or(false) {
        Ok(token.claims)
    } else {
        Err(Reason::InvalidStatement)
    }
}

/// In its time, and for us if it is for anybody.
fn holds(provider: &Provider, claims: &Claims) -> Option<bool> {
    let now = provider.now();
    let begun = claims.nbf().ok()?.is_none_or(|begin| begin <= now);
    let lasts = claims.exp().ok()?.is_none_or(|end| now < end);
    let ours = claims.aud().ok()?.is_none_or(|audience| audience.contains(&provider.issuer()));
    Some(begun && lasts && ours)
}
