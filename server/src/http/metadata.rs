//! Discovery (OIDC Discovery §4, CIBA §4) and the published keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::oauth::CIBA_GRANT;
use crate::domain::endpoint::Endpoint;
use crate::domain::profile::Profile;
use crate::flow::administer::SCOPES;
use crate::flow::provider::Provider;

/// `GET /.well-known/openid-configuration`
pub(super) async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = provider.issuer();
    let mut document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "backchannel_token_delivery_modes_supported": ["poll"],
        "backchannel_user_code_parameter_supported": false,
        "grant_types_supported": [CIBA_GRANT, "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": SCOPES,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "at_hash", "preferred_username", "email", "phone_number",
        ],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    for endpoint in Endpoint::ALL.into_iter().filter(|endpoint| is_published(*endpoint, provider.policy().profile)) {
        document[endpoint.name()] = endpoint.url(issuer).into();
    }
    Json(document)
}

fn is_published(endpoint: Endpoint, profile: Profile) -> bool {
    match endpoint {
        Endpoint::BackchannelAuthentication
        | Endpoint::Token
        | Endpoint::Revocation
        | Endpoint::Introspection
        | Endpoint::Userinfo => true,
        // Members that FAPI does not know are unwelcome there; the endpoint answers all the same.
        Endpoint::BackchannelCancellation => profile == Profile::Core,
        Endpoint::Authorization => false,
    }
}

/// `GET /jwks`
pub(super) async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.keys().jwks())
}
