//! Token introspection (RFC 7662).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::error::{self, invalid_request};
use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::domain::grant::Grant;
use crate::domain::refresh::RefreshFamily;
use crate::domain::time::Timestamp;
use crate::flow::introspect::{self, Introspected};
use crate::flow::provider::Provider;

/// `POST /introspect`
pub(in crate::http) async fn introspection(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::Introspection, call).await?;
        let token = form.get("token").ok_or_else(|| invalid_request("token is missing"))?;
        let found = introspect::introspect(&provider, &caller, token).await;
        Ok(members(provider.issuer(), found.map_err(|reason| error::unavailable(&reason))?))
    };
    rendered(answer.await)
}

/// RFC 7662 §2.2; `cnf`: RFC 8705 §3.2, RFC 9449 §6.2; `acr`, `auth_time`: RFC 9470 §6.2.
fn members(issuer: &str, found: Option<Introspected>) -> Map<String, Value> {
    let members = match found {
        None => json!({ "active": false }),
        Some(Introspected::AccessToken(grant)) => access_token(issuer, &grant),
        Some(Introspected::RefreshToken(family)) => refresh_token(issuer, &family),
    };
    // What older records do not hold is not mentioned.
    members
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn access_token(issuer: &str, grant: &Grant) -> Value {
    json!({
        "active": true,
        "scope": grant.scope.join(" "),
        "client_id": grant.client,
        "token_type": grant.binding().token_type(),
        "exp": grant.expires_at.unix_seconds(),
        "iat": grant.issued_at.map(Timestamp::unix_seconds),
        "sub": grant.subject,
        "aud": grant.audience,
        "authorization_details": details(&grant.details),
        "iss": issuer,
        "acr": grant.acr,
        "auth_time": grant.auth_time.map(Timestamp::unix_seconds),
        "cnf": grant.binding().confirmation(),
    })
}

/// Without `token_type`: it is of no use at a resource.
fn refresh_token(issuer: &str, family: &RefreshFamily) -> Value {
    json!({
        "active": true,
        "scope": family.scope.join(" "),
        "client_id": family.client,
        "aud": Some(&family.resources).filter(|resources| !resources.is_empty()),
        "authorization_details": details(&family.details),
        "exp": family.expires_at.unix_seconds(),
        "iat": family.issued_at.unix_seconds(),
        "sub": family.subject,
        "iss": issuer,
        "acr": family.acr,
        "auth_time": family.auth_time.unix_seconds(),
        "cnf": family.binding().confirmation(),
    })
}

/// RFC 9396 §9.2; not mentioned where there are none.
fn details(granted: &[Value]) -> Value {
    if granted.is_empty() { Value::Null } else { granted.into() }
}
