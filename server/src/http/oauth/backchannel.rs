//! The backchannel authentication request (CIBA §7.1) and its acknowledgement (§7.3).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::super::error::invalid_request;
use super::super::form::Form;
use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::domain::user::Identifier;
use crate::flow::begin::{self, Parameters};
use crate::flow::provider::Provider;

/// A scope parameter names at most this many scopes.
const MOST_SCOPES: usize = 32;

/// `POST /backchannel/authenticate`
pub(in crate::http) async fn backchannel_authenticate(
    State(provider): State<Arc<Provider>>,
    call: Request,
) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::BackchannelAuthentication, call).await?;
        let parameters = parameters(&form)?;
        let begun = begin::begin(&provider, &caller, parameters).await.map_err(IntoResponse::into_response)?;
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
