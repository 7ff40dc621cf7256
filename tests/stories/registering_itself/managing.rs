//! A client reads, replaces and removes its own registration (RFC 7592).

use axum::http::Method;
use serde_json::{Value, json};
use server::domain::algorithm::Algorithm;
use server::domain::policy::Registration;
use simulator::client_key::ClientKey;
use tests::{ISSUER, SHOP, a_request};

use super::{
    builder, call, deleted, generous, nothing, open, own, posted, put, read, refused, registered, text, update,
};

/// RFC 7592 §2.1 and §3.
#[tokio::test]
async fn a_client_reads_what_it_is_registered_with() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let answer = read(&world, &told).await;
    assert_eq!((answer.in_short().as_str(), answer.header("cache-control")), ("200", Some("no-store")));
    let mut expected = told.clone();
    expected.as_object_mut().expect("an object").remove("client_secret");
    assert_eq!(answer.json(), expected, "all but the secret, of which a hash is kept");
}

/// RFC 7592 §2: no oracle.
#[tokio::test]
async fn whoever_has_not_the_clients_own_token_is_told_nothing() {
    let world = open().await;
    let (one, other) = (registered(&world, &nothing()).await, registered(&world, &nothing()).await);
    let gone = registered(&world, &nothing()).await;
    assert_eq!(deleted(&world, &gone).await.status, 204);
    let (uri, token) = own(&one);
    let operators = format!("{ISSUER}/register/{SHOP}");
    let nowhere = format!("{ISSUER}/register/no-such-client");
    let mut answers = Vec::new();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let body = (method == Method::PUT).then(|| update(&one, &nothing()));
        let missing = call(&world, method.clone(), uri, None, body.as_ref()).await;
        assert_eq!(missing.in_short(), "401 invalid_token", "{method}");
        assert_eq!(missing.header("www-authenticate"), Some("Bearer realm=\"assent\""));
        let cases = [(uri, Some("made up")), (uri, own(&other).1), (&operators, token), (&nowhere, token), own(&gone)];
        for (uri, token) in cases {
            let answer = call(&world, method.clone(), uri, token, body.as_ref()).await;
            assert_eq!(answer.in_short(), "401 invalid_token", "{method} {uri}");
            let challenge = answer.header("www-authenticate").map(str::to_owned);
            assert_eq!(challenge.as_deref(), Some("Bearer realm=\"assent\", error=\"invalid_token\""));
            answers.push(answer.json());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "nothing tells why");
    assert_eq!(read(&world, &one).await.in_short(), "200", "and nothing came of it");
    let in_the_url = format!("{uri}?access_token={}", token.expect("a token"));
    assert_eq!(call(&world, Method::GET, &in_the_url, None, None).await.in_short(), "400 invalid_request");
}

#[tokio::test]
async fn an_operator_replaces_a_token_that_leaked() {
    let world = open().await;
    let told = registered(&world, &nothing()).await;
    let renew = async |id: &str| {
        let path = format!("/clients/{id}/registration-token");
        world.admin().call(Method::POST, &path, None).await.expect("an answer")
    };
    let answer = renew(text(&told["client_id"])).await;
    assert_eq!(answer.in_short(), "200", "{}", answer.json());
    let renewed = answer.json();
    assert_eq!(renewed["registration_client_uri"], told["registration_client_uri"]);
    assert_eq!(read(&world, &told).await.in_short(), "401 invalid_token", "the thief's");
    let mut expected = read(&world, &renewed).await.json();
    assert_eq!(expected["registration_access_token"], renewed["registration_access_token"]);
    expected["registration_access_token"] = told["registration_access_token"].clone();
    expected["client_secret"] = told["client_secret"].clone();
    assert_eq!(expected, told, "all else stays");
    assert_eq!(world.events("client_registration_token_renewed").await, 1);
    let of_an_operator = renew(SHOP).await;
    assert_eq!(of_an_operator.in_short(), "400 invalid_client_metadata", "{}", of_an_operator.json());
    assert_eq!(renew("no-such-client").await.status, 404);
    assert_eq!(deleted(&world, &renewed).await.status, 204);
    assert_eq!(renew(text(&told["client_id"])).await.status, 404);
}

/// RFC 7592 §2.2: what is left out gets its default, and the secret stays.
#[tokio::test]
async fn a_client_replaces_all_of_its_metadata() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop", "scope": "openid email" })).await;
    let id = text(&told["client_id"]);
    let replaced = put(&world, &told, &json!({ "client_id": id, "client_name": "Corner store" })).await;
    assert_eq!(replaced.in_short(), "200", "{}", replaced.json());
    let now = replaced.json();
    assert_eq!((&now["client_name"], &now["scope"]), (&json!("Corner store"), &json!("openid profile email phone")));
    for same in ["client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri"] {
        assert_eq!(now[same], told[same], "{same}");
    }
    assert!(now.get("client_secret").is_none(), "the one before holds");
    let shop = world.client(id, text(&told["client_secret"])).await;
    assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied", "let in; there is no phone");
    let echoed = put(&world, &told, &update(&read(&world, &told).await.json(), &nothing())).await;
    assert_eq!(echoed.in_short(), "200", "what is read can be written: {}", echoed.json());
    let with_secret = update(&now, &json!({ "client_secret": told["client_secret"] }));
    assert_eq!(put(&world, &told, &with_secret).await.in_short(), "200");
    let key = ClientKey::generate(Algorithm::Es256);
    let by_key = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks() });
    assert_eq!(put(&world, &told, &update(&now, &by_key)).await.in_short(), "200");
    assert_eq!(a_request().sent(&shop).await.in_short(), "401 invalid_client", "its secret is void");
    assert_eq!(world.events("client_changed_itself").await, 4);
}

/// RFC 7592 §2.2.
#[tokio::test]
async fn an_update_must_be_of_this_client_and_may_not_say_what_only_the_server_says() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let with = |members: Value| update(&told, &members);
    let cases = [
        ("client_id", with(json!({ "client_id": null }))),
        ("client_id", with(json!({ "client_id": SHOP }))),
        ("client_secret", with(json!({ "client_secret": "another one" }))),
        ("client_secret", with(json!({ "client_secret": 7 }))),
        ("registration_access_token", with(json!({ "registration_access_token": own(&told).1 }))),
        ("registration_client_uri", with(json!({ "registration_client_uri": own(&told).0 }))),
        ("client_secret_expires_at", with(json!({ "client_secret_expires_at": 0 }))),
        ("client_id_issued_at", with(json!({ "client_id_issued_at": 0 }))),
        ("verified", with(json!({ "verified": true }))),
        ("audiences", with(json!({ "audiences": [ISSUER] }))),
        ("user_verification", with(json!({ "user_verification": "none" }))),
        ("scope", with(json!({ "scope": "openid accounts" }))),
        ("client_name", with(json!({ "client_name": "The shop" }))),
    ];
    refused(&world, &cases, async |world, metadata| put(world, &told, metadata).await).await;
    let now = read(&world, &told).await.json();
    assert_eq!(now["client_name"], "Corner shop", "nothing came of them");
}

#[tokio::test]
async fn a_client_manages_itself_after_a_restart_and_where_nobody_registers_any_more() {
    let mut world = builder(Registration::Open).policy(generous).make().await;
    let told = registered(&world, &nothing()).await;
    world.change_policy(|policy| policy.registration = Registration::Closed).await;
    assert_eq!(posted(&world, None, &nothing()).await.status, 404);
    assert_eq!(put(&world, &told, &update(&told, &json!({ "scope": "openid" }))).await.in_short(), "200");
    let gone = deleted(&world, &told).await;
    assert_eq!((gone.status.as_u16(), gone.header("cache-control"), gone.body.len()), (204, Some("no-store"), 0));
    assert_eq!(world.events("client_removed_itself").await, 1);
}
