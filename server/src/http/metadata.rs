//! Discovery (OIDC Discovery §3, RFC 8414 §2, CIBA §4, RFC 8705 §3.3 and §5) and the published keys. What is offered
//! follows from the realm's rules and from the routes there are; the document is made once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::error::invalid_request;
use crate::domain::algorithm::Algorithm;
use crate::domain::client::{AuthenticationMethod, CIBA_GRANT, REFRESH_GRANT};
use crate::domain::context::Context;
use crate::domain::encryption::{ContentEncryption, KeyManagement};
use crate::domain::endpoint::Endpoint;
use crate::domain::offer::Offer;
use crate::domain::profile::Profile;
use crate::flow::provider::Provider;
use crate::flow::register::SCOPES;

/// What ID tokens and userinfo may hold.
const CLAIMS: [&str; 12] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "amr",
    "at_hash",
    "preferred_username",
    "email",
    "phone_number",
];

/// A JSON document, ready to be sent.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl Document {
    /// The discovery document of a realm with these endpoints.
    pub(super) fn of(provider: &Provider, endpoints: &[Endpoint]) -> Self {
        Self(Value::from(members(provider, endpoints)).to_string().into())
    }
}

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response()
    }
}

/// What others may keep the keys for: a quarter of the time that a new one is published before it signs.
const KEYS_MAX_AGE: &str = "public, max-age=900";

/// `GET /jwks`
pub(super) async fn jwks(State(provider): State<Arc<Provider>>) -> impl IntoResponse {
    let document = Document(Bytes::copy_from_slice(provider.keys().jwks_text().as_bytes()));
    ([(header::CACHE_CONTROL, KEYS_MAX_AGE)], document)
}

/// `GET /receipt-keys`: by what receipts are verified, for as long as they are evidence. Each key with its thumbprint as
/// `kid` and with its time.
pub(super) async fn receipt_keys(State(provider): State<Arc<Provider>>) -> impl IntoResponse {
    let keys = provider.keys().receipt_keys().keys;
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| {
            let mut members = object(json!(key));
            members.insert("kid".to_owned(), json!(key.jwk.thumbprint()));
            members.insert("alg".to_owned(), json!("ES256"));
            members.insert("use".to_owned(), json!("sig"));
            members.into()
        })
        .collect();
    let document = Document(json!({ "keys": keys }).to_string().into());
    ([(header::CACHE_CONTROL, KEYS_MAX_AGE)], document)
}

/// FAPI wants the URL published, so there is something that answers under it.
pub(super) async fn authorize() -> Response {
    invalid_request("there is no front channel here: use the backchannel authentication endpoint")
}

fn members(provider: &Provider, endpoints: &[Endpoint]) -> Map<String, Value> {
    let (issuer, offer) = (provider.issuer(), provider.offer());
    let published: Vec<Endpoint> =
        endpoints.iter().copied().filter(|endpoint| is_published(*endpoint, &offer)).collect();
    let mut members = object(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": SCOPES,
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": Context::ALL.map(Context::name),
        "claims_supported": CLAIMS,
        "claims_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "id_token_signing_alg_values_supported": offer.id_token_algorithms(offer.policy.profile),
        "userinfo_signing_alg_values_supported": offer.id_token_algorithms(offer.policy.profile),
        "grant_types_supported": grants(&offer),
        // RFC 8414 §2 and OIDC Discovery §3 require the member, and want no empty list; nothing is ever returned.
        "response_types_supported": ["none"],
    }));
    members.extend(encryption());
    members.extend(published.iter().map(|endpoint| (endpoint.name().to_owned(), endpoint.url(issuer).into())));
    members.extend(authentication(&published, &offer));
    members.extend(mutual_tls(provider, &published));
    // RFC 9449 §5.1. Under the FAPI profile tokens are bound to certificates, and its tests do not know the member.
    if offer.policy.profile == Profile::Core {
        let proofs = offer.client_algorithms(Profile::Core);
        members.insert("dpop_signing_alg_values_supported".to_owned(), json!(proofs));
    }
    if has_ciba(&offer) {
        members.extend(ciba(&offer));
    }
    // RFC 9396 §10
    members.insert("authorization_details_types_supported".to_owned(), offer.policy.details_types().collect());
    // RFC 8414 §3.2: lists without elements are left out.
    members.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    members
}

/// OIDC Discovery §3: the same for ID tokens and userinfo, under every profile.
fn encryption() -> impl Iterator<Item = (String, Value)> {
    ["id_token", "userinfo"].into_iter().flat_map(|what| {
        [
            (format!("{what}_encryption_alg_values_supported"), json!(KeyManagement::ALL)),
            (format!("{what}_encryption_enc_values_supported"), json!(ContentEncryption::ALL)),
        ]
    })
}

fn has_ciba(offer: &Offer<'_>) -> bool {
    !offer.delivery_modes(offer.policy.profile).is_empty()
}

fn is_published(endpoint: Endpoint, offer: &Offer<'_>) -> bool {
    let fapi = offer.policy.profile == Profile::FapiCiba;
    match endpoint {
        // REQUIREMENTS Q20: a realm without CIBA does not speak of it.
        Endpoint::BackchannelAuthentication | Endpoint::DeviceRegistration => has_ciba(offer),
        // Under the FAPI profile members that its tests do not know are unwelcome.
        Endpoint::BackchannelCancellation => has_ciba(offer) && !fapi,
        Endpoint::Authorization => fapi,
        // Routed only where it is open to somebody.
        Endpoint::Registration
        | Endpoint::Token
        | Endpoint::Revocation
        | Endpoint::Introspection
        | Endpoint::Userinfo => true,
    }
}

fn grants(offer: &Offer<'_>) -> Vec<&'static str> {
    let mut grants = vec![REFRESH_GRANT];
    if has_ciba(offer) {
        grants.insert(0, CIBA_GRANT);
    }
    grants
}

/// CIBA §4.
fn ciba(offer: &Offer<'_>) -> Map<String, Value> {
    let profile = offer.policy.profile;
    object(json!({
        "backchannel_token_delivery_modes_supported": offer.delivery_modes(profile),
        "backchannel_authentication_request_signing_alg_values_supported": offer.client_algorithms(profile),
        "backchannel_user_code_parameter_supported": offer.policy.user_code,
        "request_parameter_supported": !offer.client_algorithms(profile).is_empty(),
    }))
}

/// The same at every endpoint where clients authenticate.
fn authentication(published: &[Endpoint], offer: &Offer<'_>) -> Map<String, Value> {
    let profile = offer.policy.profile;
    let methods = offer.methods(profile);
    let algorithms: Vec<Algorithm> =
        methods.iter().flat_map(|method| offer.assertion_algorithms(*method, profile)).collect();
    let names: Vec<&str> = methods.into_iter().map(AuthenticationMethod::name).collect();
    let told = [Endpoint::Token, Endpoint::Revocation, Endpoint::Introspection];
    told.into_iter()
        .filter(|endpoint| published.contains(endpoint))
        .map(Endpoint::name)
        .flat_map(|endpoint| {
            [
                (format!("{endpoint}_auth_methods_supported"), json!(names)),
                (format!("{endpoint}_auth_signing_alg_values_supported"), json!(algorithms)),
            ]
        })
        .collect()
}

fn mutual_tls(provider: &Provider, published: &[Endpoint]) -> Map<String, Value> {
    let Some(base) = provider.mtls_base_url() else { return Map::new() };
    let mut members = object(json!({ "tls_client_certificate_bound_access_tokens": true }));
    if base != provider.issuer() {
        let mirrored = published.iter().filter(|endpoint| **endpoint != Endpoint::Authorization);
        let aliases: Map<String, Value> =
            mirrored.map(|endpoint| (endpoint.name().to_owned(), endpoint.url(base).into())).collect();
        members.insert("mtls_endpoint_aliases".to_owned(), aliases.into());
    }
    members
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => unreachable!("it is written as an object"),
    }
}
