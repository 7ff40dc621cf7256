//! Software statements (RFC 7591 §2.3): what somebody whom the realm believes says of a piece of software, in a JWT. It wins
//! over what the client says of itself.

use serde_json::{Map, Value};
use tracing::info;

use super::allowed::is_settled;
use super::by_itself::Reason;
use super::members::BadMember;
use crate::domain::certificate;
use crate::domain::client::Client;
use crate::domain::policy::RegistrationSoftware;
use crate::domain::registration::Software;
use crate::flow::provider::Provider;
use crate::flow::public_keys::{Source, Unbelieved};
use crate::jose::{Claims, Unverified};

pub(super) const NAME: &str = "software_statement";

/// A statement is no longer than so many bytes: it is kept beside a key set in one record.
const MOST_BYTES: usize = 4 * 1024;

/// Claims of the JWT itself (RFC 7519 §4.1), which say nothing of the software.
const OF_THE_JWT: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", NAME];

/// Members of which only one may stand in a registration: whichever the statement says, no other one is the client's to say.
const KEYS: [&str; 2] = ["jwks", "jwks_uri"];

/// What a statement came to.
#[derive(Default)]
pub(super) struct Stated {
    /// As it was sent.
    pub(super) statement: Option<String>,
    /// Of which software it says the name.
    pub(super) software: Option<Software>,
}

/// Takes the statement out of what was sent and puts what it says in place of what the client says, but not of what an operator
/// settled. `before`: what the client is already; with a statement it stays one with a statement.
pub(super) async fn applied(
    provider: &Provider,
    members: &mut Map<String, Value>,
    before: Option<&Client>,
) -> Result<Stated, Reason> {
    let needed = before.is_some_and(|before| before.registration.as_ref().is_some_and(|own| own.statement.is_some()));
    let settled = |name: &str| before.is_some_and(|before| before.settled) && is_settled(name);
    let statement = match members.remove(NAME) {
        None | Some(Value::Null)
            if needed || provider.policy().registration_software == RegistrationSoftware::Statement =>
        {
            return Err(BadMember::new(NAME, "must be there").into());
        }
        None | Some(Value::Null) => return Ok(Stated::default()),
        Some(Value::String(statement)) if statement.len() <= MOST_BYTES => statement,
        Some(_) => return Err(Reason::InvalidStatement),
    };
    let said = believed(provider, &statement)
        .await
        .inspect_err(|reason| info!(%reason, "a software statement was refused"))?;
    let issuer = said.iss().ok().flatten().map(str::to_owned);
    let mut said = said.into_members();
    said.retain(|name, value| !OF_THE_JWT.contains(&name.as_str()) && !settled(name) && !value.is_null());
    let software = issuer.and_then(|issuer| software(issuer, &said));
    for alternatives in [&KEYS[..], &certificate::name::MEMBERS] {
        if alternatives.iter().any(|name| said.contains_key(*name)) {
            members.retain(|name, _| !alternatives.contains(&name.as_str()));
        }
    }
    members.extend(said);
    Ok(Stated { statement: Some(statement), software })
}

/// The software that a statement names, and says the name of.
fn software(issuer: String, said: &Map<String, Value>) -> Option<Software> {
    let id = said.get("software_id")?.as_str()?.to_owned();
    said.contains_key("client_name").then_some(Software { issuer, id })
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
