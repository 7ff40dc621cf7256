//! Pushes: hints that leave with the request's commit, sealed, at least once, and never needed.

use std::sync::Arc;
use std::time::Duration;

use device_core::DeviceError;
use protocol::messages::PushMode;
use server::flow::deliver;
use server::outbound::Fate;
use server::outbound::client::{Client, Limits, Reach};
use server::outbound::fcm::{Fcm, FcmSettings};
use server::outbound::google::ServiceAccount;
use server::outbound::roots::Roots;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::fcm::{FcmStandIn, Reply};
use tests::{World, a_request};
use tokio::sync::watch;

const TOKEN: &str = "a-registration-token";

async fn scene() -> (World, RelyingParty, Phone) {
    let world = World::new().await;
    let shop = world.shop().await;
    let phone = world.phone_with_push("1001", TOKEN).await;
    (world, shop, phone)
}

async fn has_push_target(world: &World) -> bool {
    world.admin().devices("1001").await.expect("a list")[0]["has_push_target"] == true
}

#[tokio::test]
async fn a_push_opens_the_prompt_and_tells_nobody_else_anything() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().with("scope", "openid email").accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    let carried = world.courier().carried();
    assert_eq!(carried.len(), 1);
    let opened = phone.open_push(&carried[0].data).await.expect("the phone opens it");
    assert_eq!(opened[0].binding_message().as_deref(), Some("Pay 12 euros"));
    assert_eq!(opened[0].client_name(), "The shop");
    assert!(carried[0].ttl_seconds <= 120 && carried[0].ttl_seconds > 0);
    let in_clear = carried[0].data.to_string();
    let prompt = opened[0].prompt();
    let device = world.admin().devices("1001").await.expect("a list")[0]["id"].to_string();
    for secret in [
        "Pay 12",
        "euros",
        "shop",
        "alice",
        "1001",
        "email",
        "op.example",
        device.trim_matches('"'),
        &asked,
        &opened[0].id(),
        prompt.message().as_str(),
        &prompt.content().nonce.to_string(),
        &prompt.content().req.to_string(),
    ] {
        assert!(!in_clear.contains(secret), "{secret} can be read");
    }
    phone.approve(&opened[0]).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_push_opens_on_no_other_phone() {
    let (world, shop, _phone) = scene().await;
    let bobs = world.phone_with_push("1002", "another-token").await;
    a_request().accepted(&shop).await;
    world.deliver().await;
    let pushed = world.courier().carried().remove(0);
    assert_eq!(bobs.open_push(&pushed.data).await.err(), Some(DeviceError::NotOurPush));
}

#[tokio::test]
async fn a_lost_push_loses_nothing() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    world.deliver().await;
    // The provider took it; the phone never sees it, and asks.
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_target_that_is_gone_is_cleared_and_the_phone_still_finds_its_prompt() {
    let (world, shop, phone) = scene().await;
    assert!(has_push_target(&world).await);
    let asked = a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Gone { cause: "unregistered", since: None });
    assert_eq!(world.deliver().await, 1);
    assert!(!has_push_target(&world).await);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 0, "nobody is pushed to any more");
}

#[tokio::test]
async fn a_target_that_was_replaced_in_the_meantime_stays() {
    let (world, shop, phone) = scene().await;
    a_request().accepted(&shop).await;
    let token = "a-newer-registration-token".to_owned();
    let newer = device_core::PushTarget::FcmToken { platform: device_core::Platform::Android, token };
    phone.update_push(newer).await.expect("told");
    world.deliver().await;
    assert_eq!(world.courier().carried().len(), 1);
    assert!(has_push_target(&world).await);
    assert_eq!(world.events("push_target_changed").await, 1);
}

#[tokio::test]
async fn a_push_that_is_not_taken_waits_as_long_as_the_provider_wants() {
    let (world, shop, _phone) = scene().await;
    a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Later { retry_after_seconds: Some(20), cause: "quota" });
    assert_eq!(world.deliver().await, 1);
    let due = world.next_push().await.expect("a next attempt");
    let pause = due.unix_millis() - world.now().unix_millis();
    assert!((20_000..=25_000).contains(&pause), "{pause}");
    world.advance_millis(pause - 1);
    assert_eq!(world.deliver().await, 0, "not before");
    world.advance_millis(1);
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.courier().carried().len(), 2);
}

#[tokio::test]
async fn without_such_a_wish_the_pauses_double() {
    let (world, shop, _phone) = scene().await;
    a_request().expiring_in(300).accepted(&shop).await;
    for wanted in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000] {
        world.courier().answer_next(Fate::Later { retry_after_seconds: None, cause: "unavailable" });
        assert_eq!(world.deliver().await, 1);
        let pause = world.next_push().await.expect("a next attempt").unix_millis() - world.now().unix_millis();
        assert!((wanted..=wanted * 5 / 4).contains(&pause), "{pause} instead of {wanted}");
        world.advance_millis(pause);
    }
    assert_eq!(world.deliver().await, 1);
}

#[tokio::test]
async fn a_provider_that_wants_no_pause_gets_ours() {
    let (world, shop, _phone) = scene().await;
    a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Later { retry_after_seconds: Some(0), cause: "quota" });
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.deliver().await, 0, "not at once");
    world.advance(2);
    assert_eq!(world.deliver().await, 1);
}

#[tokio::test]
async fn a_push_is_given_up_when_its_prompt_is_over() {
    let (world, shop, _phone) = scene().await;
    a_request().expiring_in(60).accepted(&shop).await;
    world.courier().answer_next(Fate::Later { retry_after_seconds: Some(600), cause: "quota" });
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.next_push().await, None, "ten minutes would be too late");
    assert_eq!(world.events("push_concluded").await, 1);
}

#[tokio::test]
async fn a_push_that_is_refused_for_good_is_not_tried_again() {
    let (world, shop, _phone) = scene().await;
    a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Refused { cause: "permission" });
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.next_push().await, None);
    assert!(has_push_target(&world).await, "the target is not to blame");
}

#[tokio::test]
async fn nobody_is_bothered_about_what_is_decided_already() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.deliver().await;
    assert!(world.courier().carried().is_empty());
    assert_eq!(world.next_push().await, None);
}

#[tokio::test]
async fn a_push_survives_the_end_of_the_process() {
    let (mut world, shop, phone) = scene().await;
    a_request().accepted(&shop).await;
    world.restart().await;
    assert_eq!(world.deliver().await, 1);
    let pushed = world.courier().carried().remove(0);
    assert_eq!(phone.open_push(&pushed.data).await.expect("the phone opens it").len(), 1);
}

#[tokio::test]
async fn a_realm_may_push_nothing_but_a_hint() {
    let world = World::builder().policy(|policy| policy.push = PushMode::Wake).make().await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", TOKEN).await);
    a_request().accepted(&shop).await;
    world.deliver().await;
    let pushed = world.courier().carried().remove(0);
    let members: Vec<&String> = pushed.data.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["rid", "v"]);
    assert_eq!(phone.open_push(&pushed.data).await.expect("the phone asks").len(), 1);
}

#[tokio::test]
async fn every_phone_of_the_user_gets_a_copy_of_its_own() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone_with_push("1001", "the-tablet").await;
    assert_eq!(world.deliver().await, 1, "the notice that there is a tablet");
    world.advance(2);
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 2);
    let mut opened = Vec::new();
    for carried in world.courier().carried().into_iter().skip(1) {
        let mut readers = 0;
        for device in [&phone, &tablet] {
            if let Ok(requests) = device.open_push(&carried.data).await {
                opened.extend(requests.iter().map(|request| request.id()));
                readers += 1;
            }
        }
        assert_eq!(readers, 1);
    }
    opened.sort_unstable();
    opened.dedup();
    assert_eq!(opened.len(), 2);
}

#[tokio::test]
async fn a_process_that_died_while_carrying_leaves_the_push_to_the_next_one() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(120).accepted(&shop).await;
    world.advance(20);
    world.die_while_carrying().await;
    assert_eq!(world.deliver().await, 0, "it is still leased to the process that died");
    if !world.provider().store().is_exclusive() {
        // For all that anybody knows, another process is alive and carrying it.
        world.advance(30);
    }
    world.run_worker_until(2).await;
    assert_eq!(world.courier().carried().len(), 2, "a worker that starts takes such leases for void");
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
#[should_panic(expected = "undelivered messages at the end of the story")]
async fn a_story_that_forgets_a_push_fails() {
    let (_world, shop, _phone) = scene().await;
    a_request().accepted(&shop).await;
}

/// A world whose provider speaks FCM HTTP v1 to a stand-in for Google, by the operator's own base URL.
async fn scene_with_google() -> (World, FcmStandIn, RelyingParty, Phone) {
    let builder = World::builder();
    let google = FcmStandIn::start(builder.clock()).await;
    let settings = FcmSettings {
        project_id: None,
        service_account: ServiceAccount::parse(&google.service_account()).expect("a key file"),
        base_url: Some(google.base_url()),
        token_url: Some(google.token_url()),
        per_minute: 1_000,
    };
    let client = Client::new(Limits::default(), &Reach { roots: Roots::none(), ..Reach::default() }).expect("a client");
    let courier = Fcm::new(settings, client, builder.clock()).expect("settings that work");
    let world = builder.courier(Arc::new(courier)).make().await;
    let shop = world.shop().await;
    let phone = world.phone_with_push("1001", TOKEN).await;
    (world, google, shop, phone)
}

#[tokio::test]
async fn what_google_is_given_cannot_be_read_and_opens_on_the_phone_alone() {
    let (world, google, shop, phone) = scene_with_google().await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    let body = google.recorded(1).await.remove(0).body;
    assert_eq!(body["message"]["token"], TOKEN);
    let in_clear = body.to_string();
    for secret in ["Pay 12", "euros", "shop", "alice", "1001", "op.example", &asked] {
        assert!(!in_clear.contains(secret), "{secret} can be read");
    }
    let opened = phone.open_push(&body["message"]["data"]).await.expect("the phone opens it");
    assert_eq!(opened[0].binding_message().as_deref(), Some("Pay 12 euros"));
    phone.approve(&opened[0]).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn google_may_be_busy_for_a_while_and_then_know_the_phone_no_more() {
    let (world, google, shop, phone) = scene_with_google().await;
    google.answer_next(Reply::QuotaExceeded { retry_after: Some("20".to_owned()) });
    google.answer_next(Reply::Html(502));
    google.answer_next(Reply::Unregistered);
    let asked = a_request().accepted(&shop).await;
    for attempt in 1..=3 {
        assert_eq!(world.deliver().await, 1, "attempt {attempt}");
        assert_eq!(world.deliver().await, 0, "not at once again");
        world.advance(30);
    }
    assert_eq!(google.recorded(3).await.len(), 3);
    assert!(!has_push_target(&world).await);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_push_that_hangs_holds_up_no_other() {
    let (world, shop, _phone) = scene().await;
    let (end, ending) = watch::channel(false);
    let worker = tokio::spawn(deliver::run(Arc::clone(world.provider()), ending));
    for attempts in 1..=2 {
        world.courier().hang_next();
        // A phone gets one push a moment.
        world.advance(2);
        a_request().accepted(&shop).await;
        let carried = tokio::time::timeout(Duration::from_secs(20), world.courier().attempted(attempts)).await;
        assert!(carried.is_ok(), "push {attempts} is not carried");
    }
    worker.abort();
    assert!(worker.await.is_err(), "it was carrying both when it ended");
    drop(end);
    world.advance(300);
    assert_eq!(world.deliver().await, 1, "both are given up, together");
}
