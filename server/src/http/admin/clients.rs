//! Relying parties, in the terms of dynamic registration (RFC 7591).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::Digest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{created, found, read};
use crate::domain::client::Client;
use crate::domain::names::ClientId;
use crate::flow::provider::Provider;
use crate::flow::register::{self, Looks, Registered, written};
use crate::http::registration;
use crate::http::segment::Segment;

/// `POST /clients`: 201 with the metadata as registered and, this once, the secret.
pub(super) async fn create(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let members = match read(&headers, body).await {
        Ok(members) => members,
        Err(refusal) => return refusal,
    };
    match register::create(&provider, members).await {
        Ok(registered) => created(told(&registered)),
        Err(reason) => reason.into_response(),
    }
}

/// `GET /clients`: without secrets.
pub(super) async fn list(State(provider): State<Arc<Provider>>) -> Response {
    match register::clients(&provider).await {
        Ok(clients) => found(json!({ "clients": clients.iter().map(shown).collect::<Vec<_>>() })),
        Err(reason) => reason.into_response(),
    }
}

/// `GET /clients/{id}`: without its secret.
pub(super) async fn one(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    match register::client(&provider, &ClientId::new(id)).await {
        Ok(client) => found(shown(&client).into()),
        Err(reason) => reason.into_response(),
    }
}

/// `PUT /clients/{id}`: all of its metadata anew; what is left out gets its default. 200 with the secret if that is new.
pub(super) async fn replace(
    State(provider): State<Arc<Provider>>,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let members = match read(&headers, body).await {
        Ok(members) => members,
        Err(refusal) => return refusal,
    };
    match register::replace(&provider, &ClientId::new(id), &members).await {
        Ok(registered) => found(told(&registered)),
        Err(reason) => reason.into_response(),
    }
}

/// `DELETE /clients/{id}`: 204.
pub(super) async fn remove(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    match register::remove(&provider, &ClientId::new(id)).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => reason.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    client_name: String,
    logo_sha256: Option<Digest>,
}

/// `POST /clients/{id}/verify` `{"client_name": …, "logo_sha256": …}`: 200 with the metadata; an operator knows whose name and
/// logo these are, and phones say no more that nobody does. 409 where the client has others by now.
pub(super) async fn verify(
    State(provider): State<Arc<Provider>>,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Seen { client_name, logo_sha256 } = match read(&headers, body).await {
        Ok(seen) => seen,
        Err(refusal) => return refusal,
    };
    let looks = Looks { name: client_name, logo: logo_sha256 };
    match register::verify(&provider, &ClientId::new(id), &looks).await {
        Ok(client) => found(shown(&client).into()),
        Err(reason) => reason.into_response(),
    }
}

/// `POST /clients/{id}/secret`: 200 with the metadata and, this once, the new secret.
pub(super) async fn renew_secret(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    match register::renew_secret(&provider, &ClientId::new(id)).await {
        Ok(registered) => found(told(&registered)),
        Err(reason) => reason.into_response(),
    }
}

/// `POST /clients/{id}/registration-token`: 200 with where a client that registered itself manages that and, this once, the new
/// token for it.
pub(super) async fn renew_registration_token(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let id = ClientId::new(id);
    match register::renew_registration_token(&provider, &id).await {
        Ok(token) => found(json!({
            "registration_client_uri": registration::uri(&provider, &id),
            "registration_access_token": token.reveal(),
        })),
        Err(reason) => reason.into_response(),
    }
}

/// Its metadata, and by which hash its logo is had: `/clients/{id}/logo/{logo_sha256}`.
fn shown(client: &Client) -> Map<String, Value> {
    let mut members = written(client);
    members.extend(client.logo.map(|logo| ("logo_sha256".to_owned(), json!(logo))));
    members
}

fn told(registered: &Registered) -> Value {
    let mut members = shown(&registered.client);
    if let Some(secret) = &registered.secret {
        members.insert("client_secret".to_owned(), secret.reveal().into());
        // RFC 7591 §3.2.1: it does not expire.
        members.insert("client_secret_expires_at".to_owned(), 0.into());
    }
    members.into()
}
