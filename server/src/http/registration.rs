//! Where clients register themselves (RFC 7591) and manage that (RFC 7592), and where phones get their logos.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use protocol::Digest;
use serde_json::{Map, Value};

use super::body::{self, BodyError};
use super::presented::presented;
use super::segment::Segment;
use super::{MAX_BODY_BYTES, error, nothing_here, only};
use crate::domain::endpoint::Endpoint;
use crate::domain::names::ClientId;
use crate::domain::secret::Secret;
use crate::flow::dpop::Scheme;
use crate::flow::provider::Provider;
use crate::flow::register::by_itself::{self, Itself};
use crate::flow::register::{self, BadMember, written};

/// A picture is as long there as its hash says: for a year and ever.
const LOGO_MAX_AGE: &str = "public, max-age=31536000, immutable";

/// What stands beside the registration endpoint itself. Clients that registered while the realm was open go on managing
/// themselves once it is closed.
pub(super) fn routes() -> Router<Arc<Provider>> {
    Router::new()
        .route("/register/{id}", only(get(read).put(replace).delete(remove)))
        .route("/clients/{id}/logo/{sha256}", only(get(logo)))
}

/// `POST /register`: 201 with the metadata as registered, and all that is told this once.
pub(super) async fn register(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (parts, body) = call.into_parts();
        let token = bearer(&parts)?;
        let members = sent(&parts.headers, body).await?;
        let itself = by_itself::register(&provider, token.as_ref(), members).await.map_err(refused)?;
        // REQUIREMENTS Q39
        let status = if provider.policy().registration_status_200 { StatusCode::OK } else { StatusCode::CREATED };
        Ok(told(&provider, status, &itself))
    };
    rendered(answer.await)
}

/// `GET /register/{id}`: 200 with the client's own metadata.
async fn read(State(provider): State<Arc<Provider>>, Segment(id): Segment, call: Request) -> Response {
    let (parts, _) = call.into_parts();
    let answer = async {
        let itself = by_itself::read(&provider, &ClientId::new(id), token(&parts)?).await.map_err(refused)?;
        Ok(told(&provider, StatusCode::OK, &itself))
    };
    rendered(answer.await)
}

/// `PUT /register/{id}`: 200 with the client's own metadata, all of it new.
async fn replace(State(provider): State<Arc<Provider>>, Segment(id): Segment, call: Request) -> Response {
    let answer = async {
        let (parts, body) = call.into_parts();
        let token = token(&parts)?;
        let members = sent(&parts.headers, body).await?;
        let itself = by_itself::replace(&provider, &ClientId::new(id), token, members).await.map_err(refused)?;
        Ok(told(&provider, StatusCode::OK, &itself))
    };
    rendered(answer.await)
}

/// `DELETE /register/{id}`: 204.
async fn remove(State(provider): State<Arc<Provider>>, Segment(id): Segment, call: Request) -> Response {
    let (parts, _) = call.into_parts();
    let answer = async {
        by_itself::remove(&provider, &ClientId::new(id), &token(&parts)?).await.map_err(refused)?;
        Ok((StatusCode::NO_CONTENT, error::no_store()).into_response())
    };
    rendered(answer.await)
}

/// `GET /clients/{id}/logo/{sha256}`: the PNG whose hash a prompt names.
async fn logo(State(provider): State<Arc<Provider>>, path: Result<Path<(String, String)>, PathRejection>) -> Response {
    let named = path.ok().and_then(|Path((id, hash))| Some((ClientId::new(id), hash.parse::<Digest>().ok()?)));
    let Some((id, hash)) = named else { return nothing_here() };
    match register::logo(&provider, &id, &hash).await {
        Ok(Some(png)) => picture(png),
        Ok(None) => nothing_here(),
        Err(reason) => error::unavailable(&reason),
    }
}

/// A stranger made it: nobody may take it for anything but a picture.
fn picture(png: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::CACHE_CONTROL, HeaderValue::from_static(LOGO_MAX_AGE)),
    ];
    (headers, png).into_response()
}

fn token(call: &Parts) -> Result<Secret, Box<Response>> {
    bearer(call)?.ok_or_else(|| Box::new(error::without_token("Bearer realm=\"assent\"")))
}

fn bearer(call: &Parts) -> Result<Option<Secret>, Box<Response>> {
    let bearing = presented(call)?.filter(|presented| matches!(presented.scheme, Scheme::Bearer));
    Ok(bearing.map(|presented| Secret::new(presented.token.to_owned())))
}

async fn sent(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Box<Response>> {
    let body = body::read(headers, body, "application/json").await.map_err(|error| match error {
        BodyError::WrongType => Box::new(error::invalid_request("the body must be application/json")),
        other => Box::new(other.into_response()),
    })?;
    by_itself::document(&body, MAX_BODY_BYTES).map_err(|bad: BadMember| refused(bad.into()))
}

/// `registration_client_uri` (RFC 7592 §3)
pub(super) fn uri(provider: &Provider, client: &ClientId) -> String {
    format!("{}/{client}", Endpoint::Registration.url(provider.issuer()))
}

/// RFC 7591 §3.2.1, RFC 7592 §3.
fn told(provider: &Provider, status: StatusCode, itself: &Itself) -> Response {
    let client = &itself.registered.client;
    let mut members = written(client);
    if let Some(secret) = &itself.registered.secret {
        members.insert("client_secret".to_owned(), secret.reveal().into());
    }
    // Required where a secret was issued, and told with it.
    if client.secret.is_some() {
        members.insert("client_secret_expires_at".to_owned(), 0.into());
    }
    let own = client.registration.as_ref();
    let issued_at = own.map(|own| own.issued_at.unix_seconds());
    members.insert("client_id_issued_at".to_owned(), issued_at.into());
    let statement = own.and_then(|own| own.statement.as_ref());
    members.extend(statement.map(|statement| ("software_statement".to_owned(), statement.as_str().into())));
    members.insert("registration_client_uri".to_owned(), uri(provider, &client.id).into());
    members.insert("registration_access_token".to_owned(), itself.token.reveal().into());
    (status, error::no_store(), Json(members)).into_response()
}

fn rendered(answer: Result<Response, Box<Response>>) -> Response {
    answer.unwrap_or_else(|refusal| *refusal)
}

#[expect(clippy::unnecessary_box_returns, reason = "it is the error of results, and large")]
fn refused(reason: by_itself::Reason) -> Box<Response> {
    Box::new(reason.into_response())
}
