//! What a client says of itself, and what it is told.

use serde_json::json;
use server::domain::algorithm::Algorithm;
use server::domain::policy::Registration;
use server::domain::profile::Profile;
use simulator::client_key::ClientKey;
use simulator::relying_party::{Authentication, Credentials};
use tests::pki::Authority;
use tests::{ISSUER, World, a_request};

use super::{CIBA, builder, deleted, generous, nothing, open, posted, read, refused, registered, text, token};

/// RFC 7591 §3.2.1, RFC 7592 §3, CIBA §4.
#[tokio::test]
async fn a_client_is_told_all_that_it_is_registered_with() {
    let world = open().await;
    let metadata = json!({
        "client_name": "Corner shop",
        "token_endpoint_auth_method": "client_secret_post",
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
        "backchannel_user_code_parameter": true,
        "grant_types": [CIBA, "refresh_token"],
        "scope": "openid email",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
        "redirect_uris": ["https://shop.example/of/no/use"],
        "contacts": ["nobody@shop.example"],
        "application_type": "web",
    });
    let answer = posted(&world, None, &metadata).await;
    assert_eq!(answer.in_short(), "201");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let told = answer.json();
    let id = text(&told["client_id"]);
    let expected = json!({
        "client_id": id,
        "client_id_issued_at": world.now().unix_seconds(),
        "client_secret": told["client_secret"],
        "client_secret_expires_at": 0,
        "registration_access_token": told["registration_access_token"],
        "registration_client_uri": format!("{ISSUER}/register/{id}"),
        "client_name": "Corner shop",
        "token_endpoint_auth_method": "client_secret_post",
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
        "backchannel_user_code_parameter": true,
        "id_token_signed_response_alg": "ES256",
        "tls_client_certificate_bound_access_tokens": false,
        "grant_types": [CIBA, "refresh_token"],
        "response_types": [],
        "scope": "openid email",
        "subject_type": "public",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.1",
        "require_acr": false,
        "match_code": false,
        "approval_receipt": false,
        "verified": false,
        "user_verification": "required",
        "long_poll": 0,
        "assertion_aud": "any",
        "access_token_format": "opaque",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&told[name], value, "{name}");
    }
    assert!(["redirect_uris", "contacts", "application_type"].iter().all(|ignored| told.get(ignored).is_none()));
    for secret in ["client_id", "client_secret", "registration_access_token"] {
        assert_eq!(text(&told[secret]).len(), 43, "{secret} of 256 bits");
    }
    let stored = world.stored_bytes();
    for secret in ["client_secret", "registration_access_token"] {
        let secret = text(&told[secret]).as_bytes();
        assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret), "kept as hashes");
    }
    assert_eq!(world.events("client_registered_itself").await, 1);
}

#[tokio::test]
async fn a_client_that_registered_itself_asks_and_is_shown_as_unverified() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let (shop, phone) =
        (world.client(text(&told["client_id"]), text(&told["client_secret"])).await, world.phone("1001").await);
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let shown: Vec<_> = prompt.display().lines.into_iter().map(|line| line.value).collect();
    assert_eq!(shown, ["Corner shop", "unverified", "Pay 12 euros"]);
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

/// Whatever only an operator may say, and what the metadata's own rules refuse as at the admin API.
#[tokio::test]
async fn a_client_may_not_say_of_itself_what_only_an_operator_knows() {
    let world = open().await;
    let cases = [
        ("client_id", json!({ "client_id": "my-own" })),
        ("client_secret", json!({ "client_secret": "a secret of my own choice" })),
        ("verified", json!({ "verified": true })),
        ("audiences", json!({ "audiences": [ISSUER] })),
        ("user_verification", json!({ "user_verification": "preferred" })),
        ("user_verification", json!({ "user_verification": "none" })),
        ("scope", json!({ "scope": "openid accounts" })),
        ("scope", json!({ "scope": "urn:assent:scope:enrol" })),
        ("grant_types", json!({ "grant_types": [] })),
        ("grant_types", json!({ "grant_types": [CIBA, "client_credentials"] })),
        ("response_types", json!({ "response_types": ["code"] })),
        ("token_endpoint_auth_method", json!({ "token_endpoint_auth_method": "none" })),
        ("backchannel_client_notification_endpoint", json!({ "backchannel_token_delivery_mode": "ping" })),
        (
            "backchannel_authentication_request_signing_alg",
            json!({ "backchannel_authentication_request_signing_alg": "RS256" }),
        ),
        ("jwks_uri", json!({ "jwks_uri": "http://shop.example/jwks" })),
        ("profile", json!({ "profile": "none" })),
        ("software_id", json!({ "software_id": "x".repeat(256) })),
        ("software_version", json!({ "software_version": "1\n2" })),
    ];
    refused(&world, &cases, async |world, metadata| posted(world, None, metadata).await).await;
    assert_eq!(world.events("client_registered_itself").await, 0);
    registered(&world, &json!({ "profile": "core", "verified": false, "audiences": [] })).await;
}

#[tokio::test]
async fn the_realm_says_what_may_be_asked_for() {
    let scopes = |policy: &mut server::domain::policy::Policy| {
        policy.registration_scopes = vec!["openid".to_owned(), "accounts".to_owned()];
    };
    let world = builder(Registration::Open).policy(generous).policy(scopes).make().await;
    assert_eq!(registered(&world, &nothing()).await["scope"], "openid accounts", "all of it by default");
    assert_eq!(registered(&world, &json!({ "scope": "openid" })).await["scope"], "openid");
    let refused = posted(&world, None, &json!({ "scope": "openid email" })).await;
    assert_eq!(refused.in_short(), "400 invalid_client_metadata");
}

/// `OP_ACCEPTANCE` §2.13: what the conformance suite's `dynamic_client` variant sends.
#[tokio::test]
async fn a_fapi_client_registers_asks_is_approved_and_deletes_itself() {
    let fapi = |policy: &mut server::domain::policy::Policy| {
        policy.profile = Profile::FapiCiba;
        policy.signing_algorithms = vec![Algorithm::Ps256];
    };
    let world = builder(Registration::Token).policy(fapi).mutual_tls().make().await;
    let key = ClientKey::generate(Algorithm::Ps256);
    let certificate = Authority::new("any").certify("any");
    let mut jwk = key.jwk();
    jwk["x5c"] = json!([base64_of(certificate.leaf())]);
    let metadata = json!({
        "client_name": "Suite client",
        "jwks": { "keys": [jwk] },
        "grant_types": [CIBA, "refresh_token"],
        "response_types": [],
        "scope": "openid email",
        "backchannel_token_delivery_mode": "poll",
        "backchannel_authentication_request_signing_alg": "PS256",
        "backchannel_user_code_parameter": false,
        "id_token_signed_response_alg": "PS256",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "tls_client_certificate_bound_access_tokens": true,
    });
    let made = token(&world, &nothing()).await;
    let answer = posted(&world, Some(text(&made["token"])), &metadata).await;
    assert_eq!(answer.in_short(), "201", "{}", answer.json());
    let told = answer.json();
    assert!(told.get("client_secret").is_none() && told.get("client_secret_expires_at").is_none());
    assert!(text(&told["registration_client_uri"]).starts_with("https://"));
    for (name, value) in metadata.as_object().expect("an object") {
        assert_eq!(&told[name], value, "{name} comes back");
    }
    let authentication = Authentication::PrivateKeyJwt(key.clone());
    let credentials = Credentials { id: text(&told["client_id"]).to_owned(), secret: String::new(), authentication };
    let (party, phone) = (world.client_with(credentials).await.showing(Some(certificate)), world.phone("1001").await);
    let parameters = [("scope", "openid"), ("login_hint", "alice"), ("binding_message", "1234")];
    let begun = party.begin_signed(&key, &parameters).await.expect("an answer");
    assert_eq!(begun.in_short(), "200", "{}", begun.json());
    let asked = text(&begun.json()["auth_req_id"]).to_owned();
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&party, &asked).await.json();
    party.verify(text(&tokens["id_token"]), world.now().unix_seconds()).await.expect("believed");
    let refreshed = party.refresh(text(&tokens["refresh_token"])).await.expect("an answer");
    assert_eq!(refreshed.in_short(), "200");
    let access_token = text(&tokens["access_token"]).to_owned();
    assert_eq!(party.userinfo(&access_token).await.expect("an answer").in_short(), "200");
    assert_eq!(deleted(&world, &told).await.status, 204);
    assert_eq!(read(&world, &told).await.in_short(), "401 invalid_token");
    assert_eq!(party.userinfo(&access_token).await.expect("an answer").in_short(), "401 invalid_token");
    let after = party.begin_signed(&key, &parameters).await.expect("an answer");
    assert_eq!(after.in_short(), "401 invalid_client");
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A removed client that had registered itself is remembered while anything may name it, and no longer.
#[tokio::test]
async fn what_removed_itself_is_forgotten_in_the_end() {
    let world: World = open().await;
    let told = registered(&world, &nothing()).await;
    deleted(&world, &told).await;
    let provider = world.provider();
    let kept = async || provider.store().clients(provider.id()).await.expect("the clients").len();
    let before = kept().await;
    provider.store().sweep(provider.id(), world.now(), 1000).await.expect("a sweep");
    assert_eq!(kept().await, before);
    world.advance(101 * 86_400);
    provider.store().sweep(provider.id(), world.now(), 1000).await.expect("a sweep");
    assert_eq!(kept().await, before - 1);
}
