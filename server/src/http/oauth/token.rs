//! The token endpoint (CIBA §10.1, RFC 6749 §5).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::error::{self, invalid_request};
use super::{CIBA_GRANT, authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::flow::provider::Provider;
use crate::flow::redeem;

/// `POST /token`
pub(in crate::http) async fn token(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::Token, call).await?;
        match form.get("grant_type") {
            Some(CIBA_GRANT) => {}
            Some(_) => {
                let text = "only the CIBA grant is offered";
                return Err(error::oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", text));
            }
            None => return Err(invalid_request("grant_type is missing")),
        }
        let auth_req_id = form.get("auth_req_id").ok_or_else(|| invalid_request("auth_req_id is missing"))?;
        let tokens = redeem::redeem(&provider, &caller, auth_req_id).await.map_err(IntoResponse::into_response)?;
        Ok(tokens.members())
    };
    rendered(answer.await)
}
