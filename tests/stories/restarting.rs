//! The process ends and starts again in the middle of a story.

use device_core::{DenyReason, Outcome};
use protocol::endpoints;
use simulator::forger::Forger;
use tests::a_request;

use crate::scene;

#[tokio::test]
async fn a_request_survives_a_restart() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    world.restart().await;
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(phone.approve(&world.prompt(&phone, &asked).await).await, Ok(Outcome::Approved));
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_decision_survives_a_restart() {
    let (mut world, shop, phone) = scene().await;
    let (approved, denied) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    phone.approve(&world.prompt(&phone, &approved).await).await.expect("approved");
    let prompt = world.prompt(&phone, &denied).await;
    phone.deny(&prompt, DenyReason::NotMe).await.expect("denied");
    world.restart().await;
    assert_eq!(world.poll(&shop, &denied).await, "400 access_denied");
    let tokens = world.redeem(&shop, &approved).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    shop.verify(id_token, world.now().unix_seconds()).await.expect("signed by a key that is still published");
}

#[tokio::test]
async fn a_redemption_survives_a_restart() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
    world.restart().await;
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
}

#[tokio::test]
async fn time_that_passes_while_the_process_is_down_counts() {
    let (mut world, shop, _phone) = scene().await;
    let asked = a_request().expiring_in(60).accepted(&shop).await;
    world.advance(59);
    world.restart().await;
    world.advance(1);
    assert_eq!(world.poll(&shop, &asked).await, "400 expired_token");
}

#[tokio::test]
async fn a_phone_that_was_restarted_too_carries_on() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    world.restart().await;
    let phone = phone.restarted(tests::ISSUER);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_proof_of_a_changing_call_is_remembered_across_a_restart() {
    let (mut world, _shop, phone) = scene().await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let call = device_core::exchange::Call::to(forger.issuer(), endpoints::RENAME)
        .with(&endpoints::Rename { name: "Renamed".to_owned() });
    let proof = forger.honest_proof(&call).await.expect("a proof");
    assert_eq!(forger.call_with(&call, Some(&proof)).await.expect("an answer").status, 204);
    world.restart().await;
    let again = forger.call_with(&call, Some(&proof)).await.expect("an answer");
    assert_eq!((again.status, again.code()), (401, "replayed"));
}
