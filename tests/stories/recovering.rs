//! A user who has lost every phone comes back with a new one.

use device_core::PushTarget;
use serde_json::json;
use server::domain::policy::AddDevice;
use tests::{World, a_request};

async fn world() -> World {
    let world = World::builder().policy(|policy| {
        policy.trust_claimed_uv = true;
        policy.add_device = AddDevice::Phone;
    });
    world.make().await
}

async fn lose(world: &World) {
    for device in world.admin().devices("1001").await.expect("a list") {
        world.admin().revoke(device["id"].as_str().expect("an id")).await.expect("revoked");
    }
}

async fn acr(world: &World, phone: &simulator::phone::Phone) -> serde_json::Value {
    let shop = world.shop().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    shop.verify(id_token, world.now().unix_seconds()).await.expect("a good token")["acr"].clone()
}

#[tokio::test]
async fn a_recovered_phone_proves_presence_alone_for_a_day() {
    let world = world().await;
    let first = world.phone("1001").await;
    assert_eq!(acr(&world, &first).await, "urn:assent:acr:uv");
    lose(&world).await;
    let phone = world.enrolled("1001", "New phone", PushTarget::None).await;
    let until = world.now().unix_seconds() + 86_400;
    let devices = world.admin().devices("1001").await.expect("a list");
    let limits: Vec<_> = devices.iter().map(|device| &device["limited_until"]).collect();
    assert_eq!(limits, [&json!(null), &json!(until)]);
    assert_eq!(world.events("device_recovered").await, 1);
    assert_eq!(acr(&world, &phone).await, "urn:assent:acr:presence");
    world.advance(86_399);
    assert_eq!(acr(&world, &phone).await, "urn:assent:acr:presence");
    world.advance(1);
    assert_eq!(acr(&world, &phone).await, "urn:assent:acr:uv");
}

#[tokio::test]
async fn neither_a_first_phone_nor_a_further_one_is_a_recovery() {
    let world = World::new().await;
    world.phone("1001").await;
    world.phone("1001").await;
    let devices = world.admin().devices("1001").await.expect("a list");
    assert!(devices.iter().all(|device| device["limited_until"].is_null()));
    assert_eq!(world.events("device_recovered").await, 0);
}

#[tokio::test]
async fn a_recovery_needs_its_digits_even_where_a_first_phone_does_not() {
    let world = World::builder().policy(|policy| policy.confirm = protocol::messages::Confirm::None).make().await;
    let mut first = world.new_phone("Phone", tests::ISSUER);
    let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
    let enrolment = first.enrol(&ticket, PushTarget::None).await.expect("enrolling");
    assert_eq!(enrolment.state(), device_core::EnrolmentState::Active);
    lose(&world).await;
    let mut second = world.new_phone("Phone", tests::ISSUER);
    let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
    let enrolment = second.enrol(&ticket, PushTarget::None).await.expect("enrolling");
    assert_eq!(enrolment.state(), device_core::EnrolmentState::Unconfirmed);
}

#[tokio::test]
async fn a_second_phone_does_not_end_the_day_of_a_recovered_one() {
    let world = World::builder().policy(|policy| policy.trust_claimed_uv = true).make().await;
    world.phone("1001").await;
    lose(&world).await;
    world.phone("1001").await;
    world.advance(3_600);
    let second = world.enrolled("1001", "Second", PushTarget::None).await;
    assert_eq!(acr(&world, &second).await, "urn:assent:acr:presence");
    assert_eq!(world.events("device_recovered").await, 2);
    world.advance(86_400);
    assert_eq!(acr(&world, &second).await, "urn:assent:acr:uv");
    let third = world.enrolled("1001", "Third", PushTarget::None).await;
    assert_eq!(acr(&world, &third).await, "urn:assent:acr:uv", "there was a phone that is known for longer");
}
