//! The relying party's two endpoints: backchannel authentication (CIBA §7) and token (CIBA §10.1, RFC 6749 §5).

#![allow(clippy::result_large_err, reason = "a refusal is the response itself, made once for each request")]

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::body;
use super::credentials::{self, Found};
use super::error::{self, invalid_request};
use super::form::Form;
use crate::domain::client::Client;
use crate::domain::user::Identifier;
use crate::flow::authenticate_client;
use crate::flow::begin::{self, Parameters};
use crate::flow::provider::Provider;
use crate::flow::redeem;

/// `grant_type` of CIBA §10.1.
pub(super) const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";

/// A scope parameter names at most this many scopes.
const MOST_SCOPES: usize = 32;

/// `POST /backchannel/authenticate`
pub(super) async fn backchannel_authenticate(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let (client, form) = authenticated(&provider, &headers, body).await?;
        let parameters = parameters(&form)?;
        let begun = begin::begin(&provider, &client, parameters).await.map_err(IntoResponse::into_response)?;
        let mut reply = Map::new();
        reply.insert("auth_req_id".into(), begun.auth_req_id.into());
        reply.insert("expires_in".into(), begun.expires_in.into());
        if let Some(interval) = begun.interval {
            reply.insert("interval".into(), interval.into());
        }
        Ok::<_, Response>(reply)
    };
    rendered(answer.await)
}

/// `POST /token`
pub(super) async fn token(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let (client, form) = authenticated(&provider, &headers, body).await?;
        match form.get("grant_type") {
            Some(CIBA_GRANT) => {}
            Some(_) => {
                let text = "only the CIBA grant is offered";
                return Err(error::oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", text));
            }
            None => return Err(invalid_request("grant_type is missing")),
        }
        let auth_req_id = form.get("auth_req_id").ok_or_else(|| invalid_request("auth_req_id is missing"))?;
        let tokens = redeem::redeem(&provider, &client, auth_req_id).await.map_err(IntoResponse::into_response)?;
        let mut reply = Map::new();
        reply.insert("access_token".into(), tokens.access_token.into());
        reply.insert("token_type".into(), "Bearer".into());
        reply.insert("expires_in".into(), tokens.expires_in.into());
        reply.insert("id_token".into(), tokens.id_token.into());
        reply.insert("scope".into(), tokens.scope.join(" ").into());
        Ok(reply)
    };
    rendered(answer.await)
}

fn rendered(answer: Result<Map<String, Value>, Response>) -> Response {
    match answer {
        Ok(reply) => (error::no_store(), Json(json!(reply))).into_response(),
        Err(response) => response,
    }
}

/// The form, and the client who sent it. The client is judged before any parameter (CIBA §13).
async fn authenticated(provider: &Provider, headers: &HeaderMap, body: Body) -> Result<(Client, Form), Response> {
    let body = body::read(headers, body, "application/x-www-form-urlencoded").await;
    let body = body.map_err(IntoResponse::into_response)?;
    let form = Form::parse(&body).map_err(|_| invalid_request("the form is malformed or names a parameter twice"))?;
    let credentials = match credentials::find(headers, &form) {
        Found::One(credentials) => Some(credentials),
        Found::None => None,
        Found::Contradiction => return Err(invalid_request("the client authenticates in two ways")),
    };
    let client = authenticate_client::authenticate(provider, credentials).await;
    Ok((client.map_err(IntoResponse::into_response)?, form))
}

/// CIBA §7.1, what is not judged by the flow itself.
fn parameters(form: &Form) -> Result<Parameters, Response> {
    for unsupported in ["request", "request_uri"] {
        if form.has(unsupported) {
            return Err(invalid_request("signed requests are not supported"));
        }
    }
    let hints = ["login_hint", "login_hint_token", "id_token_hint"];
    let hint = match hints.into_iter().filter(|hint| form.get(hint).is_some()).collect::<Vec<_>>()[..] {
        ["login_hint"] => form.get("login_hint").unwrap_or_default(),
        [_] => return Err(invalid_request("only login_hint is supported")),
        // CIBA §7.1: exactly one hint.
        _ => return Err(invalid_request("exactly one hint is needed")),
    };
    let scope: Vec<String> =
        form.get("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    if scope.is_empty() {
        return Err(invalid_request("scope is missing"));
    }
    if scope.len() > MOST_SCOPES {
        return Err(invalid_request("too many scopes"));
    }
    let scope = without_repetitions(scope);
    Ok(Parameters {
        scope,
        login_hint: Identifier::of(hint),
        binding_message: form.get("binding_message").map(str::to_owned),
        requested_expiry: form.get("requested_expiry").map(requested_expiry).transpose()?,
    })
}

/// A scope named twice asks for no more (RFC 6749 §3.3).
fn without_repetitions(scope: Vec<String>) -> Vec<String> {
    scope.into_iter().fold(Vec::new(), |mut once, scope| {
        if !once.contains(&scope) {
            once.push(scope);
        }
        once
    })
}

/// A positive integer; what is beyond 32 bits is capped, as everything is, to the realm's maximum.
fn requested_expiry(text: &str) -> Result<u32, Response> {
    let is_number = !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = if is_number { text.parse::<u32>().unwrap_or(u32::MAX) } else { 0 };
    if seconds == 0 { Err(invalid_request("requested_expiry must be a positive integer")) } else { Ok(seconds) }
}
