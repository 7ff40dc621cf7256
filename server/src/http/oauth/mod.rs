//! The relying party's endpoints, a file each; here is what they share: who calls, and how an answer is rendered.

#![allow(clippy::result_large_err, reason = "a refusal is the response itself, made once for each request")]

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::body;
use super::credentials::{self, Found};
use super::error::{self, invalid_request};
use super::form::Form;
use crate::domain::certificate::ClientCertificate;
use crate::domain::endpoint::Endpoint;
use crate::flow::authenticate_client::{self, Caller, Presented};
use crate::flow::provider::Provider;

mod backchannel;
mod cancellation;
mod device_registration;
mod introspection;
mod revocation;
mod token;

pub(super) use backchannel::backchannel_authenticate;
pub(super) use cancellation::cancellation;
pub(super) use device_registration::device_registration;
pub(super) use introspection::introspection;
pub(super) use revocation::revocation;
pub(super) use token::token;

fn rendered(answer: Result<Map<String, Value>, Response>) -> Response {
    match answer {
        Ok(reply) => (error::no_store(), Json(reply)).into_response(),
        Err(response) => response,
    }
}

/// The form, and the client who sent it. The client is judged before any parameter (CIBA §13).
async fn authenticated(provider: &Provider, endpoint: Endpoint, call: Request) -> Result<(Caller, Form), Response> {
    let (mut head, body) = call.into_parts();
    let body = body::read(&head.headers, body, "application/x-www-form-urlencoded").await;
    let body = body.map_err(IntoResponse::into_response)?;
    let form = Form::parse(&body).map_err(|_| invalid_request("the form is malformed or names a parameter twice"))?;
    let credentials = match credentials::find(&head.headers, &form) {
        Found::One(credentials) => Some(credentials),
        Found::None => None,
        Found::Contradiction => {
            return Err(invalid_request("the client authenticates in two ways, or names itself differently in them"));
        }
    };
    let certificate = head.extensions.remove::<ClientCertificate>();
    let caller = authenticate_client::authenticate(provider, Presented { credentials, certificate, endpoint }).await;
    Ok((caller.map_err(IntoResponse::into_response)?, form))
}
