//! Who may register: nobody, who has a token, or anybody at a bearable pace.

use axum::http::Method;
use serde_json::{Value, json};
use server::domain::policy::Registration;
use tests::{ISSUER, Kind, MTLS_BASE, World};
use tokio::task::JoinSet;

use super::{builder, call, deleted, generous, nothing, open, posted, registered, text, token};

async fn discovered(world: &World) -> Value {
    let document = world.public().get(&format!("{ISSUER}/.well-known/openid-configuration")).await;
    document.expect("a document").json()
}

#[tokio::test]
async fn a_realm_that_says_nothing_of_it_lets_nobody_register() {
    let world = World::new().await;
    assert_eq!(discovered(&world).await.get("registration_endpoint"), None);
    assert_eq!(posted(&world, None, &nothing()).await.status, 404);
    let made = token(&world, &nothing()).await;
    assert_eq!(posted(&world, Some(text(&made["token"])), &nothing()).await.status, 404);
}

/// RFC 8414 §2, RFC 8705 §5: the conformance suite calls the alias.
#[tokio::test]
async fn a_realm_that_lets_clients_register_says_where_and_mirrors_it_for_mutual_tls() {
    let world = builder(Registration::Token).mutual_tls().make().await;
    let document = discovered(&world).await;
    assert_eq!(document["registration_endpoint"], format!("{ISSUER}/register"));
    assert_eq!(document["mtls_endpoint_aliases"]["registration_endpoint"], format!("{MTLS_BASE}/register"));
}

/// RFC 7591 §3, RFC 6750 §3.
#[tokio::test]
async fn where_a_token_is_wanted_only_a_good_one_lets_in() {
    let world = builder(Registration::Token).make().await;
    let without = posted(&world, None, &nothing()).await;
    assert_eq!(without.in_short(), "401 invalid_token");
    assert_eq!(without.header("www-authenticate"), Some("Bearer realm=\"assent\""));
    let wrong = posted(&world, Some("made up"), &nothing()).await;
    assert_eq!(wrong.in_short(), "401 invalid_token");
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer realm=\"assent\", error=\"invalid_token\""));
    let admin = posted(&world, Some(tests::ADMIN_TOKEN), &nothing()).await;
    assert_eq!(admin.in_short(), "401 invalid_token", "another API's token");
    let made = token(&world, &json!({ "uses": 2, "lifetime": 60 })).await;
    let good = Some(text(&made["token"]));
    assert_eq!(posted(&world, good, &nothing()).await.in_short(), "201");
    let flawed = posted(&world, good, &json!({ "client_name": "<b>" })).await;
    assert_eq!(flawed.in_short(), "400 invalid_client_metadata");
    assert_eq!(posted(&world, good, &nothing()).await.in_short(), "201", "what was refused used nothing up");
    assert_eq!(posted(&world, good, &nothing()).await.in_short(), "401 invalid_token", "it was good for two");
    let made = token(&world, &json!({ "uses": 2, "lifetime": 60 })).await;
    world.advance(60);
    assert_eq!(posted(&world, Some(text(&made["token"])), &nothing()).await.in_short(), "401 invalid_token", "over");
}

#[tokio::test]
async fn an_operator_makes_lists_and_ends_tokens() {
    let world = builder(Registration::Token).make().await;
    let admin = world.admin();
    let made = token(&world, &json!({ "uses": 3, "lifetime": 600 })).await;
    let now = world.now().unix_seconds();
    assert_eq!((&made["uses_left"], &made["expires_at"]), (&json!(3), &json!(now + 600)));
    assert_eq!(text(&made["token"]).len(), 43, "256 bits");
    let other = token(&world, &nothing()).await;
    assert_eq!((&other["uses_left"], &other["expires_at"]), (&json!(1), &json!(now + 86_400)), "by default");
    assert_eq!(posted(&world, Some(text(&made["token"])), &nothing()).await.in_short(), "201");
    let list = async || admin.call(Method::GET, "/registration-tokens", None).await.expect("an answer").json();
    let listed = list().await["registration_tokens"].as_array().cloned().expect("a list");
    let shown: Vec<_> = listed.iter().map(|token| (text(&token["id"]), &token["uses_left"])).collect();
    assert_eq!(shown, [(text(&made["id"]), &json!(2)), (text(&other["id"]), &json!(1))]);
    assert!(listed.iter().all(|token| token.get("token").is_none()));
    let path = format!("/registration-tokens/{}", text(&made["id"]));
    let end = async || admin.call(Method::DELETE, &path, None).await.expect("an answer").in_short();
    assert_eq!((end().await.as_str(), end().await.as_str()), ("204", "404 unknown_token"));
    assert_eq!(posted(&world, Some(text(&made["token"])), &nothing()).await.in_short(), "401 invalid_token");
    assert_eq!(list().await["registration_tokens"].as_array().map(Vec::len), Some(1));
    for (wanted, status) in [
        (json!({ "uses": 0 }), "400 invalid_request"),
        (json!({ "uses": 10_001 }), "400 invalid_request"),
        (json!({ "lifetime": 59 }), "400 invalid_request"),
        (json!({ "lifetime": 31_536_001 }), "400 invalid_request"),
        (json!({ "forever": true }), "400 invalid_request"),
    ] {
        let answer = admin.call(Method::POST, "/registration-tokens", Some(&wanted)).await.expect("an answer");
        assert_eq!(answer.in_short(), status, "{wanted}");
    }
    for (event, times) in [("registration_token_created", 2), ("registration_token_revoked", 1)] {
        assert_eq!(world.events(event).await, times, "{event}");
    }
}

/// On every kind of store; where several servers share one, from two of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_use_a_token_at_once_as_many_are_let_in_as_it_is_good_for() {
    let world = builder(Registration::Token).make().await;
    let made = token(&world, &json!({ "uses": 2 })).await;
    let node = if Kind::of_this_run() == Kind::Postgres { Some(world.another_node().await) } else { None };
    let wires = [world.public().clone(), node.as_ref().unwrap_or(&world).public().clone()];
    let mut attempts = JoinSet::new();
    for n in 0..12 {
        let (wire, token) = (wires[n % 2].clone(), text(&made["token"]).to_owned());
        attempts.spawn(async move {
            let request = axum::http::Request::post(format!("{ISSUER}/register"))
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {token}"));
            wire.send(request.body(b"{}".to_vec()).expect("a request")).await.expect("an answer").in_short()
        });
    }
    let answers = attempts.join_all().await;
    let taken = answers.iter().filter(|answer| *answer == "201").count();
    // Who loses often enough is told that nothing was done.
    let refused = |answer: &String| answer == "401 invalid_token" || answer == "503 temporarily_unavailable";
    assert!(answers.iter().all(|answer| answer == "201" || refused(answer)), "{answers:?}");
    assert!((1..=2).contains(&taken), "{answers:?}");
    let again = posted(&world, Some(text(&made["token"])), &nothing()).await.in_short();
    assert_eq!(again, if taken == 2 { "401 invalid_token" } else { "201" });
    assert_eq!(world.events("client_registered_itself").await, 2);
    if let Some(node) = node {
        node.dies();
    }
}

#[tokio::test]
async fn without_tokens_so_many_register_in_a_minute_and_a_token_goes_before() {
    let world = builder(Registration::Open).policy(|policy| policy.registrations_per_minute = 2).make().await;
    registered(&world, &nothing()).await;
    registered(&world, &nothing()).await;
    let third = posted(&world, None, &nothing()).await;
    assert_eq!(third.in_short(), "429 temporarily_unavailable");
    assert_eq!(third.header("retry-after"), Some("60"));
    let made = token(&world, &nothing()).await;
    assert_eq!(posted(&world, Some(text(&made["token"])), &nothing()).await.in_short(), "201");
    assert_eq!(
        posted(&world, Some("made up"), &nothing()).await.in_short(),
        "401 invalid_token",
        "not as if none came"
    );
    world.advance(60);
    registered(&world, &nothing()).await;
}

#[tokio::test]
async fn there_are_never_more_than_the_realm_takes() {
    let world = builder(Registration::Open).policy(generous).policy(|policy| policy.registered_clients_max = 2);
    let world = world.make().await;
    let first = registered(&world, &nothing()).await;
    registered(&world, &nothing()).await;
    assert_eq!(posted(&world, None, &nothing()).await.in_short(), "403 access_denied");
    world.register(&json!({ "client_id": "operators" })).await;
    world.admin().remove_client("operators").await.expect("removed");
    assert_eq!(deleted(&world, &first).await.status, 204);
    assert_eq!(posted(&world, None, &nothing()).await.in_short(), "403 access_denied", "it is remembered");
    world.advance(101 * 86_400);
    server::flow::sweep::sweep(world.provider()).await.expect("swept");
    registered(&world, &nothing()).await;
    assert_eq!(posted(&world, None, &nothing()).await.in_short(), "403 access_denied");
}

/// What is refused may have made the server fetch something, and uses the token up by nothing.
#[tokio::test]
async fn one_token_is_tried_so_often_in_a_minute_whatever_comes_of_it() {
    let world = builder(Registration::Token).make().await;
    let (made, other) = (token(&world, &json!({ "uses": 2 })).await, token(&world, &nothing()).await);
    let good = Some(text(&made["token"]));
    for _ in 0..60 {
        let flawed = posted(&world, good, &json!({ "client_name": "<b>" })).await;
        assert_eq!(flawed.in_short(), "400 invalid_client_metadata");
    }
    let enough = posted(&world, good, &nothing()).await;
    assert_eq!((enough.in_short().as_str(), enough.header("retry-after")), ("429 temporarily_unavailable", Some("60")));
    assert_eq!(posted(&world, Some(text(&other["token"])), &nothing()).await.in_short(), "201", "of its own");
    world.advance(60);
    assert_eq!(posted(&world, good, &nothing()).await.in_short(), "201");
}

/// REQUIREMENTS Q39.
#[tokio::test]
async fn a_realm_may_answer_as_gluu_does() {
    let world = builder(Registration::Open).policy(|policy| policy.registration_status_200 = true).make().await;
    assert_eq!(posted(&world, None, &nothing()).await.status, 200);
}

#[tokio::test]
async fn what_is_no_registration_document_is_refused() {
    let world = open().await;
    let url = format!("{ISSUER}/register");
    for (media_type, body, expected) in [
        ("application/json", "", "400 invalid_client_metadata"),
        ("application/json", "[]", "400 invalid_client_metadata"),
        ("application/json", "{", "400 invalid_client_metadata"),
        ("application/json", r#"{"scope":"openid","scope":"email"}"#, "400 invalid_client_metadata"),
        ("text/plain", "{}", "400 invalid_request"),
        ("application/x-www-form-urlencoded", "scope=openid", "400 invalid_request"),
    ] {
        let request = axum::http::Request::post(&url).header("content-type", media_type);
        let answer = world.public().send(request.body(body.into()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.in_short(), expected, "{media_type} {body}");
    }
    let large = json!({ "client_name": "x".repeat(64 * 1024) });
    assert_eq!(posted(&world, None, &large).await.in_short(), "413 invalid_request");
    let keys = json!({ "software_id": "x".repeat(256) });
    assert_eq!(posted(&world, None, &keys).await.in_short(), "400 invalid_client_metadata");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(call(&world, method, &url, None, None).await.status, 405);
    }
}
