//! Ping mode (CIBA §10.2): the client is called once when there is an outcome, and collects it then. What its endpoint
//! answers is between the server and that endpoint: neither the phone nor the outcome notices.

use std::sync::Arc;

use device_core::DenyReason;
use serde_json::json;
use server::domain::delivery::DeliveryMode;
use server::domain::policy::Policy;
use server::flow::{deliver, sweep};
use simulator::stand_in::notification::{NotificationStandIn, Reply};
use tests::{SHOP, World, a_request};
use tokio::sync::watch;

use crate::told::{Scene, TOKEN};

async fn scene() -> Scene {
    Scene::of(DeliveryMode::Ping).await
}

async fn scene_under(policy: impl FnOnce(&mut Policy)) -> Scene {
    Scene::under(DeliveryMode::Ping, policy).await
}

impl Scene {
    /// The one call so far is a ping as it must be.
    fn was_pinged_once(&self, asked: &str) {
        let calls = self.endpoint.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!((calls[0].fault, calls[0].token.as_str()), (None, TOKEN));
        assert_eq!(calls[0].json(), json!({ "auth_req_id": asked }));
    }
}

#[tokio::test]
async fn an_approval_is_pinged_once_and_then_collected() {
    let scene = scene().await;
    let asked = scene.approved().await;
    assert!(scene.endpoint.calls().is_empty(), "the phone's call does not wait for the client's endpoint");
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&asked);
    scene.world.redeem(&scene.shop, &asked).await;
    scene.world.advance(600);
    assert_eq!(scene.world.deliver().await, 0);
    assert_eq!(scene.fates().await, ["ping delivered"]);
}

#[tokio::test]
async fn a_denial_is_pinged_too() {
    let scene = scene().await;
    let asked = scene.asked().await;
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    scene.phone.deny(&prompt, DenyReason::NotMe).await.expect("denied");
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&asked);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn the_end_of_a_request_that_nobody_answered_is_pinged_when_it_comes_and_not_before() {
    let scene = scene().await;
    let asked = a_request().told_by(TOKEN).expiring_in(60).accepted(&scene.shop).await;
    scene.world.advance_millis(59_999);
    assert_eq!(scene.world.deliver().await, 0);
    scene.world.advance_millis(1);
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&asked);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 expired_token");
    scene.world.advance(600);
    assert_eq!(scene.world.deliver().await, 0);
}

/// REQUIREMENTS Q2.
#[tokio::test]
async fn a_realm_may_want_no_ping_at_the_end_of_a_request() {
    let scene = scene_under(|policy| policy.ping_on_expiry = false).await;
    let (left, approved) = (scene.asked().await, scene.asked().await);
    scene.approve(&approved).await;
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&approved);
    scene.world.advance(120);
    assert_eq!(scene.world.deliver().await, 0);
    assert_eq!(scene.world.poll(&scene.shop, &left).await, "400 expired_token");
}

/// `OP_ACCEPTANCE` §6: one ping event a request, ever.
#[tokio::test]
async fn neither_a_later_denial_nor_the_end_of_its_life_pings_a_request_again() {
    let scene = scene().await;
    let asked = scene.asked().await;
    let prompt = scene.world.prompt(&scene.phone, &asked).await;
    scene.phone.approve(&prompt).await.expect("approved");
    scene.phone.deny(&prompt, DenyReason::Cancelled).await.expect("denied");
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&asked);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 access_denied");
    scene.world.advance(120);
    assert_eq!(scene.world.deliver().await, 0);
}

#[tokio::test]
async fn a_poll_client_is_never_called() {
    let scene = scene().await;
    scene.world.edit_client(SHOP, |client| client.delivery = DeliveryMode::Poll).await;
    let decided = scene.approved().await;
    let left = a_request().told_by("not, a token").accepted(&scene.shop).await;
    scene.world.advance(60);
    scene.world.redeem(&scene.shop, &decided).await;
    scene.world.advance(60);
    assert_eq!(scene.world.poll(&scene.shop, &left).await, "400 expired_token");
    assert_eq!(scene.world.deliver().await, 0);
    assert!(scene.endpoint.calls().is_empty());
}

#[tokio::test]
async fn a_ping_client_may_poll_and_gets_the_same_answers() {
    let scene = scene().await;
    let asked = scene.asked().await;
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 authorization_pending");
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 slow_down");
    scene.approve(&asked).await;
    scene.world.redeem(&scene.shop, &asked).await;
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&asked);
}

/// CIBA §7.1.
#[tokio::test]
async fn a_client_that_is_called_says_with_what() {
    let scene = scene().await;
    let longest = format!("{}==", "aZ09-._~+/".repeat(102));
    let too_long = format!("{longest}{}", "=".repeat(1025 - longest.len()));
    for wrong in ["", "two words", "comma,", "quote\"", "line\r\nbreak", "ümlaut", &too_long] {
        let answer = a_request().told_by(wrong).sent(&scene.shop).await;
        assert_eq!(answer.in_short(), "400 invalid_request", "{wrong:?}");
    }
    assert_eq!(a_request().sent(&scene.shop).await.in_short(), "400 invalid_request");
    let asked = a_request().told_by(&longest).accepted(&scene.shop).await;
    scene.approve(&asked).await;
    scene.endpoint.expect_token(&longest);
    scene.world.deliver().await;
    assert_eq!(scene.fates().await, ["ping delivered"]);
}

#[tokio::test]
async fn any_2xx_is_a_delivery_whatever_stands_in_it() {
    let scene = scene().await;
    for reply in [Reply::NoContent, Reply::Body, Reply::EndlessBody, Reply::Status(202), Reply::Status(299)] {
        scene.endpoint.answer_next(reply.clone());
        let asked = scene.approved().await;
        assert_eq!(scene.world.deliver().await, 1, "{reply:?}");
        assert_eq!(scene.world.next_push().await, None, "{reply:?}");
        scene.world.redeem(&scene.shop, &asked).await;
        scene.world.advance(60);
    }
    assert_eq!(scene.fates().await, ["ping delivered"; 5]);
}

/// `OP_ACCEPTANCE` §2.9, §6.
#[tokio::test]
async fn what_an_endpoint_refuses_is_not_sent_again_and_the_outcome_stands() {
    let scene = scene().await;
    let elsewhere = NotificationStandIn::start().await;
    let statuses = [400, 401, 403, 404, 405, 410, 418, 499].map(Reply::Status).into_iter();
    let redirects = [301, 302, 303, 307, 308].map(|status| Reply::Redirect(status, elsewhere.url()));
    let replies: Vec<Reply> = statuses.chain(redirects).collect();
    for reply in &replies {
        scene.endpoint.answer_next(reply.clone());
        let asked = scene.approved().await;
        assert_eq!(scene.world.deliver().await, 1, "{reply:?}");
        assert_eq!(scene.world.next_push().await, None, "{reply:?}");
        scene.world.redeem(&scene.shop, &asked).await;
        scene.world.advance(60);
    }
    assert_eq!(scene.endpoint.calls().len(), replies.len());
    assert!(elsewhere.calls().is_empty(), "a redirect was followed");
    assert!(scene.fates().await.iter().all(|fate| fate == "ping refused"));
}

#[tokio::test]
async fn what_an_endpoint_could_not_take_is_sent_again_as_it_was() {
    let scene = scene().await;
    let later = "Fri, 15 Jan 2027 10:00:00 GMT".to_owned();
    for reply in [
        Reply::Status(408),
        Reply::Status(429),
        Reply::Status(500),
        Reply::Status(502),
        Reply::RetryAfter(503, later),
        Reply::HangUp,
    ] {
        let before = scene.endpoint.calls().len();
        scene.endpoint.answer_next(reply.clone());
        let asked = scene.approved().await;
        assert_eq!(scene.world.deliver().await, 1, "{reply:?}");
        assert_eq!(scene.world.deliver().await, 0, "{reply:?}: not at once again");
        scene.world.redeem(&scene.shop, &asked).await;
        scene.world.advance(150);
        assert_eq!(scene.world.deliver().await, 1, "{reply:?}");
        let calls = scene.endpoint.calls();
        assert_eq!(calls.len(), before + 2, "{reply:?}");
        assert_eq!(calls[before], calls[before + 1], "{reply:?}");
    }
    assert_eq!(scene.fates().await, ["ping delivered"; 6]);
}

#[tokio::test]
async fn an_endpoint_is_left_alone_for_as_long_as_it_asks_up_to_two_minutes() {
    let scene = scene().await;
    // The story begins at 08:00:00.
    for (asked_for, granted) in [("20", 20), ("Fri, 15 Jan 2027 08:00:30 GMT", 30), ("3600", 120)] {
        scene.endpoint.answer_next(Reply::RetryAfter(429, asked_for.to_owned()));
        a_request().told_by(TOKEN).expiring_in(600).accepted(&scene.shop).await;
        let prompt = scene.phone.pending().await.expect("the phone asks").remove(0);
        scene.phone.approve(&prompt).await.expect("approved");
        let now = scene.world.now().unix_millis();
        assert_eq!(scene.world.deliver().await, 1);
        let pause = scene.world.next_push().await.expect("a next attempt").unix_millis() - now;
        // A date says seconds; the story's clock stands at a whole one only at its beginning.
        assert!((granted * 1000 - 1000..=granted * 1250).contains(&pause), "{asked_for}: {pause}");
        scene.world.advance_millis(pause);
        assert_eq!(scene.world.deliver().await, 1);
        scene.world.advance_millis(-pause);
    }
}

#[tokio::test]
async fn without_such_a_wish_the_pauses_double_up_to_half_a_minute() {
    let scene = scene().await;
    let asked = a_request().told_by(TOKEN).expiring_in(300).accepted(&scene.shop).await;
    scene.approve(&asked).await;
    for wanted in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        scene.endpoint.answer_next(Reply::Status(500));
        assert_eq!(scene.world.deliver().await, 1);
        let pause = scene.world.next_push().await.expect("a next attempt").unix_millis();
        let pause = pause - scene.world.now().unix_millis();
        assert!((wanted..=wanted * 5 / 4).contains(&pause), "{pause} instead of {wanted}");
        scene.world.advance_millis(pause);
    }
    assert_eq!(scene.world.deliver().await, 1);
}

#[tokio::test]
async fn a_ping_is_given_up_when_the_request_and_its_grace_are_over() {
    let scene = scene().await;
    let asked = scene.approved().await;
    let mut attempts = 0;
    // Life 120 s, grace 180 s.
    while let Some(due) = scene.world.next_push().await {
        scene.world.advance_millis((due.unix_millis() - scene.world.now().unix_millis()).max(0));
        scene.endpoint.answer_next(Reply::Status(503));
        attempts += scene.world.deliver().await;
        sweep::sweep(scene.world.provider()).await.expect("a sweep");
    }
    assert!((8..=16).contains(&attempts), "{attempts}");
    assert_eq!(scene.endpoint.calls().len(), attempts);
    assert_eq!(scene.fates().await, ["ping given_up"]);
    assert_eq!(scene.world.poll(&scene.shop, &asked).await, "400 expired_token");
}

#[tokio::test]
async fn a_client_without_an_endpoint_any_more_is_given_up() {
    let scene = scene().await;
    let asked = scene.approved().await;
    scene.world.edit_client(SHOP, |client| client.notification_endpoint = None).await;
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.fates().await, ["ping given_up"]);
    scene.world.redeem(&scene.shop, &asked).await;
}

#[tokio::test]
async fn an_endpoint_in_a_network_that_is_not_opened_is_never_called() {
    let endpoint = NotificationStandIn::start().await;
    let world = World::new().await;
    let shop = world.told_shop(DeliveryMode::Ping, &endpoint).await;
    let scene = Scene { phone: world.phone("1001").await, world, shop, endpoint };
    scene.approved().await;
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.fates().await, ["ping refused"]);
    assert!(scene.endpoint.calls().is_empty());
}

#[tokio::test]
async fn a_ping_survives_the_end_of_the_process() {
    let mut scene = scene().await;
    let (approved, left) = (scene.approved().await, scene.asked().await);
    scene.world.restart().await;
    assert_eq!(scene.world.deliver().await, 0, "it is still leased to the process that ended");
    scene.world.advance(30);
    assert_eq!(scene.world.deliver().await, 1);
    scene.was_pinged_once(&approved);
    scene.world.advance(90);
    assert_eq!(scene.world.deliver().await, 1);
    assert_eq!(scene.endpoint.calls()[1].json(), json!({ "auth_req_id": left }));
}

#[tokio::test]
async fn a_process_that_died_while_calling_leaves_the_ping_to_the_next_one() {
    let mut scene = scene().await;
    scene.approved().await;
    let [one, other] = scene.dies_while_calling().await;
    assert_eq!(one, other);
}

#[tokio::test]
async fn a_client_whose_endpoint_hangs_holds_up_no_other() {
    let scene = scene().await;
    let other = NotificationStandIn::start().await;
    scene.world.add_client("bank", "the secret of the bank").await;
    let edit = |client: &mut server::domain::client::Client| {
        client.delivery = DeliveryMode::Ping;
        client.notification_endpoint = Some(other.url());
    };
    scene.world.edit_client("bank", edit).await;
    let bank = scene.world.client("bank", "the secret of the bank").await;
    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(deliver::run(Arc::clone(scene.world.provider()), stopping));
    for hanging in 1..=3 {
        scene.endpoint.answer_next(Reply::Hang);
        scene.approved().await;
        scene.endpoint.called(hanging).await;
    }
    let asked = a_request().told_by("the-token-of-the-bank").accepted(&bank).await;
    scene.approve(&asked).await;
    let calls = other.called(1).await;
    assert_eq!(calls[0].json(), json!({ "auth_req_id": asked }));
    worker.abort();
    assert!(worker.await.is_err(), "it was still calling when it ended");
    drop(stop);
    scene.world.advance(300);
    scene.world.deliver().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_phones_that_decide_at_once_and_a_worker_beside_them_comes_one_ping() {
    let scene = scene_under(|policy| policy.prompt_limits = false).await;
    let tablet = scene.world.phone("1001").await;
    let (stop, stopping) = watch::channel(false);
    let worker = tokio::spawn(deliver::run(Arc::clone(scene.world.provider()), stopping));
    for round in 1..=10 {
        let asked = scene.asked().await;
        let prompts = (scene.world.prompt(&scene.phone, &asked).await, scene.world.prompt(&tablet, &asked).await);
        let (phone, tablet) = (scene.phone.clone(), tablet.clone());
        let approving = tokio::spawn(async move { phone.approve(&prompts.0).await });
        let denying = tokio::spawn(async move { tablet.deny(&prompts.1, DenyReason::NotMe).await });
        let _ = (approving.await.expect("no panic"), denying.await.expect("no panic"));
        assert_eq!(scene.endpoint.called(round).await[round - 1].json(), json!({ "auth_req_id": asked }));
    }
    stop.send_replace(true);
    worker.await.expect("the worker ends when it is told to");
    assert_eq!(scene.endpoint.calls().len(), 10);
    assert_eq!(scene.fates().await, ["ping delivered"; 10]);
}
