//! Userinfo, the resource that the provider itself protects.

use axum::http::Request;
use serde_json::{Value, json};
use server::domain::user::UserStatus;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::wire::Answer;
use tests::{ISSUER, World, a_request};

use crate::{scene, text, tokens};

/// An access token for these scopes.
async fn token(world: &World, shop: &RelyingParty, phone: &Phone, scope: &str) -> String {
    let tokens = tokens(world, shop, phone, a_request().with("scope", scope)).await;
    text(&tokens, "access_token").to_owned()
}

/// A call with whatever headers.
async fn call(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("{ISSUER}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.public().send(request.body(Vec::new()).expect("a request")).await.expect("an answer")
}

#[tokio::test]
async fn each_scope_brings_its_claims_and_no_others() {
    let (world, shop, phone) = scene().await;
    let everything = json!({
        "sub": "1001", "preferred_username": "alice", "email": "alice@example.com", "phone_number": "+49 30 1001",
    });
    let cases: [(&str, Value); 3] = [
        ("openid", json!({ "sub": "1001" })),
        ("openid email", json!({ "sub": "1001", "email": "alice@example.com" })),
        ("openid profile email phone", everything),
    ];
    for (scope, expected) in cases {
        let token = token(&world, &shop, &phone, scope).await;
        let authorization = format!("Bearer {token}");
        for method in ["GET", "POST"] {
            let answer = call(&world, method, "/userinfo", &[("authorization", &authorization)]).await;
            assert_eq!((answer.in_short().as_str(), answer.json()), ("200", expected.clone()));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn what_fapi_clients_send_beside_the_token_is_tolerated_and_the_interaction_id_comes_back() {
    let (world, shop, phone) = scene().await;
    let authorization = format!("bearer {}", token(&world, &shop, &phone, "openid").await);
    let id = "C770aef3-6784-41F7-8e0e-ff5f97bddb3a";
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-fapi-interaction-id", id),
        ("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 GMT"),
        ("x-fapi-customer-ip-address", "2001:db8::1893:25c:f8b1"),
        ("accept", "application/json;charset=UTF-8, text/plain;q=0.5, */*;q=0.1"),
        ("accept-charset", "utf-8"),
    ];
    let answer = call(&world, "GET", "/userinfo", &headers).await;
    assert_eq!(answer.in_short(), "200");
    assert_eq!(answer.header("x-fapi-interaction-id"), Some(id));
    for sent in [None, Some("not-a-uuid")] {
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(sent.map(|id| ("x-fapi-interaction-id", id)));
        let answer = call(&world, "GET", "/userinfo", &headers).await;
        let invented = answer.header("x-fapi-interaction-id").expect("one of the server's own");
        assert_eq!((invented.len(), invented.as_bytes()[14]), (36, b'4'), "a UUID of version 4: {invented}");
    }
}

/// Path and headers of a call, what it is answered, and the challenge.
type Refused<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str, Option<&'a str>);

#[tokio::test]
async fn calls_without_a_good_token_are_refused_as_rfc_6750_wants_it() {
    let (world, shop, phone) = scene().await;
    let token = token(&world, &shop, &phone, "openid").await;
    let good = format!("Bearer {token}");
    let algorithms = "PS256 ES256 EdDSA ES384 PS384 PS512";
    let asks = format!("Bearer realm=\"assent\", DPoP realm=\"assent\", algs=\"{algorithms}\"");
    let asks = Some(asks.as_str());
    let says_invalid = Some("Bearer realm=\"assent\", error=\"invalid_token\"");
    let in_query = format!("/userinfo?access_token={token}");
    let cases: [Refused<'_>; 9] = [
        ("/userinfo", vec![], "401 invalid_token", asks),
        ("/userinfo", vec![("authorization", "Bearer")], "401 invalid_token", asks),
        ("/userinfo", vec![("authorization", "Bearer ")], "401 invalid_token", asks),
        ("/userinfo", vec![("authorization", "Basic c2hvcDp4")], "401 invalid_token", asks),
        ("/userinfo", vec![("authorization", "Bearer nonsense")], "401 invalid_token", says_invalid),
        ("/userinfo", vec![("authorization", "Bearer a.b.c")], "401 invalid_token", says_invalid),
        ("/userinfo", vec![("authorization", &good), ("authorization", &good)], "400 invalid_request", None),
        (&in_query, vec![], "400 invalid_request", None),
        (&in_query, vec![("authorization", &good)], "400 invalid_request", None),
    ];
    for (path, headers, expected, challenge) in cases {
        let answer = call(&world, "GET", path, &headers).await;
        assert_eq!(
            (answer.in_short().as_str(), answer.header("www-authenticate")),
            (expected, challenge),
            "{headers:?}"
        );
        assert!(answer.header("x-fapi-interaction-id").is_some());
    }
}

#[tokio::test]
async fn a_token_is_good_until_its_end_and_while_its_user_may_sign_in() {
    let (world, shop, phone) = scene().await;
    let token = token(&world, &shop, &phone, "openid").await;
    let told = async || shop.userinfo(&token).await.expect("an answer").in_short();
    assert_eq!(told().await, "200");
    for status in [UserStatus::Locked, UserStatus::Disabled] {
        world.set_status("1001", status).await;
        assert_eq!(told().await, "401 invalid_token");
    }
    world.set_status("1001", UserStatus::Active).await;
    world.advance(3_599);
    assert_eq!(told().await, "200");
    world.advance(1);
    assert_eq!(told().await, "401 invalid_token");
}
