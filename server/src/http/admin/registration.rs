//! Tokens by which clients register themselves (RFC 7591 §3).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{created, found, read};
use crate::domain::names::RegistrationKey;
use crate::domain::registration::RegistrationToken;
use crate::flow::provider::Provider;
use crate::flow::register::tokens::{self, LIFETIMES, MOST_USES};
use crate::http::error;
use crate::http::segment::Segment;

/// One client within a day.
const fn once() -> u32 {
    1
}

const fn a_day() -> u32 {
    86_400
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default = "once")]
    uses: u32,
    #[serde(default = "a_day")]
    lifetime: u32,
}

/// `POST /registration-tokens` `{"uses": 1, "lifetime": 86400}`: 201 with the token, this once, and the id it is ended by.
pub(super) async fn create(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let Wanted { uses, lifetime } = match read(&headers, body).await {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal,
    };
    if !(1..=MOST_USES).contains(&uses) {
        return error::invalid_request("uses: 1 to 10000");
    }
    if !LIFETIMES.contains(&lifetime) {
        return error::invalid_request("lifetime: 60 to 31536000 seconds");
    }
    match tokens::create(&provider, uses, lifetime).await {
        Ok((secret, token)) => {
            let mut told = shown(&token);
            told["token"] = secret.reveal().into();
            created(told)
        }
        Err(reason) => error::unavailable(&reason),
    }
}

/// `GET /registration-tokens`: those that are good for anything, without their texts.
pub(super) async fn list(State(provider): State<Arc<Provider>>) -> Response {
    match tokens::all(&provider).await {
        Ok(tokens) => found(json!({ "registration_tokens": tokens.iter().map(shown).collect::<Vec<_>>() })),
        Err(reason) => error::unavailable(&reason),
    }
}

/// `DELETE /registration-tokens/{id}`: 204.
pub(super) async fn revoke(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_token", "there is no such registration token");
    let Ok(key) = id.parse::<RegistrationKey>() else { return unknown() };
    match tokens::revoke(&provider, &key).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => unknown(),
        Err(reason) => error::unavailable(&reason),
    }
}

fn shown(token: &RegistrationToken) -> Value {
    json!({
        "id": token.key,
        "uses_left": token.uses_left,
        "created_at": token.created_at.unix_seconds(),
        "expires_at": token.expires_at.unix_seconds(),
    })
}
