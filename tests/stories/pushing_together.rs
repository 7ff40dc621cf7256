//! Several prompts, several phones: what comes together is one push, what is over is taken away, and nothing outlives its
//! request.

use protocol::RoutingId;
use serde_json::json;
use server::outbound::Fate;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, World, a_request};

const TOKEN: &str = "a-registration-token";

async fn scene() -> (World, RelyingParty, Phone) {
    let world = World::new().await;
    let shop = world.shop().await;
    let phone = world.phone_with_push("1001", TOKEN).await;
    (world, shop, phone)
}

/// The routing id of a request's prompt on a phone.
async fn rid(world: &World, phone: &Phone, asked: &str) -> String {
    RoutingId::of(&world.prompt(phone, asked).await.prompt().content().jti).to_string()
}

#[tokio::test]
async fn prompts_that_come_together_are_told_of_by_one_wake_as_long_as_any_push() {
    let (world, shop, phone) = scene().await;
    let first = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    world.advance(2);
    let second = a_request().accepted(&shop).await;
    let third = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1, "one for both");
    let carried = world.courier().carried();
    let (alone, together) = (&carried[0].data, &carried[1].data);
    assert!(alone["jwe"].is_string() && together["jwe"].is_null());
    assert_eq!(alone.to_string().len(), together.to_string().len());
    let either = [rid(&world, &phone, &second).await, rid(&world, &phone, &third).await];
    assert!(together["rid"].as_str().is_some_and(|rid| either.iter().any(|either| either == rid)));
    let opened = phone.open_push(together).await.expect("the phone asks");
    assert_eq!(opened.len(), 3, "all that await an answer");
    assert_eq!(world.events("push_concluded").await, 3);
    for asked in [first, second, third] {
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
        world.redeem(&shop, &asked).await;
    }
}

#[tokio::test]
async fn a_phone_is_left_in_peace_for_a_moment_after_a_push() {
    let (world, shop, _phone) = scene().await;
    let bobs = world.phone_with_push("1002", "another-token").await;
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    world.advance_millis(500);
    a_request().accepted(&shop).await;
    a_request().about("bob").accepted(&shop).await;
    assert_eq!(world.deliver().await, 1, "another user's phone is not concerned");
    world.advance_millis(1_499);
    assert_eq!(world.deliver().await, 0);
    world.advance_millis(1);
    assert_eq!(world.deliver().await, 1);
    assert!(world.courier().carried()[2].data["jwe"].is_string(), "alone again, it is sealed");
    drop(bobs);
}

#[tokio::test]
async fn what_did_not_get_there_makes_nothing_else_wait() {
    let (world, shop, _phone) = scene().await;
    world.courier().answer_next(Fate::Refused { cause: "quota" });
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 1);
}

#[tokio::test]
async fn of_prompts_told_of_together_one_that_is_left_is_still_told_of() {
    let (world, shop, phone) = scene().await;
    let first = a_request().accepted(&shop).await;
    let second = a_request().accepted(&shop).await;
    world.courier().answer_next(Fate::Later { retry_after_seconds: Some(5), cause: "unavailable" });
    assert_eq!(world.deliver().await, 1);
    phone.approve(&world.prompt(&phone, &first).await).await.expect("approved");
    world.advance(10);
    assert_eq!(world.deliver().await, 1);
    let pushed = world.courier().carried().pop().expect("a push");
    assert_eq!(pushed.data["rid"], rid(&world, &phone, &second).await);
    assert_eq!(phone.open_push(&pushed.data).await.expect("the phone opens it").len(), 1);
}

#[tokio::test]
async fn the_link_of_a_push_names_its_routing_id_and_nothing_else() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    world.deliver().await;
    let pushed = world.courier().carried().remove(0);
    assert_eq!(pushed.link, format!("{ISSUER}/a/{}", rid(&world, &phone, &asked).await));
    assert_eq!(pushed.data["rid"], rid(&world, &phone, &asked).await);
}

#[tokio::test]
async fn the_other_phones_are_dismissed_when_one_has_answered() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone_with_push("1001", "the-tablet").await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 2);
    let shown = rid(&world, &tablet, &asked).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    assert_eq!(world.deliver().await, 1);
    let dismissed = world.courier().carried().pop().expect("a push");
    assert_eq!(dismissed.data, json!({ "v": "1", "rid": shown, "dismiss": "1" }));
    world.redeem(&shop, &asked).await;
    // At the end of the life nobody is told once more.
    world.advance(600);
    while world.deliver().await > 0 {}
    assert_eq!(world.courier().carried().len(), 3);
}

#[tokio::test]
async fn a_denial_and_a_withdrawal_dismiss_too() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone_with_push("1001", "the-tablet").await;
    let denied = a_request().accepted(&shop).await;
    world.deliver().await;
    let prompt = world.prompt(&tablet, &denied).await;
    tablet.deny(&prompt, device_core::DenyReason::Cancelled).await.expect("denied");
    assert_eq!(world.deliver().await, 1);
    world.advance(5);
    let withdrawn = a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 2);
    let (on_phone, on_tablet) = (rid(&world, &phone, &withdrawn).await, rid(&world, &tablet, &withdrawn).await);
    assert_eq!(shop.cancel(&withdrawn).await.expect("an answer").in_short(), "200");
    assert_eq!(world.deliver().await, 2);
    let carried = world.courier().carried();
    let mut dismissed: Vec<_> = carried[5..].iter().map(|push| push.data["rid"].as_str().map(str::to_owned)).collect();
    dismissed.sort();
    let mut shown = vec![Some(on_phone), Some(on_tablet)];
    shown.sort();
    assert_eq!(dismissed, shown);
}

#[tokio::test]
async fn a_notification_that_nobody_answered_goes_away_at_the_end_of_its_prompt() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().expiring_in(120).accepted(&shop).await;
    world.deliver().await;
    let shown = rid(&world, &phone, &asked).await;
    let ttl = world.courier().carried()[0].ttl_seconds;
    world.restart().await;
    world.advance(i64::from(ttl) - 1);
    assert_eq!(world.deliver().await, 0, "not before");
    world.advance(1);
    assert_eq!(world.deliver().await, 1);
    let dismissed = world.courier().carried().pop().expect("a push");
    assert_eq!(dismissed.data, json!({ "v": "1", "rid": shown, "dismiss": "1" }));
}

#[tokio::test]
async fn what_goes_away_at_the_end_is_what_was_shown_of_several() {
    let (world, shop, phone) = scene().await;
    let first = a_request().expiring_in(120).accepted(&shop).await;
    let second = a_request().expiring_in(120).accepted(&shop).await;
    shop.cancel(&first).await.expect("an answer");
    let shown = rid(&world, &phone, &second).await;
    while world.deliver().await > 0 {}
    world.advance(i64::from(world.courier().carried().last().expect("a push").ttl_seconds));
    while world.deliver().await > 0 {}
    let of_second = json!({ "v": "1", "rid": shown, "dismiss": "1" });
    let carried: Vec<_> = world.courier().carried().into_iter().map(|push| push.data).collect();
    assert!(carried.iter().any(|data| data["rid"] == shown && data["dismiss"].is_null()), "{carried:?}");
    assert_eq!(carried.last(), Some(&of_second), "{carried:?}");
}

#[tokio::test]
async fn a_push_lives_as_long_as_its_prompt_and_no_longer() {
    let (world, shop, _phone) = scene().await;
    a_request().expiring_in(120).accepted(&shop).await;
    world.courier().answer_next(Fate::Later { retry_after_seconds: Some(40), cause: "unavailable" });
    world.deliver().await;
    world.advance(50);
    world.deliver().await;
    let lives: Vec<u32> = world.courier().carried().iter().map(|push| push.ttl_seconds).collect();
    assert_eq!(lives, [108, 58]);
}

#[tokio::test]
async fn a_dismissal_clears_a_target_that_is_gone() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone_with_push("1001", "the-tablet").await;
    let asked = a_request().accepted(&shop).await;
    world.deliver().await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.courier().answer_next(Fate::Gone { cause: "unregistered", since: None });
    assert_eq!(world.deliver().await, 1);
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!(devices.iter().filter(|device| device["has_push_target"] == true).count(), 1);
    drop(tablet);
}

#[tokio::test]
async fn prompts_to_two_phones_of_a_user_become_one_push_each_in_whatever_order_they_come() {
    let (world, shop, _phone) = scene().await;
    world.phone_with_push("1001", "the-other-token").await;
    world.add_client("bank", "the secret of this client").await;
    let bank = world.client("bank", "the secret of this client").await;
    world.deliver().await;
    world.advance(60);
    let before = world.courier().carried().len();
    for client in [&shop, &bank, &shop, &bank] {
        a_request().accepted(client).await;
    }
    assert_eq!(world.deliver().await, 2, "one for each phone");
    assert_eq!(world.courier().carried().len(), before + 2);
    world.advance(5);
    a_request().accepted(&shop).await;
    assert_eq!(world.deliver().await, 2, "and the realm goes on pushing");
}

#[tokio::test]
async fn a_notification_is_taken_away_under_an_id_of_its_own() {
    let (world, shop, _phone) = scene().await;
    a_request().expiring_in(120).accepted(&shop).await;
    world.deliver().await;
    world.advance(120);
    world.deliver().await;
    let carried = world.courier().carried();
    assert_eq!(carried[1].data["dismiss"], "1");
    assert_ne!(carried[0].id, carried[1].id, "who knows the push by its id would do nothing");
}
