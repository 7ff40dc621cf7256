//! The operators' API, on a listener of its own: users, clients, enrolment tickets, devices, the audit trail.
//!
//! Every call carries `Authorization: Bearer <token>`. Paths stand under `/admin/v1` for the first realm and under
//! `/admin/v1/realms/{realm}` for each by name. Bodies are JSON of at most 64 KiB; unknown members are refused, because
//! an operator's typing error must not pass for a setting.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use protocol::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::body::{self, BodyError};
use super::error::{self, invalid_request};
use super::{MAX_BODY_BYTES, method_not_allowed};
use crate::domain::secret::{Secret, SecretHash};
use crate::flow::provider::Provider;

mod clients;
mod devices;
mod history;
mod registration;
mod tickets;
mod users;

/// The bearer token of the admin API, kept as a hash.
#[derive(Clone, Debug)]
pub struct AdminToken(SecretHash);

impl AdminToken {
    /// Takes the token from the configuration.
    #[must_use]
    pub fn new(token: &Secret) -> Self {
        Self(SecretHash::of(token))
    }
}

pub(super) fn router(providers: &[Arc<Provider>], token: AdminToken) -> Router {
    let mut router = Router::new();
    for (position, provider) in providers.iter().enumerate() {
        let realm = realm_router(Arc::clone(provider));
        if position == 0 {
            router = router.nest("/admin/v1", realm.clone());
        }
        router = router.nest(&format!("/admin/v1/realms/{}", provider.id()), realm);
    }
    if let Some(first) = providers.first() {
        let export = get(history::whole_export).fallback(method_not_allowed).with_state(Arc::clone(first));
        router = router.merge(Router::new().route("/admin/v1/export", export));
    }
    router.layer(middleware::from_fn_with_state(token, let_in))
}

fn realm_router(provider: Arc<Provider>) -> Router {
    let routes = [
        ("/users", post(users::create_user)),
        ("/users/{subject}", get(users::user).patch(users::change_user)),
        ("/users/{subject}/tickets", post(tickets::create_ticket)),
        ("/tickets/{id}", get(tickets::ticket)),
        ("/users/{subject}/devices", get(devices::devices)),
        ("/clients", post(clients::create).get(clients::list)),
        ("/clients/{id}", get(clients::one).put(clients::replace).delete(clients::remove)),
        ("/clients/{id}/secret", post(clients::renew_secret)),
        ("/clients/{id}/registration-token", post(clients::renew_registration_token)),
        ("/clients/{id}/verify", post(clients::verify)),
        ("/registration-tokens", post(registration::create).get(registration::list)),
        ("/registration-tokens/{id}", delete(registration::revoke)),
        ("/devices/{id}/revoke", post(devices::revoke)),
        ("/devices/{id}/test", post(devices::test)),
        ("/devices/{id}/rotation/agree", post(devices::agree_to_rotation)),
        ("/enrolments/{id}/confirm", post(devices::confirm_enrolment)),
        ("/audit", get(history::audit)),
        ("/explain", post(history::explain)),
    ];
    let add = |router: Router<_>, (path, methods): (_, MethodRouter<_>)| {
        router.route(path, methods.fallback(method_not_allowed))
    };
    routes.into_iter().fold(Router::new(), add).with_state(provider)
}

async fn let_in(State(token): State<AdminToken>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = presented
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Secret::new(token.trim().to_owned()));
    if secret.is_some_and(|secret| secret.matches(&token.0)) {
        return next.run(request).await;
    }
    let mut response = error::oauth(StatusCode::UNAUTHORIZED, "invalid_token", "the admin token is needed");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"assent-admin\""));
    response
}

async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Response> {
    let body = body::read(headers, body, "application/json").await.map_err(|error| match error {
        BodyError::WrongType => invalid_request("the body must be application/json"),
        other => other.into_response(),
    })?;
    json::from_slice_within(&body, MAX_BODY_BYTES).map_err(|reason| {
        tracing::info!(%reason, "an admin call's body was refused");
        invalid_request("the body is not the JSON wanted here")
    })
}

fn created(body: Value) -> Response {
    (StatusCode::CREATED, error::no_store(), Json(body)).into_response()
}

fn found(body: Value) -> Response {
    (error::no_store(), Json(body)).into_response()
}
