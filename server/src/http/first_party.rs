//! Where a user's own app or web page enrols phones, by an access token of the login where the user signed in
//! (docs/operators.md "Tickets for your own app").

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use protocol::json;
use serde::Deserialize;

use super::body::{self, BodyError};
use super::error::{self, invalid_request};
use super::presented::presented;
use super::segment::Segment;
use super::{MAX_BODY_BYTES, only, proven, tickets};
use crate::domain::names::TicketKey;
use crate::flow::first_party::{self, Caller, Reason};
use crate::flow::provider::Provider;

const TICKETS: &str = "/enrol/tickets";

/// The routes, whether or not the realm believes anybody: who it does not believe is told so.
pub(super) fn routes(provider: &Arc<Provider>) -> Router<Arc<Provider>> {
    Router::new()
        .route(TICKETS, only(proven(provider, post(create))))
        .route("/enrol/tickets/{id}", only(proven(provider, get(shown))))
        .route("/enrol/tickets/{id}/digits", only(proven(provider, post(digits))))
}

/// `POST /enrol/tickets`: see [`tickets::made`].
async fn create(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let (parts, _) = call.into_parts();
    let made = match admit(&provider, &parts).await {
        Ok(caller) => first_party::create_ticket(&provider, caller).await.map_err(refused),
        Err(refusal) => Err(refusal),
    };
    let base = format!("{}{TICKETS}", provider.issuer());
    made.map_or_else(|refusal| *refusal, |ticket| tickets::made(&ticket, &base, &parts.headers))
}

/// `GET /enrol/tickets/{id}`: see [`tickets::shown`].
async fn shown(State(provider): State<Arc<Provider>>, Segment(id): Segment, call: Request) -> Response {
    let (parts, _) = call.into_parts();
    let found = match admit(&provider, &parts).await {
        Ok(caller) => first_party::ticket(&provider, &caller, &key(&id)).await.map_err(refused),
        Err(refusal) => Err(refusal),
    };
    found.map_or_else(|refusal| *refusal, |found| tickets::shown(&found))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    digits: String,
}

/// `POST /enrol/tickets/{id}/digits` `{"digits": "123456"}`: see [`tickets::typed`].
async fn digits(State(provider): State<Arc<Provider>>, Segment(id): Segment, call: Request) -> Response {
    let (parts, body) = call.into_parts();
    let caller = match admit(&provider, &parts).await {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let digits = match read(&parts.headers, body).await {
        Ok(Digits { digits }) => digits,
        Err(refusal) => return *refusal,
    };
    match first_party::type_digits(&provider, &caller, &key(&id), &digits).await {
        Ok(confirmed) => tickets::typed(Ok(confirmed)),
        Err(Reason::Confirm(reason)) => tickets::typed(Err(reason)),
        Err(reason) => *refused(reason),
    }
}

/// What is no key is the key of no ticket.
fn key(id: &str) -> TicketKey {
    id.parse().unwrap_or_else(|_| TicketKey::of(""))
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Digits, Box<Response>> {
    let body = body::read(headers, body, "application/json").await.map_err(|error| match error {
        BodyError::WrongType => Box::new(invalid_request("the body must be application/json")),
        other => Box::new(other.into_response()),
    })?;
    json::from_slice_within(&body, MAX_BODY_BYTES)
        .map_err(|_| Box::new(invalid_request("the body is not the JSON wanted here")))
}

async fn admit(provider: &Provider, parts: &Parts) -> Result<Caller, Box<Response>> {
    let presented = presented(parts)?.ok_or_else(|| Box::new(no_token()))?;
    first_party::admit(provider, &presented).await.map_err(refused)
}

fn no_token() -> Response {
    error::without_token("DPoP realm=\"assent\", algs=\"ES256\"")
}

#[expect(clippy::unnecessary_box_returns, reason = "it is the error of results, and large")]
fn refused(reason: Reason) -> Box<Response> {
    Box::new(reason.into_response())
}
