//! Push mode (CIBA §10.3): the client is sent its tokens, or why there are none (§12), and has nothing to collect.

use std::collections::BTreeSet;
use std::sync::Arc;

use device_core::{DenyReason, DeviceError, Outcome};
use protocol::{Digest, base64url};
use serde_json::{Value, json};
use server::domain::delivery::DeliveryMode;
use server::domain::user::UserStatus;
use server::flow::deliver;
use simulator::stand_in::notification::Reply;
use tests::{SHOP, a_request};
use tokio::sync::watch;

use crate::told::{Scene, TOKEN};

async fn scene() -> Scene {
    Scene::of(DeliveryMode::Push).await
}

fn left_half(token: &Value) -> String {
    let hash = Digest::of(token.as_str().expect("a token").as_bytes());
    base64url::encode(&hash.as_bytes()[..16])
}

fn members(body: &Value) -> BTreeSet<&str> {
    body.as_object().expect("an object").keys().map(String::as_str).collect()
}

impl Scene {
    /// What was sent by the one call there was.
    fn sent(&self) -> Value {
        let calls = self.endpoint.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!((calls[0].fault, calls[0].token.as_str()), (None, TOKEN));
        calls[0].json()
    }

    /// That call said this error.
    fn was_told(&self, asked: &str, error: &str) {
        let sent = self.sent();
        assert_eq!(members(&sent), ["auth_req_id", "error", "error_description"].into());
        assert_eq!((&sent["auth_req_id"], &sent["error"]), (&asked.into(), &error.into()));
    }

    async fn is_refused_at_the_token_endpoint(&self, asked: &str) {
        assert_eq!(self.world.poll(&self.shop, asked).await, "400 unauthorized_client");
    }
}

#[tokio::test]
async fn an_approval_brings_the_tokens_once() {
    let scene = scene().await;
    let answer = a_request().told_by(TOKEN).sent(&scene.shop).await.json();
    assert_eq!(members(&answer), ["auth_req_id", "expires_in"].into(), "there is nothing to poll for (CIBA §7.3)");
    let asked = answer["auth_req_id"].as_str().expect("an auth_req_id");
    scene.approve(asked).await;
    assert!(scene.endpoint.calls().is_empty());
    assert_eq!(scene.world.deliver().await, 1);
    let sent = scene.sent();
    let expected = ["access_token", "auth_req_id", "expires_in", "id_token", "scope", "token_type"];
    assert_eq!(members(&sent), expected.into());
    assert_eq!((&sent["auth_req_id"], &sent["token_type"]), (&asked.into(), &"Bearer".into()));
    assert_eq!(sent["expires_in"], 3_600);
    scene.is_refused_at_the_token_endpoint(asked).await;
    scene.world.advance(600);
    assert_eq!(scene.world.deliver().await, 0);
    assert_eq!(scene.fates().await, ["tokens delivered"]);
    assert_eq!(scene.world.events("request_redeemed").await, 1);
}

/// CIBA §10.3.1: the ID token binds the other tokens and the request to itself.
#[tokio::test]
async fn the_id_token_holds_together_what_was_pushed() {
    let scene = scene().await;
    scene.world.edit_client(SHOP, |client| client.refresh = true).await;
    let asked = scene.approved().await;
    scene.world.deliver().await;
    let sent = scene.sent();
    let id_token = sent["id_token"].as_str().expect("an ID token");
    let claims = scene.shop.verify(id_token, scene.world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims["urn:openid:params:jwt:claim:auth_req_id"], asked);
    assert_eq!(claims["at_hash"], left_half(&sent["access_token"]));
    assert_eq!(claims["urn:openid:params:jwt:claim:rt_hash"], left_half(&sent["refresh_token"]));
}

#[tokio::test]
async fn without_a_refresh_token_there_is_no_hash_of_one() {
    let scene = scene().await;
    scene.approved().await;
    scene.world.deliver().await;
    let sent = scene.sent();
    let id_token = sent["id_token"].as_str().expect("an ID token");
    let claims = scene.shop.verify(id_token, scene.world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims.get("urn:openid:params:jwt:claim:rt_hash"), None);
}

#[tokio::test]
async fn tokens_that_were_not_taken_are_sent_again_as_they_were() {
    let scene = scene().await;
    for reply in [Reply::Status(503), Reply::HangUp, Reply::Status(429)] {
        scene.endpoint.answer_next(reply);
    }
    scene.approved().await;
    for _ in 0..4 {
        assert_eq!(scene.world.deliver().await, 1);
        scene.world.advance(10);
    }
    let calls = scene.endpoint.calls();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| *call == calls[0]));
    assert_eq!(scene.fates().await, ["tokens delivered"]);
    assert_eq!(scene.world.events("request_redeemed").await, 1);
}

#[tokio::test]
async fn tokens_survive_the_end_of_the_process_before_and_after_they_were_minted() {
    let mut scene = scene().await;
    let asked = scene.approved().await;
    scene.world.restart().await;
    scene.world.advance(30);
    scene.endpoint.answer_next(Reply::Status(500));
    assert_eq!(scene.world.deliver().await, 1);
    scene.world.restart().await;
    scene.world.advance(3);
    assert_eq!(scene.world.deliver().await, 1);
    let calls = scene.endpoint.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0].json()["auth_req_id"], asked);
}

#[tokio::test]
async fn a_process_that_died_while_pushing_leaves_the_same_tokens_to_the_next_one() {
    let mut scene = scene().await;
    scene.approved().await;
    let [one, other] = scene.dies_while_calling().await;
    assert_eq!(one, other);
    assert_eq!(scene.world.events("request_redeemed").await, 1);
}

#[tokio::test]
async fn a_denial_is_pushed_as_access_denied() {
    let scene = scene().await;
    for reason in [DenyReason::NotMe, DenyReason::WrongDetails, DenyReason::Cancelled] {
        let asked = scene.asked().await;
        let prompt = scene.world.prompt(&scene.phone, &asked).await;
        scene.phone.deny(&prompt, reason).await.expect("denied");
        assert_eq!(scene.world.deliver().await, 1);
        let told = scene.endpoint.calls().pop().expect("a call").json();
        assert_eq!((&told["auth_req_id"], &told["error"]), (&asked.into(), &"access_denied".into()));
    }
}

/// REQUIREMENTS Q42: what a client is told of a denial is the same whichever way it learns it, and after a restart.
#[tokio::test]
async fn the_text_of_a_denial_reaches_push_and_poll_clients_alike() {
    let mut scene = scene().await;
    scene.world.add_client("bank", "the secret of the bank").await;
    let bank = scene.world.client("bank", "the secret of the bank").await;
    let (pushed, polled) = (scene.asked().await, a_request().accepted(&bank).await);
    for asked in [&pushed, &polled] {
        let prompt = scene.world.prompt(&scene.phone, asked).await;
        scene.phone.deny(&prompt, DenyReason::WrongDetails).await.expect("denied");
    }
    scene.world.restart().await;
    scene.world.advance(30);
    scene.world.deliver().await;
    let answer = bank.poll(&polled).await.expect("an answer").json();
    let sent = scene.sent();
    assert_eq!((&sent["error"], &sent["error_description"]), (&answer["error"], &answer["error_description"]));
    assert!(sent["error_description"].as_str().is_some_and(|text| text.len() > 10));
}

#[tokio::test]
async fn a_denial_before_the_tokens_are_minted_wins() {
    let scene = scene().await;
    let asked = scene.asked().await;
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    scene.phone.approve(&prompt).await.expect("approved");
    scene.phone.deny(&prompt, DenyReason::Cancelled).await.expect("denied");
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_told(&asked, "access_denied");
    assert_eq!(scene.world.events("request_redeemed").await, 0);
}

#[tokio::test]
async fn a_denial_after_the_tokens_were_minted_is_a_dispute_also_while_they_are_not_delivered() {
    let scene = scene().await;
    scene.endpoint.answer_next(Reply::Status(503));
    let asked = scene.asked().await;
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    scene.phone.approve(&prompt).await.expect("approved");
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.phone.deny(&prompt, DenyReason::Cancelled).await, Err(DeviceError::AlreadyAnswered));
    assert_eq!(scene.phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Disputed));
    scene.world.advance(2);
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.fates().await, ["tokens delivered"]);
    assert_eq!(scene.world.events("request_disputed").await, 1);
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_pushed_as_expired_token() {
    for wanted in [true, false] {
        let scene = Scene::under(DeliveryMode::Push, |policy| policy.ping_on_expiry = wanted).await;
        let asked = scene.asked().await;
        scene.world.advance_millis(119_999);
        assert_eq!(scene.world.deliver().await, 0);
        scene.world.advance_millis(1);
        assert_eq!(scene.world.deliver().await, 1);
        scene.was_told(&asked, "expired_token");
        scene.is_refused_at_the_token_endpoint(&asked).await;
        assert_eq!(scene.fates().await, ["expired_token delivered"]);
    }
}

#[tokio::test]
async fn an_approval_whose_tokens_were_not_minted_in_its_life_is_pushed_as_expired_token() {
    let mut scene = scene().await;
    let asked = scene.approved().await;
    scene.world.restart().await;
    scene.world.advance(120);
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_told(&asked, "expired_token");
}

/// REQUIREMENTS Q35: judged again when tokens are issued.
#[tokio::test]
async fn a_user_locked_after_the_approval_gets_no_tokens() {
    let scene = scene().await;
    let asked = scene.approved().await;
    scene.world.set_status("1001", UserStatus::Locked).await;
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_told(&asked, "access_denied");
    assert_eq!(scene.world.events("request_redeemed").await, 0);
}

#[tokio::test]
async fn what_a_phone_approved_that_was_revoked_since_brings_no_tokens() {
    let scene = scene().await;
    let asked = scene.approved().await;
    scene.revoke().await;
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_told(&asked, "access_denied");
}

/// RFC 8705 §3: a token that must be bound is not issued unbound.
#[tokio::test]
async fn tokens_that_must_be_bound_are_not_minted_without_a_certificate() {
    let scene = scene().await;
    let asked = scene.approved().await;
    scene.world.edit_client(SHOP, |client| client.certificate_bound = true).await;
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_told(&asked, "transaction_failed");
}

/// REQUIREMENTS Q6.
#[tokio::test]
async fn tokens_that_could_not_be_delivered_are_given_up_and_cannot_be_polled_for() {
    let scene = scene().await;
    let asked = scene.approved().await;
    while let Some(due) = scene.world.next_push().await {
        scene.world.advance_millis((due.unix_millis() - scene.world.now().unix_millis()).max(0));
        scene.endpoint.answer_next(Reply::Status(503));
        scene.world.deliver().await;
    }
    assert_eq!(scene.fates().await, ["tokens given_up"]);
    scene.is_refused_at_the_token_endpoint(&asked).await;
}

#[tokio::test]
async fn neither_the_log_of_events_nor_the_store_shows_tokens_in_clear() {
    let scene = scene().await;
    scene.endpoint.answer_next(Reply::Status(503));
    let asked = scene.approved().await;
    scene.world.deliver().await;
    let sent = scene.sent();
    let stored = scene.world.stored_bytes();
    let events = json!(scene.world.admin().audit().await.expect("the audit trail")).to_string();
    let secrets = [&sent["access_token"], &sent["id_token"]].map(|token| token.as_str().expect("a token"));
    for secret in secrets.into_iter().chain([asked.as_str(), TOKEN]) {
        assert!(!events.contains(secret), "an event holds a secret");
        assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "the store holds a secret");
    }
    scene.world.advance(5);
    scene.world.deliver().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_approval_and_a_denial_at_once_are_told_as_one_outcome() {
    let scene = Scene::under(DeliveryMode::Push, |policy| policy.prompt_limits = false).await;
    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(deliver::run(Arc::clone(scene.world.provider()), stopping));
    for round in 1..=16 {
        let asked = scene.asked().await;
        let prompt = scene.world.prompt(&scene.phone, &asked).await;
        scene.phone.approve(&prompt).await.expect("approved");
        let denied = scene.phone.deny(&prompt, DenyReason::Cancelled).await;
        let told = scene.endpoint.called(round).await[round - 1].json();
        assert_eq!(told["auth_req_id"], asked);
        match denied {
            Ok(Outcome::Denied) => assert_eq!(told["error"], "access_denied"),
            Err(DeviceError::AlreadyAnswered) => assert!(told["access_token"].is_string()),
            other => panic!("{other:?}"),
        }
    }
    stop.send_replace(true);
    worker.await.expect("the worker ends when it is told to");
    assert_eq!(scene.endpoint.calls().len(), 16);
}

#[tokio::test]
async fn a_client_that_withdrew_its_request_is_told_nothing() {
    let scene = scene().await;
    let asked = scene.asked().await;
    scene.shop.cancel(&asked).await.expect("an answer");
    assert_eq!(scene.world.deliver().await, 0);
    scene.world.advance(600);
    assert_eq!(scene.world.deliver().await, 0);
}

#[tokio::test]
async fn a_client_that_was_removed_is_sent_nothing() {
    let scene = scene().await;
    let asked = a_request().told_by(TOKEN).accepted(&scene.shop).await;
    scene.approve(&asked).await;
    scene.world.admin().remove_client(SHOP).await.expect("removed");
    scene.world.deliver().await;
    assert!(scene.endpoint.calls().is_empty());
    assert_eq!(scene.fates().await, ["tokens given_up"]);
    assert_eq!(scene.world.events("request_redeemed").await, 0, "nothing was minted");
}
