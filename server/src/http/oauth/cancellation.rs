//! A client withdraws its own request: ours, because CIBA has no way to do it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::super::error::invalid_request;
use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::flow::cancel;
use crate::flow::provider::Provider;

/// `POST /backchannel/cancel` with `auth_req_id`: 200 and an empty object, also when it was withdrawn before.
pub(in crate::http) async fn cancellation(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::BackchannelCancellation, call).await?;
        let auth_req_id = form.get("auth_req_id").ok_or_else(|| invalid_request("auth_req_id is missing"))?;
        cancel::cancel(&provider, &caller, auth_req_id).await.map_err(IntoResponse::into_response)?;
        Ok(Map::new())
    };
    rendered(answer.await)
}
