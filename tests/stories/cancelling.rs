//! A client withdraws what it asked for.

use device_core::{DenyReason, DeviceError};
use serde_json::json;
use server::domain::delivery::DeliveryMode;
use server::flow::sweep;
use simulator::relying_party::RelyingParty;
use simulator::stand_in::notification::NotificationStandIn;
use tests::{World, a_request};

use crate::scene;

/// What the client is told when it cancels, as `400 invalid_grant`.
async fn cancel(client: &RelyingParty, auth_req_id: &str) -> String {
    client.cancel(auth_req_id).await.expect("an answer").in_short()
}

#[tokio::test]
async fn a_cancelled_request_is_gone_from_the_phone_and_its_polls_say_so() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let answer = shop.cancel(&asked).await.expect("an answer");
    assert_eq!((answer.in_short().as_str(), answer.json()), ("200", json!({})));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(phone.pending().await.expect("the phone asks").is_empty());
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::Withdrawn));
    let poll = shop.poll(&asked).await.expect("an answer");
    assert_eq!(poll.in_short(), "400 access_denied");
    assert_eq!(poll.json()["error_description"], "the request was cancelled by the client");
    assert_eq!(world.events("request_cancelled").await, 1);
}

#[tokio::test]
async fn cancelling_again_changes_nothing() {
    let (mut world, shop, _phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(cancel(&shop, &asked).await, "200");
    world.restart().await;
    assert_eq!(cancel(&shop, &asked).await, "200");
    assert_eq!(world.events("request_cancelled").await, 1);
}

#[tokio::test]
async fn what_is_concluded_cannot_be_cancelled_and_the_client_is_told_how_it_stands() {
    let (world, shop, phone) = scene().await;
    let (approved, denied) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    phone.approve(&world.prompt(&phone, &approved).await).await.expect("approved");
    let prompt = world.prompt(&phone, &denied).await;
    phone.deny(&prompt, DenyReason::NotMe).await.expect("denied");
    assert_eq!(cancel(&shop, &denied).await, "400 access_denied");
    assert_eq!(cancel(&shop, &approved).await, "400 already_approved");
    world.redeem(&shop, &approved).await;
    assert_eq!(cancel(&shop, &approved).await, "400 already_redeemed");
    assert_eq!(world.events("request_cancelled").await, 0);
}

#[tokio::test]
async fn an_expired_request_says_so_until_it_is_forgotten() {
    let (world, shop, _phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    world.advance(60);
    assert_eq!(cancel(&shop, &asked).await, "400 expired_token");
    world.advance(180);
    sweep::sweep(world.provider()).await.expect("a sweep");
    assert_eq!(cancel(&shop, &asked).await, "400 invalid_grant");
}

#[tokio::test]
async fn nobody_cancels_another_clients_request() {
    let (world, shop, phone) = scene().await;
    world.add_client("thief", "the secret of the thief").await;
    let thief = world.client("thief", "the secret of the thief").await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(cancel(&thief, &asked).await, "400 invalid_grant");
    assert_eq!(cancel(&thief, "no-such-request").await, "400 invalid_grant");
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_push_about_a_cancelled_request_is_not_sent_any_more() {
    let world = World::new().await;
    let (shop, _phone) = (world.shop().await, world.phone_with_push("1001", "a-token").await);
    let asked = a_request().accepted(&shop).await;
    assert_eq!(cancel(&shop, &asked).await, "200");
    world.deliver().await;
    // For all that its phone knows, one was; what would take it away is all that is sent.
    assert!(world.courier().carried().iter().all(|push| push.data["dismiss"] == "1"));
}

#[tokio::test]
async fn a_client_that_cancels_is_not_told_of_it() {
    for delivery in [DeliveryMode::Ping, DeliveryMode::Push] {
        let world = World::builder().reaching_stand_ins().make().await;
        let (endpoint, _phone) = (NotificationStandIn::start().await, world.phone("1001").await);
        let shop = world.told_shop(delivery, &endpoint).await;
        let asked = a_request().with("client_notification_token", &"t".repeat(28)).accepted(&shop).await;
        assert_eq!(cancel(&shop, &asked).await, "200");
        world.advance(3_600);
        world.deliver().await;
        assert!(endpoint.calls().is_empty(), "{delivery:?}");
    }
}
