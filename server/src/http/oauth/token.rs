//! The token endpoint (CIBA §10.1, RFC 6749 §5 and §6, RFC 9449 §5).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::error::{self, invalid_request};
use super::super::form::Form;
use super::super::presented;
use super::{authenticated, rendered};
use crate::domain::client::CIBA_GRANT;
use crate::domain::endpoint::Endpoint;
use crate::flow::authenticate_client::Caller;
use crate::flow::mint::Tokens;
use crate::flow::narrow::Wish;
use crate::flow::provider::Provider;
use crate::flow::{dpop, redeem, refresh};

/// `POST /token`
pub(in crate::http) async fn token(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let proof = presented::proof(call.headers()).map(str::to_owned);
        let (caller, form) = authenticated(&provider, Endpoint::Token, call).await?;
        let caller = dpop::show(&provider, caller, proof.as_deref()).map_err(IntoResponse::into_response)?;
        let tokens = match form.get("grant_type") {
            Some(CIBA_GRANT) => redeem(&provider, &caller, &form).await,
            Some("refresh_token") => refresh(&provider, &caller, &form).await,
            Some(_) => {
                Err(error::oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", "this grant is not offered"))
            }
            None => Err(invalid_request("grant_type is missing")),
        };
        Ok(tokens?.members())
    };
    rendered(answer.await)
}

async fn redeem(provider: &Provider, caller: &Caller, form: &Form) -> Result<Tokens, Response> {
    let auth_req_id = auth_req_id(provider, form)?;
    redeem::redeem(provider, caller, auth_req_id, &wish(form, None)?).await.map_err(IntoResponse::into_response)
}

/// RFC 8707 §2.2, RFC 9396 §6.
fn wish(form: &Form, scope: Option<&str>) -> Result<Wish, Response> {
    Wish::read(scope, form.resources(), form.get("authorization_details")).map_err(IntoResponse::into_response)
}

/// REQUIREMENTS Q1: clients of one other server name it `authReqId`, which a realm may accept.
fn auth_req_id<'f>(provider: &Provider, form: &'f Form) -> Result<&'f str, Response> {
    let alias = form.get("authReqId").filter(|_| provider.policy().accept_auth_req_id_alias);
    match (form.get("auth_req_id"), alias) {
        (Some(_), Some(_)) => Err(invalid_request("auth_req_id is there by two names")),
        (None, None) => Err(invalid_request("auth_req_id is missing")),
        (Some(id), None) | (None, Some(id)) => Ok(id),
    }
}

async fn refresh(provider: &Provider, caller: &Caller, form: &Form) -> Result<Tokens, Response> {
    let token = form.get("refresh_token").ok_or_else(|| invalid_request("refresh_token is missing"))?;
    let wish = wish(form, form.get("scope"))?;
    refresh::refresh(provider, caller, token, &wish).await.map_err(IntoResponse::into_response)
}
