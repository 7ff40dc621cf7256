//! The signed authentication request (CIBA §7.1.1): a JWT, signed by the client, that holds all parameters. Nothing but
//! what authenticates the client may stand beside it, so that nobody in between can add or change anything.

use protocol::Digest;

use super::parameters::{KNOWN, Sent};
use super::{Flaw, Reason};
use crate::domain::client::Client;
use crate::domain::profile::Profile;
use crate::flow::authenticate_client::Caller;
use crate::flow::provider::Provider;
use crate::flow::public_keys::{Source, Unbelieved};
use crate::jose::{Audience, Claims, Header, Rules};
use crate::store::{Mark, MarkKey};

/// What the signed request is sent as.
pub(super) const REQUEST: &str = "request";

/// Claims that must be there beside `iss`, `aud` and `exp` (CIBA §7.1.1).
const REQUIRED: [&str; 3] = ["iat", "nbf", "jti"];

/// Seconds from `nbf` to `exp` (FAPI 1.0 Advanced §5.2.2, 13 and 14). In every profile: for so long the `jti` is kept.
const LONGEST: i64 = 3600;

/// The parameters, out of the form or out of the signed request in it; and what keeps that from being used again.
pub(super) async fn read(provider: &Provider, caller: &Caller, form: Sent) -> Result<(Sent, Option<Mark>), Reason> {
    if form.has("request_uri") {
        return Err(Flaw("request_uri", "is not supported").into());
    }
    let Some(jwt) = form.text(REQUEST)? else {
        return if must_sign(caller) {
            Err(Flaw(REQUEST, "is missing: this client signs its requests").into())
        } else {
            Ok((form, None))
        };
    };
    if let Some(stray) = KNOWN.into_iter().find(|name| form.has(name)) {
        return Err(Flaw(stray, "stands outside the signed request").into());
    }
    let (claims, used) = believe(provider, caller, jwt).await.map_err(|why| Reason::Unbelieved(REQUEST, why))?;
    Ok((Sent::in_request_object(claims.into_members(), &caller.client.id)?, Some(used)))
}

/// CIBA §4: a client that registered an algorithm signs. Under the FAPI profile every client does (`OP_ACCEPTANCE` §0.1).
fn must_sign(caller: &Caller) -> bool {
    caller.profile == Profile::FapiCiba || caller.client.request_algorithm.is_some()
}

async fn believe(provider: &Provider, caller: &Caller, jwt: &str) -> Result<(Claims, Mark), Unbelieved> {
    let client = &caller.client;
    let mut allowed = provider.offer().client_algorithms(caller.profile);
    allowed.retain(|algorithm| client.request_algorithm.is_none_or(|registered| registered == *algorithm));
    let token = Source::of_client(provider, client)?.verify(provider, jwt, &allowed).await?;
    if !is_request_object(&token.header) {
        return Err(Unbelieved::Type);
    }
    let rules = Rules {
        issuer: client.id.as_str(),
        subject: None,
        audience: Audience::Includes(provider.issuer()),
        required: &REQUIRED,
        longest: LONGEST,
    };
    let forgotten = token.claims.check(&rules, provider.now())?;
    let key = mark_key(client, token.claims.jti()?.unwrap_or_default());
    Ok((token.claims, Mark { key, value: Digest::of(jwt.as_bytes()), expires_at: forgotten }))
}

/// RFC 9101 §10.8: not a JWT that was made for something else. Many clients send the general type, or none.
fn is_request_object(header: &Header) -> bool {
    header.typ.is_none() || header.is_typ("oauth-authz-req+jwt") || header.is_typ("JWT")
}

fn mark_key(client: &Client, jti: &str) -> MarkKey {
    MarkKey::Jwt(client.id.clone(), Digest::labelled("assent-jti-request-object", &[jti.as_bytes()]))
}
