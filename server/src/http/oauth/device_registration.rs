//! Gluu's way of telling where a phone receives pushes, for app back ends that know no other. There is such an endpoint only
//! in a realm that lists clients for it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::Map;

use super::super::error::invalid_request;
use super::{authenticated, rendered};
use crate::domain::endpoint::Endpoint;
use crate::flow::provider::Provider;
use crate::flow::replace_push_token;

/// `POST /bc-deviceRegistration` with `id_token_hint` and `device_registration_token`: 200 and an empty object, also where
/// it is the token that the phone has.
pub(in crate::http) async fn device_registration(State(provider): State<Arc<Provider>>, call: Request) -> Response {
    let answer = async {
        let (caller, form) = authenticated(&provider, Endpoint::DeviceRegistration, call).await?;
        let hint = form.get("id_token_hint").ok_or_else(|| invalid_request("id_token_hint is missing"))?;
        let token = form.get("device_registration_token");
        let token = token.ok_or_else(|| invalid_request("device_registration_token is missing"))?;
        let replaced = replace_push_token::replace(&provider, &caller, hint, token).await;
        replaced.map_err(IntoResponse::into_response)?;
        Ok(Map::new())
    };
    rendered(answer.await)
}
