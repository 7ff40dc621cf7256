//! What the provider says of itself.

use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::Policy;
use server::domain::profile::Profile;
use tests::pki::Authority;
use tests::{ISSUER, MTLS_BASE, World};

async fn document(world: &World, path: &str) -> Value {
    let answer = world.public().get(&format!("{ISSUER}{path}")).await.expect("an answer");
    assert_eq!(answer.in_short(), "200");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

async fn discovery(world: &World) -> Value {
    document(world, "/.well-known/openid-configuration").await
}

/// OIDC Discovery §3, RFC 8414 §2, CIBA §4.
#[tokio::test]
async fn discovery_names_what_is_offered_and_nothing_else() {
    let world = World::new().await;
    let methods = json!(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]);
    let signing = ["PS256", "ES256", "EdDSA", "ES384", "PS384", "PS512"];
    let assertions = [&["HS256"][..], &signing].concat();
    let claims = [
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
    let expected = json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/jwks"),
        "token_endpoint": format!("{ISSUER}/token"),
        "revocation_endpoint": format!("{ISSUER}/revoke"),
        "introspection_endpoint": format!("{ISSUER}/introspect"),
        "userinfo_endpoint": format!("{ISSUER}/userinfo"),
        "backchannel_authentication_endpoint": format!("{ISSUER}/backchannel/authenticate"),
        "backchannel_cancellation_endpoint": format!("{ISSUER}/backchannel/cancel"),
        "backchannel_token_delivery_modes_supported": ["poll", "ping", "push"],
        "backchannel_authentication_request_signing_alg_values_supported": signing,
        "backchannel_user_code_parameter_supported": true,
        "grant_types_supported": ["urn:openid:params:grant-type:ciba", "refresh_token"],
        "scopes_supported": ["openid", "profile", "email", "phone"],
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": [
            "urn:assent:acr:presence",
            "urn:assent:acr:presence-match",
            "urn:assent:acr:uv",
            "urn:assent:acr:uv-match",
            "urn:assent:acr:uv-hw",
            "urn:assent:acr:uv-hw-match",
        ],
        "id_token_signing_alg_values_supported": ["ES256"],
        "id_token_encryption_alg_values_supported": ["ECDH-ES", "RSA-OAEP-256"],
        "id_token_encryption_enc_values_supported": ["A256GCM"],
        "userinfo_signing_alg_values_supported": ["ES256"],
        "userinfo_encryption_alg_values_supported": ["ECDH-ES", "RSA-OAEP-256"],
        "userinfo_encryption_enc_values_supported": ["A256GCM"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "dpop_signing_alg_values_supported": signing,
        "response_types_supported": ["none"],
        "claims_supported": claims,
        "claims_parameter_supported": false,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
    });
    assert_eq!(discovery(&world).await, expected);
}

/// REQUIREMENTS Q16, Q20, Q43: what is published is what was configured.
#[tokio::test]
async fn discovery_follows_the_rules_of_the_realm() {
    let rules = |policy: &mut Policy| {
        policy.delivery_modes = vec![DeliveryMode::Ping, DeliveryMode::Poll, DeliveryMode::Ping];
        policy.client_algorithms = vec![Algorithm::Es384, Algorithm::Es384];
        policy.user_code = false;
    };
    let document = discovery(&World::builder().policy(rules).make().await).await;
    assert_eq!(document["backchannel_token_delivery_modes_supported"], json!(["poll", "ping"]));
    assert_eq!(document["backchannel_authentication_request_signing_alg_values_supported"], json!(["ES384"]));
    assert_eq!(document["token_endpoint_auth_signing_alg_values_supported"], json!(["ES384"]));
    assert_eq!(document["backchannel_user_code_parameter_supported"], false);
    let methods = &document["token_endpoint_auth_methods_supported"];
    assert_eq!(*methods, json!(["client_secret_basic", "client_secret_post", "private_key_jwt"]));
    let no_keys = |policy: &mut Policy| policy.client_algorithms = vec![Algorithm::Hs256];
    let document = discovery(&World::builder().policy(no_keys).make().await).await;
    assert!(document.get("backchannel_authentication_request_signing_alg_values_supported").is_none());
    assert_eq!(document["request_parameter_supported"], false);
}

/// REQUIREMENTS Q20.
#[tokio::test]
async fn a_realm_without_ciba_does_not_speak_of_it() {
    let without = |policy: &mut Policy| {
        policy.delivery_modes.clear();
        policy.profile = Profile::FapiCiba;
    };
    let document = discovery(&World::builder().policy(without).make().await).await;
    let members: Vec<&String> = document.as_object().expect("an object").keys().collect();
    assert!(members.iter().all(|name| !name.starts_with("backchannel_")), "{members:?}");
    assert_eq!(document["grant_types_supported"], json!(["refresh_token"]));
}

/// RFC 8705 §2.1.1, §3.3 and §5: a realm that knows no authority offers no `tls_client_auth`.
#[tokio::test]
async fn mutual_tls_is_offered_where_certificates_can_arrive_and_be_judged() {
    let document = discovery(&World::builder().mutual_tls().make().await).await;
    let methods = document["token_endpoint_auth_methods_supported"].as_array().expect("a list").clone();
    assert!(methods.contains(&json!("self_signed_tls_client_auth")) && !methods.contains(&json!("tls_client_auth")));
    assert_eq!(document["tls_client_certificate_bound_access_tokens"], true);
    let aliases = document["mtls_endpoint_aliases"].as_object().expect("an object");
    for (name, alias) in aliases {
        let plain = document[name].as_str().unwrap_or_else(|| panic!("{name} stands at the top too"));
        assert_eq!(*alias, plain.replace(ISSUER, MTLS_BASE), "{name}");
    }
    assert!(aliases.contains_key("token_endpoint") && aliases.contains_key("backchannel_authentication_endpoint"));
    let document = discovery(&World::builder().trusting(&Authority::new("CA")).make().await).await;
    let methods = document["token_endpoint_auth_methods_supported"].as_array().expect("a list");
    assert!(methods.contains(&json!("tls_client_auth")));
}

/// FAPI-CIBA §5.2.2, FAPI 1.0 Advanced §8.6.
#[tokio::test]
async fn the_fapi_profile_offers_what_it_allows_and_an_authorization_endpoint_that_refuses() {
    let fapi = |policy: &mut Policy| policy.profile = Profile::FapiCiba;
    let world = World::builder().trusting(&Authority::new("CA")).policy(fapi).make().await;
    let document = discovery(&world).await;
    let methods = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"];
    for (name, expected) in [
        ("backchannel_token_delivery_modes_supported", json!(["poll", "ping"])),
        ("backchannel_authentication_request_signing_alg_values_supported", json!(["PS256", "ES256"])),
        ("token_endpoint_auth_methods_supported", json!(methods)),
        ("token_endpoint_auth_signing_alg_values_supported", json!(["PS256", "ES256"])),
        ("id_token_signing_alg_values_supported", json!(["ES256"])),
        ("userinfo_signing_alg_values_supported", json!(["ES256"])),
        ("id_token_encryption_alg_values_supported", json!(["ECDH-ES", "RSA-OAEP-256"])),
        ("userinfo_encryption_enc_values_supported", json!(["A256GCM"])),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
        ("authorization_endpoint", json!(format!("{ISSUER}/authorize"))),
    ] {
        assert_eq!(document[name], expected, "{name}");
    }
    assert!(document.get("backchannel_cancellation_endpoint").is_none());
    assert!(document["mtls_endpoint_aliases"].get("authorization_endpoint").is_none());
    let url = format!("{ISSUER}/authorize?response_type=code&client_id=shop");
    let answer = world.public().get(&url).await.expect("an answer");
    assert_eq!(answer.in_short(), "400 invalid_request");
    let plain = World::new().await.public().get(&url).await.expect("an answer");
    assert_eq!(plain.status.as_u16(), 404, "elsewhere there is no such endpoint");
}

/// Whoever follows the document arrives somewhere.
#[tokio::test]
async fn every_published_endpoint_is_there() {
    let fapi = |policy: &mut Policy| policy.profile = Profile::FapiCiba;
    for world in [World::new().await, World::builder().mutual_tls().policy(fapi).make().await] {
        let document = discovery(&world).await;
        let urls = document.as_object().expect("an object").iter();
        let urls = urls.filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
        for (name, url) in urls {
            let answer = world.public().get(url.as_str().expect("a URL")).await.expect("an answer");
            assert_ne!(answer.status.as_u16(), 404, "{name}");
        }
    }
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
