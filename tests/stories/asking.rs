//! A relying party asks: who may, about whom, in which words, and what the phone then shows.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use server::domain::user::UserStatus;
use simulator::relying_party::{Authentication, Credentials, basic, post_form};
use tests::{ISSUER, SHOP, SHOP_SECRET, World, a_request};

use crate::scene;

const FORM: &str = "scope=openid&login_hint=alice";

#[tokio::test]
async fn the_acknowledgement_is_exactly_what_client_libraries_expect() {
    let (_world, shop, _phone) = scene().await;
    let answer = a_request().sent(&shop).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body.as_object().expect("an object").len(), 3);
    assert_eq!((&body["expires_in"], &body["interval"]), (&120.into(), &5.into()));
    let id = body["auth_req_id"].as_str().expect("a string");
    assert_eq!(id.len(), 43, "256 bits in base64url");
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
}

#[tokio::test]
async fn the_phone_shows_who_asks_and_the_binding_message() {
    let (world, shop, phone) = scene().await;
    let asked =
        a_request().with("scope", "openid email").with("binding_message", "Übung macht 42").accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(prompt.client_name(), "The shop");
    assert_eq!(prompt.binding_message().as_deref(), Some("Übung macht 42"));
    let lines: Vec<String> = prompt.display().lines.into_iter().map(|line| line.value).collect();
    assert_eq!(lines, ["The shop", "Übung macht 42", "email"]);
    assert!(prompt.verifies_user());
}

#[tokio::test]
async fn a_user_is_found_by_name_mail_telephone_number_and_subject() {
    let (world, shop, phone) = scene().await;
    let hints = ["alice", "ALICE", " alice@Example.com", "+49 30 1001", "+49301001", "+49-(30)-1001", "1001"];
    for hint in hints {
        let asked = a_request().about(hint).accepted(&shop).await;
        world.prompt(&phone, &asked).await;
        // Out of the minute in which a client may only ask so often.
        world.advance(60);
    }
}

#[tokio::test]
async fn an_unknown_user_is_unknown_user_id() {
    let (_world, shop, _phone) = scene().await;
    for hint in ["nobody", "1003", "alice@elsewhere.example", "+49 30 9999"] {
        assert_eq!(a_request().about(hint).sent(&shop).await.in_short(), "400 unknown_user_id");
    }
}

#[tokio::test]
async fn a_user_without_a_device_cannot_be_asked() {
    let (_world, shop, _phone) = scene().await;
    assert_eq!(a_request().about("bob").sent(&shop).await.in_short(), "403 access_denied");
}

#[tokio::test]
async fn a_locked_user_and_a_user_without_a_device_get_answers_of_one_kind() {
    let (world, shop, phone) = scene().await;
    for status in [UserStatus::Locked, UserStatus::Disabled] {
        world.set_status("1001", status).await;
        assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied");
    }
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn a_user_locked_after_the_approval_gets_no_tokens_out_of_it() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.set_status("1001", UserStatus::Locked).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn a_requested_expiry_is_kept_within_the_realms_bounds() {
    let world = World::builder().policy(|policy| policy.client_prompts_pending = 5).make().await;
    let (shop, _phone) = (world.shop().await, world.phone("1001").await);
    for (requested, granted) in [("60", 60), ("300", 300), ("1", 10), ("999999", 3_600)] {
        let answer = a_request().with("requested_expiry", requested).sent(&shop).await;
        assert_eq!(answer.json()["expires_in"], granted, "{requested}");
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored_and_empty_ones_count_as_absent() {
    let (_world, shop, _phone) = scene().await;
    let answer = a_request()
        .with("binding_message", "")
        .with("login_hint_token", "")
        .with("requested_expiry", "")
        .with("future_parameter", "x")
        .sent(&shop)
        .await;
    assert_eq!(answer.in_short(), "200");
    assert_eq!(a_request().with("login_hint", "").sent(&shop).await.in_short(), "400 invalid_request");
    assert_eq!(a_request().with("scope", "").sent(&shop).await.in_short(), "400 invalid_request");
}

#[tokio::test]
async fn basic_credentials_are_form_encoded_and_a_client_id_may_stand_beside_them() {
    let (world, _shop, _phone) = scene().await;
    let url = format!("{ISSUER}/backchannel/authenticate");
    let sent = async |form: String, credentials: String| {
        let answer = post_form(world.public(), &url, &form, &[(AUTHORIZATION, credentials)]).await;
        answer.expect("an answer").in_short()
    };
    let encoded = basic(SHOP, SHOP_SECRET);
    assert_eq!(sent(FORM.to_owned(), encoded.clone()).await, "200");
    assert_eq!(sent(format!("{FORM}&client_id={SHOP}"), encoded.clone()).await, "200");
    assert_eq!(sent(FORM.to_owned(), encoded.replace("Basic", "bAsIc")).await, "200");
    assert_eq!(sent(format!("{FORM}&client_id=other"), encoded).await, "400 invalid_request");
    let not_encoded = format!("Basic {}", STANDARD.encode(format!("{SHOP}:{SHOP_SECRET}")));
    assert_eq!(sent(FORM.to_owned(), not_encoded).await, "401 invalid_client");
}

#[tokio::test]
async fn a_client_authenticates_by_the_method_it_registered_and_by_no_other() {
    let (world, shop, _phone) = scene().await;
    let metadata = serde_json::json!({
        "client_id": "poster",
        "client_secret": "the poster's own secret",
        "token_endpoint_auth_method": "client_secret_post",
    });
    world.admin().create_client(&metadata).await.expect("created");
    let poster = |authentication| Credentials {
        id: "poster".to_owned(),
        secret: "the poster's own secret".to_owned(),
        authentication,
    };
    let right = shop.with(poster(Authentication::Post));
    let wrong = shop.with(poster(Authentication::Basic));
    assert_eq!(a_request().sent(&right).await.in_short(), "200");
    assert_eq!(a_request().sent(&wrong).await.in_short(), "401 invalid_client");
}

#[tokio::test]
async fn an_unauthenticated_client_is_told_how_to_authenticate_and_nothing_else() {
    let (_world, shop, _phone) = scene().await;
    for (id, secret) in [(SHOP, "not the secret"), ("nobody", SHOP_SECRET), (SHOP, "")] {
        let impostor = shop.with(Credentials {
            id: id.to_owned(),
            secret: secret.to_owned(),
            authentication: Authentication::Basic,
        });
        let answer = a_request().sent(&impostor).await;
        assert_eq!(answer.in_short(), "401 invalid_client");
        assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")));
        // The client is judged before any parameter (CIBA §13).
        let nonsense = a_request().without("scope").without("login_hint");
        assert_eq!(nonsense.sent(&impostor).await.in_short(), "401 invalid_client");
    }
}

#[tokio::test]
async fn errors_have_exactly_two_members_of_plain_text_and_no_challenge() {
    let (_world, shop, _phone) = scene().await;
    let requests = [
        a_request().without("login_hint"),
        a_request().without("scope"),
        a_request().with("scope", "profile"),
        a_request().about("nobody"),
        a_request().about("bob"),
        a_request().with("binding_message", "<b>bold</b>"),
    ];
    for request in requests {
        let answer = request.sent(&shop).await;
        let body = answer.json();
        let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["error", "error_description"], "{request:?}");
        let description = body["error_description"].as_str().expect("a text");
        assert!(description.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
}

#[tokio::test]
async fn without_limits_a_client_may_ask_as_often_as_it_likes() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let shop = world.shop().await;
    let _phone = world.phone("1001").await;
    for _ in 0..40 {
        a_request().accepted(&shop).await;
    }
}

#[tokio::test]
async fn as_many_and_as_long_scopes_as_a_client_may_have_are_shown_and_approved() {
    let (world, _shop, phone) = scene().await;
    let mut scope: Vec<String> = (10..41).map(|n| format!("{n}-{}", "x".repeat(61))).collect();
    scope.push("openid".to_owned());
    let client = |scope: &str| serde_json::json!({ "client_id": "many", "client_secret": "the many", "scope": scope });
    world.admin().create_client(&client(&scope.join(" "))).await.expect("an answer").expect("created");
    let many = world.client("many", "the many").await;
    let twice = format!("{} openid", scope.join(" "));
    assert_eq!(a_request().with("scope", &twice).sent(&many).await.in_short(), "400 invalid_request");
    let asked = a_request().with("scope", &scope.join(" ")).accepted(&many).await;
    let prompt = world.prompt(&phone, &asked).await;
    let lines: Vec<String> = prompt.display().lines.into_iter().map(|line| line.value).collect();
    assert!(scope.iter().all(|scope| scope == "openid" || lines.contains(scope)));
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&many, &asked).await;
}

#[tokio::test]
async fn a_scope_named_twice_is_asked_for_once() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().with("scope", "email openid email").accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(prompt.display().lines.iter().filter(|line| line.value == "email").count(), 1);
    phone.approve(&prompt).await.expect("approved");
    assert_eq!(world.redeem(&shop, &asked).await.json()["scope"], "email openid");
}

#[tokio::test]
async fn a_client_has_no_scope_that_a_phone_would_refuse_to_show() {
    let world = World::new().await;
    let long = "x".repeat(65);
    let many = (0..33).map(|n| format!("scope{n}")).collect::<Vec<_>>().join(" ");
    for scope in ["https://api.example/read", "caf\u{e9}", "a\"b", "a\\b", "<b>", &long, &many] {
        let metadata = serde_json::json!({ "client_id": "odd", "scope": scope });
        let answer = world.admin().call(axum::http::Method::POST, "/clients", Some(&metadata)).await;
        assert_eq!(answer.expect("an answer").in_short(), "400 invalid_client_metadata", "{scope}");
    }
}

#[tokio::test]
async fn a_phone_with_hundreds_of_prompts_still_shows_and_answers_them() {
    let world = World::builder().policy(|policy| policy.prompt_limits = false).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let message = "w".repeat(100);
    let mut asked = Vec::new();
    for _ in 0..200 {
        asked.push(a_request().with("binding_message", &message).accepted(&shop).await);
    }
    let mut answered = 0;
    while answered < asked.len() {
        let prompts = phone.pending().await.expect("the phone asks");
        assert!(!prompts.is_empty());
        for prompt in prompts {
            phone.approve(&prompt).await.expect("approved");
            answered += 1;
        }
    }
    assert_eq!(world.poll(&shop, &asked[199]).await, "200");
}
