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
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::messages::{RevocationReason, UserVerification};
use protocol::{DeviceId, EnrolmentId, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::body::{self, BodyError};
use super::error::{self, invalid_request};
use super::oauth::CIBA_GRANT;
use super::segment::Segment;
use super::{MAX_BODY_BYTES, method_not_allowed};
use crate::domain::client::AuthenticationMethod;
use crate::domain::delivery::DeliveryMode;
use crate::domain::device::{Device, DeviceStatus};
use crate::domain::names::Subject;
use crate::domain::secret::{Secret, SecretHash};
use crate::domain::user::{User, UserCodeHash};
use crate::flow::administer::{NewClient, NewUser};
use crate::flow::confirm::Confirmed;
use crate::flow::provider::Provider;
use crate::flow::{administer, confirm, enrol, explain, export, maintain};

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
        router =
            router.merge(Router::new().route(
                "/admin/v1/export",
                get(whole_export).fallback(method_not_allowed).with_state(Arc::clone(first)),
            ));
    }
    router.layer(middleware::from_fn_with_state(token, let_in))
}

/// `GET /admin/v1/export`: every realm, as [`export`] writes it. One that was cut off lacks its last line.
async fn whole_export(State(provider): State<Arc<Provider>>) -> Response {
    let chunks = export::export(Arc::clone(provider.store()), provider.now(), true);
    let chunks = futures_util::stream::unfold(chunks, |mut chunks| async move { Some((chunks.recv().await?, chunks)) });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))];
    (headers, error::no_store(), Body::from_stream(chunks)).into_response()
}

fn realm_router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/users", post(create_user).fallback(method_not_allowed))
        .route("/clients", post(create_client).get(clients).fallback(method_not_allowed))
        .route("/users/{subject}/tickets", post(create_ticket).fallback(method_not_allowed))
        .route("/users/{subject}/devices", get(devices).fallback(method_not_allowed))
        .route("/devices/{id}/revoke", post(revoke).fallback(method_not_allowed))
        .route("/enrolments/{id}/confirm", post(confirm_enrolment).fallback(method_not_allowed))
        .route("/audit", get(audit).fallback(method_not_allowed))
        .route("/explain", post(explain).fallback(method_not_allowed))
        .with_state(provider)
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRequest {
    subject: Option<String>,
    username: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    user_code: Option<Secret>,
}

/// `POST /users`: 201 with the user.
async fn create_user(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let request: UserRequest = read(&headers, body).await?;
        let user_code = match request.user_code {
            Some(code) => Some(hash_user_code(&provider, code).await?),
            None => None,
        };
        let UserRequest { subject, username, email, phone, .. } = request;
        let new = NewUser { subject, username, email, phone, user_code };
        administer::create_user(&provider, new).await.map_err(IntoResponse::into_response)
    };
    answer.await.map_or_else(|refusal: Response| refusal, |user| created(user_json(&user)))
}

/// argon2id takes tens of milliseconds by design: off the async threads.
async fn hash_user_code(provider: &Provider, code: Secret) -> Result<UserCodeHash, Response> {
    let salt = provider.random().array();
    let hash = tokio::task::spawn_blocking(move || UserCodeHash::of(&code, salt)).await;
    hash.ok().flatten().ok_or_else(|| invalid_request("user_code: 1 to 64 bytes"))
}

fn user_json(user: &User) -> Value {
    json!({
        "subject": user.subject,
        "username": user.username,
        "email": user.email,
        "phone": user.phone,
        "status": user.status,
        "has_user_code": user.user_code.is_some(),
    })
}

/// Client metadata in the terms of dynamic registration (RFC 7591, CIBA §4); members that this server has no use for are
/// taken and ignored, as RFC 7591 §2 wants it.
#[derive(Debug, Deserialize)]
pub struct ClientMetadata {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<String>,
    backchannel_token_delivery_mode: Option<String>,
    grant_types: Option<Vec<String>>,
    scope: Option<String>,
    /// Ours: whether the name was confirmed; default true, because an operator wrote it.
    verified: Option<bool>,
    /// Ours: what its approvals need; default `required`.
    user_verification: Option<UserVerification>,
}

impl ClientMetadata {
    /// Checks the metadata; an error names the member.
    pub fn check(self) -> Result<NewClient, administer::Reason> {
        use administer::Reason::Invalid;
        if self.grant_types.is_some_and(|grants| !grants.iter().any(|grant| grant == CIBA_GRANT)) {
            return Err(Invalid("grant_types", "must hold the CIBA grant"));
        }
        Ok(NewClient {
            client_id: self.client_id,
            client_secret: self.client_secret,
            client_name: self.client_name,
            token_endpoint_auth_method: match self.token_endpoint_auth_method.as_deref() {
                None | Some("client_secret_basic") => AuthenticationMethod::ClientSecretBasic,
                Some("client_secret_post") => AuthenticationMethod::ClientSecretPost,
                Some(_) => {
                    let rule = "client_secret_basic or client_secret_post";
                    return Err(Invalid("token_endpoint_auth_method", rule));
                }
            },
            backchannel_token_delivery_mode: match self.backchannel_token_delivery_mode.as_deref() {
                None | Some("poll") => DeliveryMode::Poll,
                Some(_) => return Err(Invalid("backchannel_token_delivery_mode", "only poll is offered")),
            },
            scope: self.scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            verified: self.verified.unwrap_or(true),
            user_verification: self.user_verification.unwrap_or(UserVerification::Required),
        })
    }
}

/// `POST /clients`: 201 with the metadata and, this once, the secret.
async fn create_client(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
    let answer = async {
        let metadata: ClientMetadata = read(&headers, body).await?;
        let new = metadata.check().map_err(IntoResponse::into_response)?;
        administer::create_client(&provider, new).await.map_err(IntoResponse::into_response)
    };
    answer.await.map_or_else(
        |refusal: Response| refusal,
        |(client, secret)| {
            let mut body = client_json(&client);
            body["client_secret"] = secret.reveal().into();
            body["client_secret_expires_at"] = 0.into();
            created(body)
        },
    )
}

/// `GET /clients`: without secrets.
async fn clients(State(provider): State<Arc<Provider>>) -> Response {
    match provider.store().clients(provider.id()).await {
        Ok(clients) => {
            let clients: Vec<Value> = clients.iter().map(|client| client_json(&client.record)).collect();
            found(json!({ "clients": clients }))
        }
        Err(error) => error::unavailable(&error.into()),
    }
}

fn client_json(client: &crate::domain::client::Client) -> Value {
    json!({
        "client_id": client.id,
        "client_name": client.name,
        "verified": client.verified,
        "token_endpoint_auth_method": client.authentication,
        "backchannel_token_delivery_mode": client.delivery,
        "grant_types": [CIBA_GRANT],
        "scope": client.scope.join(" "),
        "user_verification": client.user_verification,
    })
}

/// `POST /users/{subject}/tickets`: 201 with the ticket's link, which holds a secret.
async fn create_ticket(State(provider): State<Arc<Provider>>, Segment(subject): Segment) -> Response {
    match administer::create_ticket(&provider, &Subject::new(subject)).await {
        Ok(ticket) => created(json!({ "ticket": ticket.to_string(), "expires_at": ticket.expires_at })),
        Err(reason) => reason.into_response(),
    }
}

/// `GET /users/{subject}/devices`
async fn devices(State(provider): State<Arc<Provider>>, Segment(subject): Segment) -> Response {
    match administer::devices(&provider, &Subject::new(subject)).await {
        Ok(devices) => found(json!({ "devices": devices.iter().map(device_json).collect::<Vec<_>>() })),
        Err(reason) => reason.into_response(),
    }
}

fn device_json(device: &Device) -> Value {
    let (status, reason) = match device.status {
        DeviceStatus::Active => ("active", None),
        DeviceStatus::Revoked { reason, .. } => ("revoked", Some(reason)),
    };
    json!({
        "id": device.id,
        "enrolment": device.enrolment,
        "name": device.info.name,
        "model": device.info.model,
        "os": device.info.os,
        "level": device.level,
        "has_push_target": device.push != protocol::messages::PushTarget::None,
        "enrolled_at": device.enrolled_at.unix_seconds(),
        "status": status,
        "reason": reason,
    })
}

/// `POST /devices/{id}/revoke`: 204, also when it was revoked before.
async fn revoke(State(provider): State<Arc<Provider>>, Segment(id): Segment) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_device", "there is no such device");
    let Ok(id) = id.parse::<DeviceId>() else {
        return unknown();
    };
    match maintain::revoke(&provider, &id, RevocationReason::Operator).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(maintain::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(
            maintain::Reason::UnknownDevice
            | maintain::Reason::InvalidName(_)
            | maintain::Reason::InvalidTarget
            | maintain::Reason::ProofReplayed,
        ) => unknown(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    digits: String,
}

/// `POST /enrolments/{id}/confirm` `{"digits": "123456"}`: 200 with the device, or 403 when they are wrong, which ends
/// the enrolment.
async fn confirm_enrolment(
    State(provider): State<Arc<Provider>>,
    Segment(id): Segment,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let unknown = || error::oauth(StatusCode::NOT_FOUND, "unknown_enrolment", "no enrolment awaits digits here");
    let Ok(id) = id.parse::<EnrolmentId>() else {
        return unknown();
    };
    let digits = match read::<Digits>(&headers, body).await {
        Ok(request) => request.digits,
        Err(refusal) => return refusal,
    };
    match confirm::confirm(&provider, &id, &digits).await {
        Ok(Confirmed::Active(device)) => found(json!({ "device": device })),
        Ok(Confirmed::Rejected) => {
            error::oauth(StatusCode::FORBIDDEN, "wrong_digits", "the digits are wrong; the enrolment is cancelled")
        }
        Err(enrol::Reason::Unavailable(reason)) => error::unavailable(&reason),
        Err(enrol::Reason::Cancelled) => {
            error::oauth(StatusCode::GONE, "enrolment_cancelled", "the enrolment was cancelled")
        }
        Err(_) => unknown(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainRequest {
    auth_req_id: Secret,
}

/// `POST /explain` `{"auth_req_id": "…"}`: 200 with the request's story; in the body, because a URL is logged.
async fn explain(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Body) -> Response {
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

/// `GET /audit`: the newest 1,000 events, oldest first.
async fn audit(State(provider): State<Arc<Provider>>) -> Response {
    match provider.store().audit(provider.id(), 1_000).await {
        Ok(events) => found(json!({ "events": events })),
        Err(error) => error::unavailable(&error.into()),
    }
}
