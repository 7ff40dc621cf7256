//! "This was not me", said after the client got its tokens.

use device_core::{DenyReason, DeviceError, Outcome};
use protocol::messages::Answer;
use protocol::{KeyRole, PromptId};
use server::domain::algorithm::Algorithm;
use server::domain::delivery::DeliveryMode;
use server::domain::names::RequestKey;
use simulator::client_key::ClientKey;
use simulator::forger::Forger;
use tests::{World, a_request};

use crate::told::Scene;
use crate::{introspected, keyed_shop, resource_server, scene, text};

#[tokio::test]
async fn a_dispute_ends_the_tokens_and_suspends_the_phone_that_approved() {
    let (world, _, stolen) = scene().await;
    let shop = keyed_shop(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let api = resource_server(&world).await;
    let kept = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let (on_stolen, on_kept) = (world.prompt(&stolen, &asked).await, world.prompt(&kept, &asked).await);
    stolen.approve(&on_stolen).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let refreshed = shop.refresh(text(&tokens, "refresh_token")).await.expect("an answer").json();
    let next = a_request().accepted(&shop).await;
    for tokens in [&tokens, &refreshed] {
        assert_eq!(introspected(&api, text(tokens, "access_token")).await["active"], true);
    }

    assert_eq!(kept.deny(&on_kept, DenyReason::NotMe).await, Ok(Outcome::Disputed));

    for tokens in [&tokens, &refreshed] {
        assert_eq!(introspected(&api, text(tokens, "access_token")).await["active"], false);
    }
    let refused = shop.refresh(text(&refreshed, "refresh_token")).await.expect("an answer");
    assert_eq!(refused.in_short(), "400 invalid_grant");
    let devices = world.admin().devices("1001").await.expect("a list");
    let stands = |phone: &str| {
        let device = devices.iter().find(|device| device["id"] == phone).expect("listed");
        (device["status"].as_str().expect("a status").to_owned(), device["reason"].clone())
    };
    let id = async |phone| Forger::of(phone).await.expect("a phone taken apart").account().device.to_string();
    assert_eq!(stands(&id(&stolen).await), ("revoked".to_owned(), "disputed".into()));
    assert_eq!(stands(&id(&kept).await).0, "active");
    assert_eq!(stolen.pending().await.err(), Some(DeviceError::Suspended), "it sees no more prompts");
    assert_eq!(
        stolen.restarted(tests::ISSUER).pending().await.err(),
        Some(DeviceError::Suspended),
        "and remembers why"
    );
    let on_kept = world.prompt(&kept, &next).await;
    kept.approve(&on_kept).await.expect("the other phone goes on");
    assert_eq!((world.events("request_disputed").await, world.events("device_revoked").await), (1, 1));
}

#[tokio::test]
async fn the_tokens_of_a_disputed_request_are_revoked_each_by_itself() {
    let (world, _, phone) = scene().await;
    let shop = keyed_shop(&world, &ClientKey::generate(Algorithm::Es256)).await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &asked).await;
    phone.deny(&prompt, DenyReason::NotMe).await.expect("disputed by the very phone that approved");
    let provider = world.provider();
    let (store, realm) = (provider.store(), provider.id());
    let request = store.request(realm, &RequestKey::of(&asked)).await.expect("a look-up").expect("the request").record;
    let issued = request.issued.expect("it remembers its tokens");
    let grant = store.grant(realm, &issued.grant).await.expect("a look-up").expect("the grant").record;
    let family = issued.family.expect("a family");
    let family = store.family(realm, &family).await.expect("a look-up").expect("the family").record;
    assert_eq!((grant.revoked_at, family.revoked_at), (Some(world.now()), Some(world.now())));
}

#[tokio::test]
async fn a_dispute_is_heard_for_ten_minutes_after_the_tokens_were_issued_and_no_longer() {
    for (seconds, heard) in [(599, true), (600, false)] {
        let (world, shop, phone) = scene().await;
        let tablet = world.phone("1001").await;
        let asked = a_request().accepted(&shop).await;
        let on_tablet = world.prompt(&tablet, &asked).await;
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
        world.redeem(&shop, &asked).await;
        world.advance(seconds);
        let said = tablet.deny(&on_tablet, DenyReason::NotMe).await;
        assert_eq!(said.is_ok(), heard, "{seconds}: {said:?}");
        assert_eq!(world.events("request_disputed").await, usize::from(heard));
    }
}

#[tokio::test]
async fn only_the_word_not_me_disputes() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &asked).await;
    for reason in [DenyReason::WrongDetails, DenyReason::Cancelled] {
        assert_eq!(phone.deny(&prompt, reason).await, Err(DeviceError::AlreadyAnswered));
    }
    assert_eq!((world.events("request_disputed").await, world.events("device_revoked").await), (0, 0));
}

#[tokio::test]
async fn a_dispute_by_another_users_phone_is_not_heard() {
    let (world, shop, phone) = scene().await;
    let bobs = world.phone("1002").await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.redeem(&shop, &asked).await;
    let forger = Forger::of(&bobs).await.expect("a phone taken apart");
    let mut decision = forger.decision(prompt.prompt().message(), Answer::Deny).expect("a prompt");
    decision.reason = Some(protocol::messages::DenyReason::NotMe);
    let signed = forger.sign(KeyRole::Device, &decision).await.expect("signed");
    let id: PromptId = prompt.prompt().content().jti;
    assert_eq!(forger.send(&id, signed).await.expect("an answer").status, 404);
    assert_eq!(world.events("request_disputed").await, 0);
}

#[tokio::test]
async fn tokens_that_were_pushed_end_too() {
    let Scene { world, shop, phone, endpoint } = Scene::of(DeliveryMode::Push).await;
    let api = resource_server(&world).await;
    let asked = a_request().told_by(crate::told::TOKEN).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    phone.approve(&prompt).await.expect("approved");
    world.deliver().await;
    let pushed = endpoint.called(1).await.remove(0).json();
    let token = text(&pushed, "access_token").to_owned();
    assert_eq!(introspected(&api, &token).await["active"], true);
    assert_eq!(phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Disputed));
    assert_eq!(introspected(&api, &token).await["active"], false);
}

#[tokio::test]
async fn a_second_dispute_changes_nothing() {
    let (world, shop, phone) = scene().await;
    let (tablet, watch) = (world.phone("1001").await, world.phone("1001").await);
    let asked = a_request().accepted(&shop).await;
    let (on_tablet, on_watch) = (world.prompt(&tablet, &asked).await, world.prompt(&watch, &asked).await);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
    for (device, prompt) in [(&tablet, &on_tablet), (&watch, &on_watch)] {
        assert_eq!(device.deny(prompt, DenyReason::NotMe).await, Ok(Outcome::Disputed));
    }
    assert_eq!((world.events("request_disputed").await, world.events("device_revoked").await), (1, 1));
}

#[tokio::test]
async fn what_a_phone_approved_before_it_was_disowned_gets_no_tokens() {
    let (world, shop, phone): (World, _, _) = scene().await;
    let tablet = world.phone("1001").await;
    let (first, second) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let on_tablet = world.prompt(&tablet, &first).await;
    for asked in [&first, &second] {
        phone.approve(&world.prompt(&phone, asked).await).await.expect("approved");
    }
    world.redeem(&shop, &first).await;
    tablet.deny(&on_tablet, DenyReason::NotMe).await.expect("disputed");
    assert_eq!(world.poll(&shop, &second).await, "400 access_denied");
}
