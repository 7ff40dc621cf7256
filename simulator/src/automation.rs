//! `POST /automation/decide?auth_req_id=…&action=allow|deny`: lets the virtual phone answer a request by the real device
//! protocol, for test suites that have no thumb. On a listener of its own: the provider has no such route.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::SocketAddr;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use device_core::{DenyReason, DeviceError, Outcome};
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::phone::Phone;

/// Its path.
pub const PATH: &str = "/automation/decide";

/// Serves it; where.
pub async fn serve(phone: Phone, address: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let service = axum::serve(listener, router(phone)).with_graceful_shutdown(pending());
    tokio::spawn(service.into_future());
    Ok(address)
}

/// How scripts call it: by the provider's own host where it listens on every address.
#[must_use]
pub fn url(address: SocketAddr, issuer: &str) -> String {
    let host = Url::parse(issuer).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    match host.filter(|_| address.ip().is_unspecified()) {
        Some(host) => format!("http://{host}:{}{PATH}", address.port()),
        None => format!("http://{address}{PATH}"),
    }
}

/// The route.
pub fn router(phone: Phone) -> Router {
    Router::new().route(PATH, post(decide).fallback(not_post)).fallback(not_found).with_state(phone)
}

async fn decide(State(phone): State<Phone>, Query(parameters): Query<HashMap<String, String>>) -> Response {
    let parameter = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(auth_req_id) = parameter("auth_req_id") else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", "auth_req_id is missing");
    };
    let allow = match parameter("action") {
        Some("allow") => true,
        Some("deny") => false,
        _ => return refusal(StatusCode::BAD_REQUEST, "invalid_request", "action must be allow or deny"),
    };
    match answer(&phone, auth_req_id, allow).await {
        Ok(Some(outcome)) => Json(json!({ "outcome": word(outcome) })).into_response(),
        Ok(None) => refusal(
            StatusCode::NOT_FOUND,
            "unknown_auth_req_id",
            "no request of this id awaits an answer of this phone",
        ),
        Err(error @ (DeviceError::AlreadyAnswered | DeviceError::Withdrawn | DeviceError::Expired)) => {
            refusal(StatusCode::CONFLICT, error.code(), &error.to_string())
        }
        Err(error) => refusal(StatusCode::BAD_GATEWAY, error.code(), &error.to_string()),
    }
}

async fn answer(phone: &Phone, auth_req_id: &str, allow: bool) -> Result<Option<Outcome>, DeviceError> {
    let Some(request) = phone.prompt_of(auth_req_id).await? else { return Ok(None) };
    let outcome = if allow { phone.approve(&request).await } else { phone.deny(&request, DenyReason::Cancelled).await };
    outcome.map(Some)
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved",
        Outcome::Denied => "denied",
        Outcome::Disputed => "disputed",
    }
}

async fn not_post() -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "only POST is used here")
}

async fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "invalid_request", "there is nothing here but POST /automation/decide")
}

fn refusal(status: StatusCode, code: &str, description: &str) -> Response {
    (status, Json(json!({ "error": code, "error_description": description }))).into_response()
}
