//! A phone's end: by an operator, or because its user leaves.

use device_core::DeviceError;
use simulator::phone::Phone;
use tests::{World, a_request};

use crate::scene;

async fn revoke(world: &World) {
    let devices = world.admin().devices("1001").await.expect("a list");
    let id = devices[0]["id"].as_str().expect("an id");
    world.admin().revoke(id).await.expect("revoked");
    world.admin().revoke(id).await.expect("revoked again, which changes nothing");
    assert_eq!(world.events("device_revoked").await, 1);
}

async fn is_deaf(phone: &Phone) -> bool {
    phone.pending().await.err() == Some(DeviceError::Revoked)
}

#[tokio::test]
async fn a_revoked_phone_cannot_answer() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    revoke(&world).await;
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::Revoked));
    assert!(is_deaf(&phone).await);
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied", "there is nobody left to ask");
}

#[tokio::test]
async fn what_a_revoked_phone_approved_and_nobody_collected_does_not_stand() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    revoke(&world).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn the_other_phone_of_the_same_user_is_not_touched() {
    let (world, shop, phone) = scene().await;
    revoke(&world).await;
    let tablet = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    assert!(is_deaf(&phone).await);
    tablet.approve(&world.prompt(&tablet, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_revocation_survives_a_restart() {
    let (mut world, _shop, phone) = scene().await;
    revoke(&world).await;
    world.restart().await;
    assert!(is_deaf(&phone).await);
}

#[tokio::test]
async fn a_phone_that_leaves_is_gone_from_both_sides() {
    let (world, shop, phone) = scene().await;
    let account = phone.account().expect("an account");
    phone.core().forget(account).await.expect("left");
    assert!(phone.core().accounts().await.expect("a list").is_empty());
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!((&devices[0]["status"], &devices[0]["reason"]), (&"revoked".into(), &"user".into()));
    assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied");
}

#[tokio::test]
async fn no_push_goes_to_a_phone_that_was_revoked_in_the_meantime() {
    let world = World::new().await;
    let (shop, _phone) = (world.shop().await, world.phone_with_push("1001", "a-token").await);
    a_request().accepted(&shop).await;
    revoke(&world).await;
    world.deliver().await;
    assert!(world.courier().carried().is_empty());
}
