//! What happened, and all that is kept.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{found, read};
use crate::domain::secret::Secret;
use crate::flow::provider::Provider;
use crate::flow::{explain, export};
use crate::http::error;

/// `GET /audit`: the newest 1,000 events, oldest first.
pub(super) async fn audit(State(provider): State<Arc<Provider>>) -> Response {
    match provider.store().audit(provider.id(), 1_000).await {
        Ok(events) => found(json!({ "events": events })),
        Err(error) => error::unavailable(&error.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    auth_req_id: Secret,
}

/// `POST /explain` `{"auth_req_id": "…"}`: 200 with the request's story; in the body, because a URL is logged.
pub(super) async fn explain(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let request: ExplainRequest = match read(&headers, body).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match explain::explain(&provider, request.auth_req_id.reveal()).await {
        Ok(Some(explanation)) => found(json!(explanation)),
        Ok(None) => error::oauth(StatusCode::NOT_FOUND, "unknown_request", "nobody knows such a request"),
        Err(reason) => error::unavailable(&reason),
    }
}

/// `GET /admin/v1/export`: every realm, as [`export`] writes it. One that was cut off lacks its last line.
pub(super) async fn whole_export(State(provider): State<Arc<Provider>>) -> Response {
    let chunks = export::export(Arc::clone(provider.store()), provider.now(), true);
    let chunks = futures_util::stream::unfold(chunks, |mut chunks| async move { Some((chunks.recv().await?, chunks)) });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))];
    (headers, error::no_store(), Body::from_stream(chunks)).into_response()
}
