//! A relying party collects the outcome: polling, its pace, the tokens, and every way not to get them.

use std::time::Duration;

use axum::http::StatusCode;
use device_core::{DenyReason, DeviceError, Outcome};
use serde_json::json;
use server::flow::sweep::{self, Sweep};
use simulator::relying_party::CIBA_GRANT;
use tests::{ISSUER, SHOP, World, a_request};

use crate::{scene, text, tokens};

#[tokio::test]
async fn an_approved_request_is_redeemed_once() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
    world.redeem(&shop, &asked).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
    assert_eq!(world.events("request_redeemed").await, 1);
}

#[tokio::test]
async fn a_denied_request_is_access_denied_whatever_the_reason() {
    let (world, shop, phone) = scene().await;
    for reason in [DenyReason::NotMe, DenyReason::WrongDetails, DenyReason::Cancelled] {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        assert_eq!(phone.deny(&prompt, reason).await, Ok(Outcome::Denied));
        for _ in 0..2 {
            assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
        }
    }
}

#[tokio::test]
async fn an_expired_request_says_so_until_its_tombstone_is_gone() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    world.advance_millis(59_999);
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    world.advance_millis(1);
    assert_eq!(world.poll(&shop, &asked).await, "400 expired_token");
    assert!(phone.pending().await.expect("the phone asks").is_empty());
    world.advance_millis(179_999);
    sweep::sweep(world.provider()).await.expect("a sweep");
    assert_eq!(world.poll(&shop, &asked).await, "400 expired_token");
    world.advance_millis(1);
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
    assert!(sweep::sweep(world.provider()).await.expect("a sweep") > 0, "the tombstone is swept away");
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
}

/// REQUIREMENTS G87, G88.
#[tokio::test]
async fn a_sweep_that_is_off_leaves_the_store_alone_and_a_small_one_comes_again() {
    let (world, shop, _phone) = scene().await;
    for _ in 0..2 {
        a_request().expiring_in(60).accepted(&shop).await;
    }
    world.advance_millis(60_000 + 180_000);
    let swept = async |every: Option<Duration>, rows| {
        sweep::sweep_by(world.provider(), Sweep { every, rows }).await.expect("a sweep")
    };
    assert_eq!(swept(None, 500).await, 0);
    assert_eq!(swept(Some(Duration::from_secs(5)), 1).await, 1);
    assert!(swept(Some(Duration::from_secs(5)), 500).await > 0, "more was left");
}

#[tokio::test]
async fn an_approval_that_nobody_collects_in_time_expires() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.advance(60);
    assert_eq!(world.poll(&shop, &asked).await, "400 expired_token");
}

#[tokio::test]
async fn an_approval_in_the_last_moment_can_still_be_collected() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    // 60 s less two intervals and two seconds, the prompt's own end.
    world.advance(47);
    phone.approve(&prompt).await.expect("approved");
    world.advance(12);
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_prompt_ends_before_its_request_and_then_takes_no_approval() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    world.advance(48);
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::Expired));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn an_early_poll_adds_five_seconds_for_good_and_the_client_is_told() {
    let (world, shop, _phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let poll = async |after: i64| {
        world.advance(after);
        let answer = shop.poll(&asked).await.expect("an answer");
        let interval = answer.json()["interval"].as_i64().map(|interval| interval.to_string());
        assert_eq!(answer.header("retry-after"), interval.as_deref(), "told twice (REQUIREMENTS Q9)");
        (answer.in_short(), interval)
    };
    let pending = || ("400 authorization_pending".to_owned(), None);
    let slow_down = |interval: &str| ("400 slow_down".to_owned(), Some(interval.to_owned()));
    assert_eq!(poll(0).await, pending(), "the first poll is free");
    assert_eq!(poll(1).await, slow_down("10"));
    assert_eq!(poll(5).await, slow_down("15"), "the first interval is not enough any more");
    assert_eq!(poll(15).await, pending());
    assert_eq!(poll(10).await, slow_down("20"), "the longer interval stays");
    assert_eq!(poll(20).await, pending());
}

/// CIBA §11: whoever heeds nothing is told to stop; the transaction is not harmed.
#[tokio::test]
async fn a_client_that_hammers_is_told_to_stop_and_still_gets_the_result() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(world.poll(&shop, &asked).await);
    }
    assert_eq!(answers[0], "400 authorization_pending");
    assert!(answers[1..=30].iter().all(|answer| answer == "400 slow_down"));
    assert!(answers[31..].iter().all(|answer| answer == "400 invalid_request"));
    world.advance(60);
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_request", "it was to stop");
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_client_that_keeps_the_interval_is_never_slowed_down() {
    let (world, shop, _phone) = scene().await;
    let asked = a_request().expiring_in(300).accepted(&shop).await;
    for _ in 0..50 {
        world.advance(5);
        assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    }
}

#[tokio::test]
async fn a_result_is_handed_out_however_early_the_poll() {
    let (world, shop, phone) = scene().await;
    let (approved, denied) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    for asked in [&approved, &denied] {
        for _ in 0..3 {
            world.poll(&shop, asked).await;
        }
    }
    phone.approve(&world.prompt(&phone, &approved).await).await.expect("approved");
    let prompt = world.prompt(&phone, &denied).await;
    phone.deny(&prompt, DenyReason::Cancelled).await.expect("denied");
    assert_eq!(world.poll(&shop, &approved).await, "200");
    assert_eq!(world.poll(&shop, &denied).await, "400 access_denied");
}

#[tokio::test]
async fn another_client_gets_nothing_and_the_owner_is_not_harmed() {
    let (world, shop, phone) = scene().await;
    world.add_client("thief", "the secret of the thief").await;
    let thief = world.client("thief", "the secret of the thief").await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    for _ in 0..3 {
        assert_eq!(world.poll(&thief, &asked).await, "400 invalid_grant");
    }
    world.advance(5);
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending", "the pace is the owner's");
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    assert_eq!(world.poll(&thief, &asked).await, "400 invalid_grant");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn not_me_is_heard_until_ten_minutes_after_the_tokens_were_issued() {
    for (seconds, heard) in [(599, true), (600, false)] {
        let (world, shop, phone) = scene().await;
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        phone.approve(&prompt).await.expect("approved");
        world.advance(30);
        world.redeem(&shop, &asked).await;
        world.advance(seconds);
        sweep::sweep(world.provider()).await.expect("a sweep");
        let denied = phone.deny(&prompt, DenyReason::NotMe).await;
        assert_eq!(denied.is_ok(), heard, "after {seconds} seconds: {denied:?}");
        assert_eq!(world.events("request_disputed").await, usize::from(heard));
        assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
    }
}

#[tokio::test]
async fn the_token_response_is_exactly_what_client_libraries_expect() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().with("scope", "email openid").accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let answer = world.redeem(&shop, &asked).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "scope", "token_type"]);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["scope"], "email openid");
    assert_eq!(body["access_token"].as_str().map(str::len), Some(43), "256 bits in base64url");
}

#[tokio::test]
async fn the_id_token_says_who_when_and_what_the_phone_proved() {
    let world = World::builder().policy(|policy| policy.trust_claimed_uv = true).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let asked = a_request().accepted(&shop).await;
    world.advance(3);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let approved_at = world.now().unix_seconds();
    world.advance(7);
    let tokens = world.redeem(&shop, &asked).await.json();
    let now = world.now().unix_seconds();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    let claims = shop.verify(id_token, now).await.expect("an ID token to be believed");
    let access_token = tokens["access_token"].as_str().expect("an access token");
    let hash = protocol::Digest::of(access_token.as_bytes());
    let expected = json!({
        "iss": ISSUER,
        "sub": "1001",
        "aud": SHOP,
        "iat": now,
        "exp": now + 3_600,
        "auth_time": approved_at,
        "acr": "urn:assent:acr:uv",
        "amr": ["pop", "user", "mfa"],
        "at_hash": protocol::base64url::encode(&hash.as_bytes()[..16]),
        "urn:openid:params:jwt:claim:auth_req_id": asked,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_verified_key_that_nobody_attested_proves_presence_alone_unless_the_realm_trusts_it() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    let claims = shop.verify(id_token, world.now().unix_seconds()).await.expect("believed");
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("urn:assent:acr:presence"), &json!(["pop"])));
}

#[tokio::test]
async fn errors_while_polling_have_no_challenge_and_must_not_be_cached() {
    let (world, shop, phone) = scene().await;
    let pending = a_request().accepted(&shop).await;
    let denied = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &denied).await;
    phone.deny(&prompt, DenyReason::Cancelled).await.expect("denied");
    for asked in [pending.as_str(), &pending, &denied, "no-such-request"] {
        let answer = shop.poll(asked).await.expect("an answer");
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        let mut members: Vec<&String> = body.as_object().expect("an object").keys().collect();
        // REQUIREMENTS Q9.
        members.retain(|member| body["error"] != "slow_down" || *member != "interval");
        assert_eq!(members, ["error", "error_description"]);
    }
}

#[tokio::test]
async fn the_name_that_another_server_gave_to_auth_req_id_is_taken_where_the_realm_says_so() {
    let policies = [
        (false, "400 invalid_request", "400 authorization_pending"),
        (true, "400 authorization_pending", "400 invalid_request"),
    ];
    for (accepted, alone, beside) in policies {
        let world = World::builder().policy(|policy| policy.accept_auth_req_id_alias = accepted).make().await;
        let (shop, _phone) = (world.shop().await, world.phone("1001").await);
        let asked = a_request().accepted(&shop).await;
        let url = shop.endpoint("token_endpoint");
        let (grant, alias) = (("grant_type", CIBA_GRANT), ("authReqId", asked.as_str()));
        let answer = shop.post(url, &[grant, alias]).await.expect("an answer");
        assert_eq!(answer.in_short(), alone, "REQUIREMENTS Q1");
        world.advance(5);
        let answer = shop.post(url, &[grant, alias, ("auth_req_id", &asked)]).await.expect("an answer");
        assert_eq!(answer.in_short(), beside);
    }
}

#[tokio::test]
async fn acr_is_the_first_that_was_asked_for_and_reached() {
    let (presence, uv, hardware) = ("urn:assent:acr:presence", "urn:assent:acr:uv", "urn:assent:acr:uv-hw");
    let world = World::builder().policy(|policy| policy.trust_claimed_uv = true).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    for (asked_for, expected) in [
        (format!("{hardware} {presence} {uv}"), presence),
        (format!("{uv} {presence}"), uv),
        (format!("{hardware} urn:example:unknown"), uv),
    ] {
        let tokens = tokens(&world, &shop, &phone, a_request().with("acr_values", &asked_for)).await;
        let claims = shop.verify(text(&tokens, "id_token"), world.now().unix_seconds()).await.expect("believed");
        assert_eq!(claims["acr"], expected, "{asked_for}");
    }
}

#[tokio::test]
async fn a_client_that_requires_an_acr_gets_nothing_with_less() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.require_acr = true).await;
    let asked = a_request().with("acr_values", "urn:assent:acr:uv-hw").accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    tokens(&world, &shop, &phone, a_request().with("acr_values", "urn:assent:acr:presence")).await;
    tokens(&world, &shop, &phone, a_request()).await;
}

#[tokio::test]
async fn a_realm_may_leave_auth_req_id_out_of_the_id_tokens_that_are_collected() {
    let world = World::builder().policy(|policy| policy.id_token_auth_req_id = false).make().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let tokens = tokens(&world, &shop, &phone, a_request()).await;
    let claims = shop.verify(text(&tokens, "id_token"), world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims.get("urn:openid:params:jwt:claim:auth_req_id"), None, "REQUIREMENTS Q25");
}

/// REQUIREMENTS Q8.
#[tokio::test]
async fn the_first_poll_is_never_too_early_unless_the_realm_is_strict() {
    for (strict, answer) in [(false, "400 authorization_pending"), (true, "400 slow_down")] {
        let world = World::builder().policy(|policy| policy.strict_first_poll = strict).make().await;
        let (shop, _phone) = (world.shop().await, world.phone("1001").await);
        let [early, on_time] = [a_request().accepted(&shop).await, a_request().accepted(&shop).await];
        world.advance(4);
        assert_eq!(world.poll(&shop, &early).await, answer);
        world.advance(1);
        assert_eq!(world.poll(&shop, &on_time).await, "400 authorization_pending");
    }
}

/// REQUIREMENTS Q48.
#[tokio::test]
async fn a_realm_may_do_without_openid_and_then_there_is_no_id_token() {
    for (required, answer) in [(true, "400 invalid_scope"), (false, "200")] {
        let world = World::builder().policy(|policy| policy.require_openid = required).make().await;
        let (shop, phone) = (world.shop().await, world.phone("1001").await);
        assert_eq!(a_request().with("scope", "email").sent(&shop).await.in_short(), answer);
        if required {
            continue;
        }
        let asked = a_request().with("scope", "email").accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        phone.approve(&prompt).await.expect("approved");
        let tokens = world.redeem(&shop, &asked).await;
        let tokens: serde_json::Value = serde_json::from_slice(&tokens.body).expect("JSON");
        assert!(tokens.get("id_token").is_none() && tokens["access_token"].is_string(), "{tokens}");
    }
}
