//! What a client says of itself, and what it is told.

use serde_json::json;
use server::domain::algorithm::Algorithm;
use server::domain::details::DetailsType;
use server::domain::names::ClientId;
use server::domain::policy::Registration;
use simulator::client_key::ClientKey;
use tests::{ISSUER, World, a_request};

use super::{CIBA, builder, deleted, generous, nothing, open, posted, refused, registered, text};

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

fn details_type(name: &str) -> DetailsType {
    let kind = json!({
        "type": name,
        "title": { "label": "What", "value": name },
        "schema": { "type": "object", "required": ["to"], "properties": { "to": { "type": "string", "maxLength": 20 } } },
        "display": [{ "label": "To", "path": "/to" }],
    });
    serde_json::from_value(kind).expect("a type")
}

/// RFC 9396 §10. What no operator allowed is not to be had by leaving the member out.
#[tokio::test]
async fn the_realm_says_which_details_may_be_sent() {
    let types = |policy: &mut server::domain::policy::Policy| {
        policy.authorization_details_types = vec![details_type("payment"), details_type("account")];
        policy.registration_details_types = vec!["payment".to_owned()];
    };
    let mut world = builder(Registration::Open).policy(generous).policy(types).make().await;
    let _phone = world.phone("1001").await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    assert_eq!(told["authorization_details_types"], json!(["payment"]), "all of it by default");
    let none = registered(&world, &json!({ "authorization_details_types": [] })).await;
    assert_eq!(none["authorization_details_types"], json!([]));
    let asked = async |world: &World, told: &serde_json::Value, kind: &str| {
        let shop = world.client(text(&told["client_id"]), text(&told["client_secret"])).await;
        let details = json!([{ "type": kind, "to": "Merchant A" }]);
        a_request().with("authorization_details", &details.to_string()).sent(&shop).await.in_short()
    };
    assert_eq!(asked(&world, &told, "payment").await, "200");
    assert_eq!(asked(&world, &told, "account").await, "400 invalid_authorization_details");
    assert_eq!(asked(&world, &none, "payment").await, "400 invalid_authorization_details");
    let cases = [json!(["account"]), json!(["payment", "account"]), json!(["agent_action"]), json!(["nothing"])];
    let cases = cases.map(|types| ("authorization_details_types", json!({ "authorization_details_types": types })));
    refused(&world, &cases, async |world, metadata| posted(world, None, metadata).await).await;
    world
        .change_policy(|policy| {
            policy.registration_details_types = Vec::new();
            policy.agent_actions = true;
        })
        .await;
    let told = registered(&world, &nothing()).await;
    assert_eq!(told["authorization_details_types"], json!([]), "nothing, unless the realm says so");
    refused(&world, &cases, async |world, metadata| posted(world, None, metadata).await).await;
}

/// A removed client that had registered itself is remembered while anything may name it, and no longer.
#[tokio::test]
async fn what_removed_itself_is_forgotten_in_the_end() {
    let world: World = open().await;
    let key = ClientKey::generate(Algorithm::Es256);
    let metadata = json!({
        "client_name": "Corner shop",
        "jwks": key.jwks(),
        "software_version": "version 2.1",
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://shop.example/ciba",
    });
    let told = registered(&world, &metadata).await;
    deleted(&world, &told).await;
    let provider = world.provider();
    let found = provider.store().client(provider.id(), &ClientId::new(text(&told["client_id"]))).await;
    let record = found.expect("a look-up").expect("the record").record;
    let record = serde_json::to_string(&record).expect("JSON");
    assert!(record.contains("Corner shop"), "users may know it by that: {record}");
    for gone in ["kty", "version 2.1", "shop.example", "token\":", "secret\":"] {
        assert!(!record.contains(gone), "{gone} in {record}");
    }
    let kept = async || provider.store().clients(provider.id()).await.expect("the clients").len();
    let before = kept().await;
    provider.store().sweep(provider.id(), world.now(), 1000).await.expect("a sweep");
    assert_eq!(kept().await, before);
    world.advance(101 * 86_400);
    provider.store().sweep(provider.id(), world.now(), 1000).await.expect("a sweep");
    assert_eq!(kept().await, before - 1);
}
