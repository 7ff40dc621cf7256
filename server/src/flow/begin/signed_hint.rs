//! Hints that somebody vouches for by a signature: `login_hint_token` and `id_token_hint` (CIBA §7.1).
//!
//! A `login_hint_token` is a JWT signed by the client itself (`iss` is its `client_id`) or by one of the realm's
//! `hint_issuers`. Its `aud` includes our issuer, it has an `exp`, and says who in one of these claims, the first that it
//! has: `sub_id` (RFC 9493), `sub`, `email`, `phone_number`, `preferred_username`. `sub` is one of our subjects, or in the client's own
//! word the one by which it knows the user.
//!
//! An `id_token_hint` is an ID token of ours for this client. It shows that the client knew the user once, so it may have
//! expired, for as long as the realm says.

use serde_json::Value;

use super::{Flaw, Reason};
use crate::domain::hint::Designation;
use crate::domain::names::Subject;
use crate::domain::policy::LoginHint;
use crate::domain::user::Identifier;
use crate::flow::authenticate_client::Caller;
use crate::flow::provider::Provider;
use crate::flow::public_keys::{Source, Unbelieved, is_encrypted};
use crate::flow::subjects;
use crate::jose::{Audience, Claims, ClaimsError, Header, Rules, Unverified};

const LOGIN_HINT_TOKEN: &str = "login_hint_token";
const ID_TOKEN_HINT: &str = "id_token_hint";

/// Whom a `login_hint_token` means.
pub(super) async fn of_login_hint_token(
    provider: &Provider,
    caller: &Caller,
    jwt: &str,
) -> Result<Designation, Reason> {
    match believe_login_hint_token(provider, caller, jwt).await {
        Ok(claims) => {
            let said = designation(&claims, provider.issuer())?;
            // What others sign is of the subjects that they know from us.
            let own = claims.iss().is_ok_and(|issuer| issuer == Some(caller.client.id.as_str()));
            Ok(if own { said.by(|sub| subjects::meant(provider, &caller.client, sub)) } else { said })
        }
        // CIBA §13: the one thing that has a code of its own.
        Err(Unbelieved::Claims(ClaimsError::Expired)) => Err(Reason::ExpiredLoginHintToken),
        Err(why) => Err(Reason::Unbelieved(LOGIN_HINT_TOKEN, why)),
    }
}

/// Whom an `id_token_hint` means.
pub(super) fn of_id_token_hint(provider: &Provider, caller: &Caller, jwt: &str) -> Result<Designation, Reason> {
    let believed = believe_id_token_hint(provider, caller, jwt);
    believed.map(Designation::Subject).map_err(|why| Reason::Unbelieved(ID_TOKEN_HINT, why))
}

/// Who stands in an `id_token_hint`.
pub(in crate::flow) fn believe_id_token_hint(
    provider: &Provider,
    caller: &Caller,
    jwt: &str,
) -> Result<Subject, Unbelieved> {
    // Its client decrypts it first: nobody else can (OIDC Core §3.1.2.1).
    if is_encrypted(jwt) {
        return Err(Unbelieved::Encrypted);
    }
    let token = provider.keys.verify_own_jwt(jwt)?;
    // The same keys sign access tokens (RFC 9068), which say so in their type.
    if !is_plain(&token.header) {
        return Err(Unbelieved::Type);
    }
    let claims = token.claims;
    if claims.iss()? != Some(provider.issuer()) {
        return Err(ClaimsError::Issuer.into());
    }
    if !claims.aud()?.ok_or(ClaimsError::Missing("aud"))?.contains(&caller.client.id.as_str()) {
        return Err(ClaimsError::Audience.into());
    }
    let exp = claims.exp()?.ok_or(ClaimsError::Missing("exp"))?;
    if provider.now() >= exp.plus_seconds(provider.policy().id_token_hint_age.into()) {
        return Err(ClaimsError::Expired.into());
    }
    let sub = claims.sub()?.ok_or(ClaimsError::Missing("sub"))?;
    // Of another sector, or from before the client was pairwise.
    subjects::meant(provider, &caller.client, sub).ok_or(Unbelieved::Claims(ClaimsError::Subject))
}

async fn believe_login_hint_token(provider: &Provider, caller: &Caller, jwt: &str) -> Result<Claims, Unbelieved> {
    let unverified = Unverified::parse(jwt)?;
    let issuer = unverified.claims().iss()?.ok_or(ClaimsError::Missing("iss"))?;
    let source = source(provider, caller, issuer)?;
    let token = source.verify(provider, jwt, &provider.offer().client_algorithms(caller.profile)).await?;
    if !is_plain(&token.header) {
        return Err(Unbelieved::Type);
    }
    let audience = Audience::Includes(provider.issuer());
    // However long it lives: a hint proves nothing but who is meant.
    let rules = Rules { issuer, subject: None, audience, required: &[], longest: i64::MAX };
    token.claims.check(&rules, provider.now())?;
    Ok(token.claims)
}

/// Whose keys count: the client's own, or those of somebody whom the realm believes.
fn source(provider: &Provider, caller: &Caller, issuer: &str) -> Result<Source, Unbelieved> {
    if issuer == caller.client.id.as_str() {
        return Source::of_client(provider, &caller.client);
    }
    let known = provider.policy().hint_issuers.iter().find(|known| known.issuer == issuer);
    Source::of_operator(&known.ok_or(Unbelieved::Issuer)?.jwks_uri)
}

fn is_plain(header: &Header) -> bool {
    header.typ.is_none() || header.is_typ("JWT")
}

fn designation(claims: &Claims, issuer: &str) -> Result<Designation, Flaw> {
    let members = claims.members();
    if let Some(identifier) = members.get("sub_id") {
        let object = identifier.as_object().ok_or(Flaw(LOGIN_HINT_TOKEN, "has a sub_id that is no object"))?;
        let read = Designation::of_subject_identifier(object, issuer);
        return read.map_err(|unreadable| Flaw(LOGIN_HINT_TOKEN, unreadable.0));
    }
    let ways = [
        ("sub", LoginHint::Sub),
        ("email", LoginHint::Email),
        ("phone_number", LoginHint::Phone),
        ("preferred_username", LoginHint::Username),
    ];
    let (claim, way) = ways
        .into_iter()
        .find_map(|(name, way)| Some((members.get(name)?, way)))
        .ok_or(Flaw(LOGIN_HINT_TOKEN, "says of nobody that they are meant"))?;
    match (claim, way) {
        (Value::String(name), _) if name.is_empty() || name.contains('\0') => {
            Err(Flaw(LOGIN_HINT_TOKEN, "names somebody by an empty or impossible text"))
        }
        (Value::String(subject), LoginHint::Sub) => Ok(Designation::Subject(Subject::new(subject))),
        (Value::String(name), way) => Ok(Designation::Called(way, Identifier::of(name))),
        _ => Err(Flaw(LOGIN_HINT_TOKEN, "names somebody by something that is no text")),
    }
}
