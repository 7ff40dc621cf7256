//! An operator registers relying parties in the terms of dynamic registration, and changes and removes them.

use axum::http::Method;
use serde_json::{Map, Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::policy::Policy;
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use simulator::decryption_key::DecryptionKey;
use simulator::relying_party::{Authentication, Credentials};
use simulator::wire::Answer;
use tests::pki::Authority;
use tests::{SHOP, SHOP_SECRET, World, a_request};

mod keys;

const CIBA: &str = "urn:openid:params:grant-type:ciba";

async fn posted(world: &World, metadata: &Value) -> Answer {
    world.admin().call(Method::POST, "/clients", Some(metadata)).await.expect("an answer")
}

/// `base` with other members; `null` takes one away.
fn with(base: &Value, members: &Value) -> Value {
    let mut metadata = base.clone();
    for (name, value) in members.as_object().expect("an object") {
        metadata[name] = value.clone();
    }
    metadata
}

/// Registers `base` with each of the differences, and expects a complaint about that member.
async fn refused(world: &World, base: &Value, cases: &[(&str, Value)]) {
    let mut wrong = Vec::new();
    for (member, different) in cases {
        let metadata = with(base, different);
        let answer = posted(world, &metadata).await;
        let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        let complains = description.split_once(": ").is_some_and(|(named, rule)| named == *member && !rule.is_empty());
        let plain = description.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        if answer.in_short() != "400 invalid_client_metadata" || !complains || !plain {
            wrong.push(format!("{member} {different}: {} {description}", answer.in_short()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let accepted = posted(world, base).await;
    assert_eq!(accepted.in_short(), "201", "what they differ from is right: {}", accepted.json());
}

#[tokio::test]
async fn every_member_is_taken_and_read_back() {
    let world = World::builder().trusting(&Authority::new("CA")).make().await;
    let (key, encryption) = (ClientKey::generate(Algorithm::Es256), DecryptionKey::on("P-256"));
    let metadata = json!({
        "client_id": "bank",
        "client_name": "The Bank",
        "token_endpoint_auth_method": "tls_client_auth",
        "tls_client_auth_san_dns": "bank.example",
        "jwks": { "keys": [key.jwk(), encryption.jwk()] },
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://bank.example/ciba",
        "backchannel_authentication_request_signing_alg": "ES256",
        "backchannel_user_code_parameter": true,
        "id_token_signed_response_alg": "ES256",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": "ECDH-ES",
        "userinfo_encrypted_response_enc": "A256GCM",
        "tls_client_certificate_bound_access_tokens": true,
        "dpop_bound_access_tokens": true,
        "dpop_bound_refresh_tokens": true,
        "grant_types": [CIBA, "refresh_token"],
        "response_types": [],
        "scope": "openid accounts",
        "subject_type": "public",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
        "default_acr_values": ["urn:assent:acr:uv"],
        "require_acr": true,
        "match_code": true,
        "approval_receipt": true,
        "verified": false,
        "user_verification": "preferred",
        "profile": "core",
        "long_poll": 25,
        "assertion_aud": "issuer",
        "access_token_format": "jwt",
        "audiences": ["https://api.bank.example"],
        "resources": ["https://accounts.bank.example"],
        "authorization_details_types": [],
    });
    assert_eq!(world.register(&metadata).await, metadata, "there is no secret to be told");
    assert_eq!(world.admin().client("bank").await.expect("the client"), metadata);
    let again = world.admin().replace_client("bank", &metadata).await.expect("what was read can be written");
    assert_eq!(again, metadata);
    let by_key = json!({
        "client_id": "fund",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "jwks_uri": "https://fund.example/jwks",
    });
    let told = world.register(&by_key).await;
    for (name, value) in by_key.as_object().expect("an object") {
        assert_eq!(&told[name], value, "{name}");
    }
}

#[tokio::test]
async fn what_is_not_named_gets_its_default_and_a_random_secret() {
    let world = World::new().await;
    let told = world.register(&json!({ "client_id": "bare", "contacts": ["of no use here"] })).await;
    let secret = told["client_secret"].as_str().expect("a secret").to_owned();
    let expected = json!({
        "client_id": "bare",
        "client_secret": secret,
        "client_secret_expires_at": 0,
        "client_name": "bare",
        "token_endpoint_auth_method": "client_secret_basic",
        "backchannel_token_delivery_mode": "poll",
        "backchannel_user_code_parameter": false,
        "id_token_signed_response_alg": "ES256",
        "tls_client_certificate_bound_access_tokens": false,
        "dpop_bound_access_tokens": false,
        "dpop_bound_refresh_tokens": false,
        "grant_types": [CIBA],
        "response_types": [],
        "scope": "openid profile email phone",
        "subject_type": "public",
        "require_acr": false,
        "match_code": false,
        "approval_receipt": false,
        "verified": true,
        "user_verification": "required",
        "long_poll": 0,
        "assertion_aud": "any",
        "access_token_format": "opaque",
    });
    assert_eq!(told, expected);
    assert_eq!(secret.len(), 43, "256 bits");
    let read = world.admin().client("bare").await.expect("the client");
    assert!(read.get("client_secret").is_none());
}

/// RFC 7591 §3.2.2, CIBA §4, RFC 8705 §2.1.2, REQUIREMENTS Q16, Q21 and Q38.
#[tokio::test]
async fn a_complaint_names_the_member_that_breaks_a_rule() {
    let world = World::new().await;
    let (es256, ps256) = (ClientKey::generate(Algorithm::Es256), ClientKey::generate(Algorithm::Ps256));
    let private = json!({ "keys": [with(&es256.jwk(), &json!({ "d": "AAAA" }))] });
    let strangers = json!({ "keys": [{ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }] });
    let base = json!({
        "client_id": "new",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": es256.jwks(),
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
    });
    let cases = [
        ("client_id", json!({ "client_id": "two words" })),
        ("client_id", json!({ "client_id": 7 })),
        ("client_name", json!({ "client_name": "<b>Shop</b>" })),
        ("client_secret", json!({ "client_secret": "of no use for keys" })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "none" })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "telepathy" })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "tls_client_auth" })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "self_signed_tls_client_auth" })),
        ("token_endpoint_auth_signing_alg", json!({ "token_endpoint_auth_signing_alg": "none" })),
        ("token_endpoint_auth_signing_alg", json!({ "token_endpoint_auth_signing_alg": "RS256" })),
        ("token_endpoint_auth_signing_alg", json!({ "token_endpoint_auth_signing_alg": "HS256" })),
        ("token_endpoint_auth_signing_alg", json!({ "token_endpoint_auth_signing_alg": "PS256" })),
        (
            "token_endpoint_auth_signing_alg",
            json!({ "token_endpoint_auth_method": "client_secret_basic", "token_endpoint_auth_signing_alg": "HS256" }),
        ),
        ("jwks", json!({ "jwks": null })),
        ("jwks", json!({ "jwks": "{}" })),
        ("jwks", json!({ "jwks": { "keys": [] } })),
        ("jwks", json!({ "jwks": private })),
        ("jwks", json!({ "jwks": strangers })),
        ("jwks", json!({ "jwks": { "keys": vec![ps256.jwk(); 30] } })),
        ("jwks_uri", json!({ "jwks_uri": "https://shop.example/jwks" })),
        ("jwks_uri", json!({ "jwks": null, "jwks_uri": "http://shop.example/jwks" })),
        ("jwks_uri", json!({ "jwks": null, "jwks_uri": "/jwks" })),
        ("tls_client_auth_san_dns", json!({ "tls_client_auth_san_dns": "shop.example" })),
        (
            "tls_client_auth_san_uri",
            json!({ "tls_client_auth_san_dns": "shop.example", "tls_client_auth_san_uri": "https://shop.example" }),
        ),
        ("tls_client_auth_san_ip", json!({ "tls_client_auth_san_ip": "shop" })),
        ("backchannel_token_delivery_mode", json!({ "backchannel_token_delivery_mode": "carrier pigeon" })),
        ("backchannel_client_notification_endpoint", json!({ "backchannel_client_notification_endpoint": null })),
        (
            "backchannel_client_notification_endpoint",
            json!({ "backchannel_client_notification_endpoint": "http://shop.example/ciba" }),
        ),
        (
            "backchannel_client_notification_endpoint",
            json!({ "backchannel_client_notification_endpoint": "https://user:pass@shop.example/ciba" }),
        ),
        (
            "backchannel_authentication_request_signing_alg",
            json!({ "backchannel_authentication_request_signing_alg": "HS256" }),
        ),
        (
            "backchannel_authentication_request_signing_alg",
            json!({ "backchannel_authentication_request_signing_alg": "PS256" }),
        ),
        ("backchannel_user_code_parameter", json!({ "backchannel_user_code_parameter": "yes" })),
        ("id_token_signed_response_alg", json!({ "id_token_signed_response_alg": "PS512" })),
        ("tls_client_certificate_bound_access_tokens", json!({ "tls_client_certificate_bound_access_tokens": true })),
        ("grant_types", json!({ "grant_types": [] })),
        ("grant_types", json!({ "grant_types": ["refresh_token"] })),
        ("grant_types", json!({ "grant_types": [CIBA, "authorization_code"] })),
        ("response_types", json!({ "response_types": ["code"] })),
        ("scope", json!({ "scope": "openid\temail" })),
        ("scope", json!({ "scope": "openid https://api.example/read" })),
        ("default_acr_values", json!({ "default_acr_values": ["two words"] })),
        ("subject_type", json!({ "subject_type": "triplet" })),
        ("jwks_uri", json!({ "subject_type": "pairwise" })),
        ("sector_identifier_uri", json!({ "sector_identifier_uri": "http://shop.example/sector.json" })),
        ("logo_uri", json!({ "logo_uri": "/logo.png" })),
        ("software_id", json!({ "software_id": "a\nb" })),
        ("verified", json!({ "verified": 1 })),
        ("user_verification", json!({ "user_verification": "sometimes" })),
        ("profile", json!({ "profile": "fapi" })),
        ("long_poll", json!({ "long_poll": 26 })),
        ("long_poll", json!({ "long_poll": -1 })),
        ("assertion_aud", json!({ "assertion_aud": "anybody" })),
        ("access_token_format", json!({ "access_token_format": "saml" })),
        ("audiences", json!({ "audiences": [""] })),
    ];
    refused(&world, &base, &cases).await;
}

#[tokio::test]
async fn urls_of_a_client_are_plain_http_only_where_loopback_is_open() {
    let base = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://shop.example/jwks" });
    let pinged = |url: &str| json!({ "backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": url });
    let cases = |host: &str| {
        let url = format!("http://{host}:8080/x");
        [
            ("jwks_uri", json!({ "jwks_uri": url })),
            ("logo_uri", json!({ "logo_uri": url })),
            ("backchannel_client_notification_endpoint", pinged(&url)),
        ]
    };
    let (closed, open) = (World::new().await, World::builder().reaching_stand_ins().make().await);
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        refused(&closed, &base, &cases(host)).await;
    }
    refused(&open, &base, &cases("10.0.0.1")).await;
    for (_, members) in [&cases("127.0.0.1")[0], &cases("127.0.0.1")[2]] {
        assert_eq!(posted(&open, &with(&base, members)).await.in_short(), "201", "{members}");
    }
}

fn fapi(policy: &mut Policy) {
    policy.profile = Profile::FapiCiba;
}

/// FAPI-CIBA §5.2.2, FAPI 1.0 Advanced §5.2.2 and §8.6.
#[tokio::test]
async fn the_fapi_profile_registers_keys_or_certificates_and_two_algorithms() {
    let world = World::builder().trusting(&Authority::new("CA")).policy(fapi).make().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let base = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": { "keys": [key.jwk(), ClientKey::generate(Algorithm::Es384).jwk()] },
        "backchannel_authentication_request_signing_alg": "ES256",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
    });
    let by_certificate = json!({
        "token_endpoint_auth_method": "tls_client_auth",
        "token_endpoint_auth_signing_alg": null,
        "tls_client_auth_san_dns": "shop.example",
        "backchannel_authentication_request_signing_alg": null,
        "jwks": null,
    });
    let cases = [
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": null })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "client_secret_jwt" })),
        ("token_endpoint_auth_signing_alg", json!({ "token_endpoint_auth_signing_alg": "ES384" })),
        (
            "backchannel_authentication_request_signing_alg",
            json!({ "backchannel_authentication_request_signing_alg": "ES384" }),
        ),
        ("backchannel_token_delivery_mode", json!({ "backchannel_token_delivery_mode": "push" })),
        ("long_poll", json!({ "long_poll": 5 })),
        ("profile", json!({ "profile": "core" })),
        ("jwks", by_certificate),
    ];
    refused(&world, &base, &cases).await;
    // RFC 7591 §3.2.1: it is told what holds.
    for said in [json!(null), json!(false), json!(true)] {
        let told = posted(&world, &with(&base, &json!({ "tls_client_certificate_bound_access_tokens": said }))).await;
        assert_eq!(told.json()["tls_client_certificate_bound_access_tokens"], true, "{said}");
    }
}

#[tokio::test]
async fn a_client_may_be_held_to_a_stricter_profile_than_its_realm() {
    let world = World::new().await;
    let base = json!({
        "profile": "fapi-ciba",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": ClientKey::generate(Algorithm::Ps256).jwks(),
    });
    let cases = [
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "client_secret_post" })),
        ("jwks", json!({ "jwks": ClientKey::generate(Algorithm::Es384).jwks() })),
    ];
    refused(&world, &base, &cases).await;
}

/// REQUIREMENTS Q20.
#[tokio::test]
async fn a_realm_without_ciba_registers_resource_servers_alone() {
    let world = World::builder().policy(|policy| policy.delivery_modes.clear()).policy(fapi).make().await;
    let base = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": ClientKey::generate(Algorithm::Es256).jwks(),
        "grant_types": [],
        "audiences": ["https://api.example"],
    });
    let cases = [
        ("backchannel_token_delivery_mode", json!({ "grant_types": [CIBA] })),
        ("grant_types", json!({ "audiences": [] })),
    ];
    refused(&world, &base, &cases).await;
}

fn basic(id: &str, secret: &Value) -> Credentials {
    let secret = secret.as_str().expect("a secret").to_owned();
    Credentials { id: id.to_owned(), secret, authentication: Authentication::Basic }
}

#[tokio::test]
async fn a_new_secret_voids_the_one_before() {
    let world = World::new().await;
    let (before, _phone) = (world.shop().await, world.phone("1001").await);
    let told = world.admin().renew_secret(SHOP).await.expect("another secret");
    assert_eq!(a_request().sent(&before).await.in_short(), "401 invalid_client");
    assert_eq!(a_request().sent(&before.with(basic(SHOP, &told["client_secret"]))).await.in_short(), "200");
    let keyed = json!({
        "client_id": "keyed",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": ClientKey::generate(Algorithm::Es256).jwks(),
    });
    world.register(&keyed).await;
    let answer = world.admin().call(Method::POST, "/clients/keyed/secret", None).await.expect("an answer");
    assert_eq!(answer.in_short(), "400 invalid_client_metadata");
}

/// RFC 6749 §3.3: scopes are a set.
#[tokio::test]
async fn a_scope_that_is_named_twice_is_registered_once() {
    let world = World::new().await;
    world.shop().await;
    let wanted = json!({ "client_name": "Shop", "scope": " openid  email openid email" });
    let told = world.admin().replace_client(SHOP, &wanted).await.expect("replaced");
    assert_eq!(told["scope"], "openid email");
}

#[tokio::test]
async fn replacing_a_client_keeps_its_secret_as_long_as_its_method_can_use_it() {
    let world = World::new().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    let told = world.admin().replace_client(SHOP, &json!({ "client_name": "Shop" })).await.expect("replaced");
    assert!(told.get("client_secret").is_none(), "there is no new one to tell");
    assert_eq!(told["scope"], "openid profile email phone");
    assert_eq!(a_request().sent(&shop).await.in_short(), "200");
    let chosen = json!({ "client_secret": "another secret of the shop" });
    world.admin().replace_client(SHOP, &chosen).await.expect("replaced");
    assert_eq!(a_request().sent(&shop).await.in_short(), "401 invalid_client");
    // A hash cannot check a MAC: a new secret is made.
    let mac = json!({ "token_endpoint_auth_method": "client_secret_jwt" });
    let told = world.admin().replace_client(SHOP, &mac).await.expect("replaced");
    assert!(told["client_secret"].is_string());
    // Back again, that secret is known well enough to be kept.
    let told_again = world.admin().replace_client(SHOP, &json!({})).await.expect("replaced");
    assert!(told_again.get("client_secret").is_none());
    assert_eq!(a_request().sent(&shop.with(basic(SHOP, &told["client_secret"]))).await.in_short(), "200");
    let other = json!({ "client_id": "other" });
    let answer = world.admin().call(Method::PUT, "/clients/shop", Some(&other)).await.expect("an answer");
    assert_eq!(answer.in_short(), "400 invalid_client_metadata");
}

#[tokio::test]
async fn a_removed_client_is_unknown_and_its_id_is_never_given_again() {
    let world = World::new().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    world.admin().remove_client(SHOP).await.expect("removed");
    assert_eq!(a_request().sent(&shop).await.in_short(), "401 invalid_client");
    for (method, path) in [
        (Method::GET, "/clients/shop"),
        (Method::DELETE, "/clients/shop"),
        (Method::POST, "/clients/shop/secret"),
        (Method::GET, "/clients/nobody"),
    ] {
        let answer = world.admin().call(method, path, None).await.expect("an answer");
        assert_eq!(answer.in_short(), "404 unknown_client", "{path}");
    }
    let listed = world.admin().call(Method::GET, "/clients", None).await.expect("an answer");
    assert_eq!(listed.json()["clients"], json!([]));
    let again = json!({ "client_id": SHOP, "client_secret": SHOP_SECRET });
    assert_eq!(posted(&world, &again).await.in_short(), "409 exists");
}

#[tokio::test]
async fn the_audit_trail_names_what_was_done_to_a_client_and_no_secret() {
    let world = World::new().await;
    let told = world.admin().renew_secret(SHOP).await.expect("another secret");
    world.admin().replace_client(SHOP, &json!({})).await.expect("replaced");
    world.admin().remove_client(SHOP).await.expect("removed");
    let events = world.admin().audit().await.expect("the audit trail");
    let about: Vec<&str> =
        events.iter().filter(|event| event["client"] == SHOP).filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(about, ["client_created", "client_secret_renewed", "client_changed", "client_removed"]);
    let text = json!(events).to_string();
    assert!(!text.contains(told["client_secret"].as_str().expect("a secret")));
}

#[tokio::test]
async fn a_user_is_locked_unlocked_and_given_a_user_code() {
    let world = World::new().await;
    let admin = world.admin();
    let locked = admin.change_user("1001", &json!({ "status": "locked" })).await.expect("changed");
    assert_eq!((&locked["status"], &locked["has_user_code"]), (&json!("locked"), &json!(false)));
    let coded =
        admin.change_user("1001", &json!({ "status": "active", "user_code": "675325" })).await.expect("changed");
    assert_eq!((&coded["status"], &coded["has_user_code"]), (&json!("active"), &json!(true)));
    let read = admin.call(Method::GET, "/users/1001", None).await.expect("an answer").json();
    assert_eq!(read, coded);
    let cleared = admin.change_user("1001", &json!({ "user_code": null })).await.expect("changed");
    assert_eq!((&cleared["status"], &cleared["has_user_code"]), (&json!("active"), &json!(false)));
    let wrong = [
        ("/users/1003", json!({ "status": "locked" }), "404 unknown_user"),
        ("/users/1001", json!({ "status": "asleep" }), "400 invalid_request"),
        ("/users/1001", json!({ "user_code": "" }), "400 invalid_request"),
        ("/users/1001", json!({ "username": "eve" }), "400 invalid_request"),
    ];
    for (path, change, expected) in wrong {
        let answer = admin.call(Method::PATCH, path, Some(&change)).await.expect("an answer");
        assert_eq!(answer.in_short(), expected, "{change}");
    }
    let events = admin.audit().await.expect("the audit trail");
    let events: Vec<&Value> = events.iter().filter(|event| event["subject"] == "1001").collect();
    let told: Vec<Map<String, Value>> = events.iter().filter_map(|event| event.as_object().cloned()).collect();
    let names: Vec<&str> = told.iter().filter_map(|event| event["event"].as_str()).collect();
    let expected =
        ["user_created", "user_status_changed", "user_status_changed", "user_code_changed", "user_code_changed"];
    assert_eq!(names, expected);
}
