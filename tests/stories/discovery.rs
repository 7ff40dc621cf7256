//! What the provider says of itself.

use serde_json::{Value, json};
use tests::{ISSUER, World};

async fn document(world: &World, path: &str) -> Value {
    let answer = world.public().get(&format!("{ISSUER}{path}")).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

#[tokio::test]
async fn discovery_names_what_is_offered_and_nothing_else() {
    let world = World::new().await;
    let expected = json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/jwks"),
        "token_endpoint": format!("{ISSUER}/token"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "introspection_endpoint": format!("{ISSUER}/introspect"),
        "userinfo_endpoint": format!("{ISSUER}/userinfo"),
        "backchannel_authentication_endpoint": format!("{ISSUER}/backchannel/authenticate"),
        "backchannel_cancellation_endpoint": format!("{ISSUER}/backchannel/cancel"),
        "backchannel_token_delivery_modes_supported": ["poll"],
        "backchannel_user_code_parameter_supported": false,
        "grant_types_supported": ["urn:openid:params:grant-type:ciba", "refresh_token"],
        "response_types_supported": [],
        "scopes_supported": ["openid", "profile", "email", "phone"],
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
    assert_eq!(document(&world, "/.well-known/openid-configuration").await, expected);
}

#[tokio::test]
async fn published_keys_have_names_and_no_private_part() {
    let world = World::new().await;
    let jwks = document(&world, "/jwks").await;
    let keys = jwks["keys"].as_array().expect("an array");
    assert!(!keys.is_empty());
    for key in keys {
        let members: Vec<&String> = key.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&key["alg"], &key["crv"], &key["use"]), (&json!("ES256"), &json!("P-256"), &json!("sig")));
        assert!(key["kid"].as_str().is_some_and(|kid| !kid.trim().is_empty()));
    }
}

#[tokio::test]
async fn the_process_says_that_it_lives_and_is_ready() {
    let world = World::new().await;
    assert_eq!(document(&world, "/healthz").await, json!({ "status": "alive" }));
    assert_eq!(document(&world, "/readyz").await, json!({ "status": "ready" }));
}
