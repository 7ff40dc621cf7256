//! Token revocation (RFC 7009).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::super::error::invalid_request;
use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::flow::provider::Provider;
use crate::flow::revoke;

/// `POST /revoke`: 200 and an empty object, also for a token that nobody knows.
pub(in crate::http) async fn revocation(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::Revocation, call).await?;
        let token = form.get("token").ok_or_else(|| invalid_request("token is missing"))?;
        revoke::revoke(&provider, &caller, token).await.map_err(IntoResponse::into_response)?;
        Ok(Map::new())
    };
    rendered(answer.await)
}
