//! Two realms in one deployment know nothing of each other.

use device_core::{DeviceError, PushTarget};
use serde_json::{Value, json};
use simulator::relying_party::{Authentication, Credentials, RelyingParty};
use tests::{ISSUER, SHOP, SHOP_SECRET, World, a_request};

const SECOND: &str = "https://op.example/second";

/// A second realm with a user and a client of the same names as in the first.
async fn scene() -> (World, RelyingParty, RelyingParty) {
    let world = World::builder().realm("second", SECOND).make().await;
    let admin = world.admin().in_realm("second");
    let user = json!({ "subject": "1001", "username": "alice" });
    admin.create_user(&user).await.expect("created").expect("new");
    let client = json!({ "client_id": SHOP, "client_secret": SHOP_SECRET });
    admin.create_client(&client).await.expect("created").expect("new");
    let first = world.shop().await;
    let credentials =
        Credentials { id: SHOP.to_owned(), secret: SHOP_SECRET.to_owned(), authentication: Authentication::Basic };
    let second = world.client_at(SECOND, credentials).await;
    (world, first, second)
}

#[tokio::test]
async fn a_request_of_one_realm_cannot_be_redeemed_in_the_other() {
    let (world, first, second) = scene().await;
    let phone = world.phone("1001").await;
    let asked = a_request().accepted(&first).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    assert_eq!(world.poll(&second, &asked).await, "400 invalid_grant");
    world.redeem(&first, &asked).await;
}

#[tokio::test]
async fn each_realm_has_its_own_phones_and_tokens_of_its_own_issuer() {
    let (world, first, second) = scene().await;
    let _in_first = world.phone("1001").await;
    assert_eq!(a_request().sent(&second).await.in_short(), "403 access_denied", "no phone in this realm");
    let new = world.new_phone("Phone of the second realm", SECOND);
    let phone = world.enrol(&world.admin().in_realm("second"), new, "1001", PushTarget::None).await;
    let asked = a_request().accepted(&second).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&second, &asked).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    let now = world.now().unix_seconds();
    let claims = second.verify(id_token, now).await.expect("believed in its realm");
    assert_eq!(claims["iss"], SECOND);
    assert!(first.verify(id_token, now).await.is_err(), "and in no other");
}

#[tokio::test]
async fn a_phone_of_one_realm_is_a_stranger_in_the_other() {
    let (world, _first, _second) = scene().await;
    let phone = world.phone("1001").await;
    let forger = simulator::forger::Forger::of(&phone).await.expect("a phone taken apart");
    let call = device_core::exchange::Call::to(SECOND, protocol::endpoints::PROMPTS);
    let reply = forger.call(&call).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (401, "unproven"));
    let ticket = world.admin().in_realm("second").create_ticket("1001").await.expect("a ticket");
    let moved = ticket.replace(SECOND, ISSUER);
    let refused = world.new_phone("Phone", ISSUER).enrol(&moved, PushTarget::None).await.err();
    assert_eq!(refused, Some(DeviceError::Refused { refusal: "invalid_ticket".to_owned() }));
}

#[tokio::test]
async fn operators_see_one_realm_at_a_time() {
    let (world, _first, _second) = scene().await;
    world.phone("1001").await;
    let (main, second) = (world.admin(), world.admin().in_realm("second"));
    assert_eq!(main.devices("1001").await.expect("a list").len(), 1);
    assert_eq!(second.devices("1001").await.expect("a list").len(), 0);
    let by_name = main.in_realm("main").audit().await.expect("the audit trail");
    assert_eq!(by_name, main.audit().await.expect("the audit trail"));
    assert!(second.audit().await.expect("the audit trail").iter().all(|event| event["event"] != "device_enrolled"));
}

#[tokio::test]
async fn realms_publish_different_keys() {
    let (world, _first, _second) = scene().await;
    let keys =
        async |issuer: &str| -> Value { world.public().get(&format!("{issuer}/jwks")).await.expect("keys").json() };
    assert_ne!(keys(ISSUER).await, keys(SECOND).await);
}

#[tokio::test]
async fn both_realms_survive_a_restart() {
    let (mut world, first, second) = scene().await;
    world.restart().await;
    assert_eq!(a_request().sent(&first).await.in_short(), "403 access_denied");
    assert_eq!(a_request().sent(&second).await.in_short(), "403 access_denied");
}
