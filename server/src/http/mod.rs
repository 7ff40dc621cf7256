//! How the world reaches the server: one route table, and behind each route parse → flow → render.
//!
//! [`error`] maps every reason of every flow to its code, status and fixed text; nothing else decides what a refusal
//! looks like.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use protocol::endpoints as device_api;

use self::metadata::Document;
use crate::domain::endpoint::Endpoint;
use crate::domain::policy::Registration;
use crate::domain::profile::Profile;
use crate::flow::provider::Provider;

pub mod admin;
pub mod app_link;
mod body;
mod credentials;
mod device;
mod error;
mod first_party;
mod form;
pub mod health;
mod metadata;
mod oauth;
mod page;
mod presented;
pub mod proxies;
mod qr;
mod registration;
mod segment;
pub mod serve;
mod sign_in;
mod tickets;
pub mod tls;
mod userinfo;

pub use admin::AdminToken;

/// No request body is larger than this many bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Everything that relying parties and phones reach, each realm under the path of its issuer.
pub fn public_router(providers: &[Arc<Provider>], health: Router) -> Router {
    providers
        .iter()
        .fold(health, |router, provider| {
            let realm = realm_router(Arc::clone(provider));
            match path_of(provider.issuer()) {
                "" => router.merge(realm),
                path => router.nest(path, realm),
            }
        })
        .fallback(not_found)
}

fn realm_router(provider: Arc<Provider>) -> Router {
    let endpoints = endpoints(&provider);
    let document = Document::of(&provider, &endpoints.iter().map(|(endpoint, _)| *endpoint).collect::<Vec<_>>());
    let router = endpoints
        .into_iter()
        .fold(Router::new(), |router, (endpoint, methods)| router.route(endpoint.path(), only(methods)));
    router
        .route("/.well-known/openid-configuration", only(get(async || document)))
        .route("/jwks", only(get(metadata::jwks)))
        .route("/receipt-keys", only(get(metadata::receipt_keys)))
        .route(device_api::CONFIGURATION.path, device_only(get(device::configuration)))
        .route(device_api::NONCE.path, device_only(post(device::nonce)))
        .route(device_api::BEGIN.path, device_only(post(device::begin)))
        .route(device_api::FINISH.path, device_only(post(device::finish)))
        .route(device_api::ENROLMENT.path, device_only(get(device::enrolment)))
        .route(device_api::PROMPTS.path, device_only(get(device::prompts)))
        .route(device_api::PROMPT.path, device_only(get(device::prompt)))
        .route(device_api::DECISION.path, device_only(post(device::decision)))
        .route(
            device_api::SELF.path,
            device_only(get(device::own_record).merge(patch(device::rename)).merge(delete(device::leave))),
        )
        .route(device_api::PUSH.path, device_only(put(device::set_push_target)))
        .route(device_api::KEYS.path, device_only(post(device::rotate)))
        .route(device_api::HISTORY.path, device_only(get(device::history)))
        .route(
            device_api::BLOCKS.path,
            device_only(get(device::blocks).merge(put(device::block)).merge(delete(device::unblock))),
        )
        .route(device_api::TEST.path, device_only(post(device::test)))
        .merge(registration::routes())
        .merge(first_party::routes(&provider))
        .merge(sign_in::routes())
        .with_state(provider)
}

/// Those of relying parties. What stands here is published.
fn endpoints(provider: &Arc<Provider>) -> Vec<(Endpoint, MethodRouter<Arc<Provider>>)> {
    let mut endpoints = vec![
        (Endpoint::BackchannelAuthentication, of_clients(post(oauth::backchannel_authenticate))),
        (Endpoint::BackchannelCancellation, of_clients(post(oauth::cancellation))),
        (Endpoint::Token, proven(provider, of_clients(post(oauth::token)))),
        (Endpoint::Introspection, of_clients(post(oauth::introspection))),
        (Endpoint::Revocation, of_clients(post(oauth::revocation))),
        (Endpoint::Userinfo, proven(provider, get(userinfo::userinfo).post(userinfo::userinfo))),
    ];
    if !provider.policy().device_registration_clients.is_empty() {
        endpoints.push((Endpoint::DeviceRegistration, of_clients(post(oauth::device_registration))));
    }
    if provider.policy().registration != Registration::Closed {
        endpoints.push((Endpoint::Registration, post(registration::register)));
    }
    if provider.policy().profile == Profile::FapiCiba {
        endpoints.push((Endpoint::Authorization, get(metadata::authorize).post(metadata::authorize)));
    }
    endpoints
}

/// What operators reach, on a listener of its own. The first realm also answers without its name.
pub fn admin_router(providers: &[Arc<Provider>], token: AdminToken, health: Router) -> Router {
    admin::router(providers, token).merge(health).fallback(not_found)
}

/// Where clients authenticate.
fn of_clients(methods: MethodRouter<Arc<Provider>>) -> MethodRouter<Arc<Provider>> {
    methods.layer(middleware::from_fn(error::challenge))
}

/// Where DPoP proofs are taken.
fn proven(provider: &Arc<Provider>, methods: MethodRouter<Arc<Provider>>) -> MethodRouter<Arc<Provider>> {
    methods.layer(middleware::from_fn_with_state(Arc::clone(provider), presented::next_nonce))
}

/// Any other method is 405 with `Allow` (RFC 9110 §15.5.6), which axum adds, and the JSON that OAuth clients expect.
fn only(methods: MethodRouter<Arc<Provider>>) -> MethodRouter<Arc<Provider>> {
    methods.fallback(method_not_allowed)
}

fn device_only(methods: MethodRouter<Arc<Provider>>) -> MethodRouter<Arc<Provider>> {
    methods.fallback(device::method_not_allowed)
}

async fn method_not_allowed() -> Response {
    error::oauth(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "this method is not used here")
}

async fn not_found(_: Method, _: Uri) -> Response {
    nothing_here()
}

fn nothing_here() -> Response {
    error::oauth(StatusCode::NOT_FOUND, "invalid_request", "there is nothing here")
}

/// The path of an issuer URL, empty for the base.
pub(crate) fn path_of(issuer: &str) -> &str {
    let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    after_scheme.find('/').map_or("", |slash| &after_scheme[slash..])
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn a_realm_lives_under_the_path_of_its_issuer() {
        assert_eq!(path_of("https://op.example"), "");
        assert_eq!(path_of("https://op.example:8443/realms/two"), "/realms/two");
    }
}
