//! Receipts: evidence of an approval that a relying party verifies by itself.

use device_core::DenyReason;
use protocol::KeyRole;
use protocol::crypto::aws_lc::VerifyingKey;
use protocol::messages::KeyLevel;
use protocol::receipt::{Approval, Expected, Proven, PublishedKeys, ReceiptError, verify};
use serde_json::{Value, json};
use server::app::{Claim, VerifyError, verify_receipt};
use server::domain::delivery::DeliveryMode;
use server::domain::names::RealmId;
use server::keys::DeviceRotation;
use simulator::client_key::ClientKey;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, SHOP, World, a_request};

use crate::told::Scene;
use crate::{scene, text};

async fn keys(world: &World) -> PublishedKeys {
    let answer = world.public().get(&format!("{ISSUER}/receipt-keys")).await.expect("an answer");
    serde_json::from_slice(&answer.body).expect("keys")
}

fn receipt(tokens: &Value) -> Approval {
    serde_json::from_value(tokens["approval_receipt"].clone()).expect("a receipt")
}

async fn judged(world: &World, tokens: &Value, client: &str, auth_req_id: &str) -> Result<Proven, ReceiptError> {
    let expected = Expected { issuer: ISSUER, client, auth_req_id, now: world.now().unix_seconds() };
    verify(&receipt(tokens), &expected, &keys(world).await, VerifyingKey::new)
}

async fn claims(world: &World, shop: &RelyingParty, tokens: &Value) -> Value {
    shop.verify(text(tokens, "id_token"), world.now().unix_seconds()).await.expect("believed")
}

#[tokio::test]
async fn a_receipt_comes_with_the_tokens_its_hash_in_the_id_token_and_it_proves_what_was_shown() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let asked = a_request().accepted(&shop).await;
    world.advance(3);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let approved_at = world.now().unix_seconds();
    world.advance(3);
    let tokens = world.redeem(&shop, &asked).await.json();
    let proven = judged(&world, &tokens, SHOP, &asked).await.expect("proven");
    assert_eq!((proven.subject.as_str(), proven.received_at), ("1001", approved_at));
    assert_eq!((proven.role, proven.level), (KeyRole::Verified, KeyLevel::Claimed));
    let shown: Vec<_> = proven.display.iter().map(|line| line.value.as_str()).collect();
    assert_eq!(shown, ["The shop", "Pay 12 euros"]);
    let hash = receipt(&tokens).receipt.digest().to_string();
    assert_eq!(claims(&world, &shop, &tokens).await["approval_receipt_hash"], hash);
}

#[tokio::test]
async fn a_receipt_counts_for_its_request_and_its_client_alone() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let (first, second) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let mut kept = Vec::new();
    for asked in [&first, &second] {
        phone.approve(&world.prompt(&phone, asked).await).await.expect("approved");
        kept.push(world.redeem(&shop, asked).await.json());
    }
    assert!(judged(&world, &kept[0], SHOP, &first).await.is_ok());
    let identical_text = judged(&world, &kept[1], SHOP, &first).await;
    assert_eq!(identical_text.err(), Some(ReceiptError::Request("receipt")));
    assert_eq!(judged(&world, &kept[0], "bank", &first).await.err(), Some(ReceiptError::Client("receipt")));
}

#[tokio::test]
async fn a_pushed_answer_holds_the_receipt_too() {
    let Scene { world, shop, phone, endpoint } = Scene::of(DeliveryMode::Push).await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let asked = a_request().told_by(crate::told::TOKEN).accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.deliver().await;
    let pushed = endpoint.called(1).await.remove(0).json();
    assert!(judged(&world, &pushed, SHOP, &asked).await.is_ok());
}

#[tokio::test]
async fn a_client_that_did_not_ask_for_receipts_gets_none_and_a_refresh_brings_none() {
    let (world, _, phone) = scene().await;
    let shop = crate::keyed_shop(&world, &ClientKey::generate(server::domain::algorithm::Algorithm::Es256)).await;
    let tokens = crate::tokens(&world, &shop, &phone, a_request()).await;
    assert!(tokens.get("approval_receipt").is_none());
    assert!(claims(&world, &shop, &tokens).await.get("approval_receipt_hash").is_none());
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let refreshed = shop.refresh(text(&tokens, "refresh_token")).await.expect("an answer").json();
    assert!(refreshed.get("access_token").is_some() && refreshed.get("approval_receipt").is_none());
}

#[tokio::test]
async fn a_receipt_is_of_the_approval_that_counts_whatever_its_phone_said_later() {
    let (mut world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let tablet = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
    phone.approve(&on_phone).await.expect("approved");
    tablet.approve(&on_tablet).await.expect("approved again");
    world.restart().await;
    let tokens = world.redeem(&shop, &asked).await.json();
    let proven = judged(&world, &tokens, SHOP, &asked).await.expect("proven");
    assert_eq!(proven.prompt.jti, on_phone.prompt().content().jti, "the first valid answer");
    phone.deny(&on_phone, DenyReason::NotMe).await.expect("disputed");
    assert!(judged(&world, &tokens, SHOP, &asked).await.is_ok(), "evidence stays evidence");
}

#[tokio::test]
async fn the_command_verifies_offline_what_was_kept_in_files() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let folder = tempfile::tempdir().expect("a folder");
    let (keys_file, whole, alone) =
        (folder.path().join("keys.json"), folder.path().join("tokens.json"), folder.path().join("receipt.json"));
    let published = world.public().get(&format!("{ISSUER}/receipt-keys")).await.expect("an answer");
    std::fs::write(&keys_file, &published.body).expect("written");
    std::fs::write(&whole, tokens.to_string()).expect("written");
    std::fs::write(&alone, tokens["approval_receipt"].to_string()).expect("written");
    let said = |receipt, client, auth_req_id| {
        let claim = Claim { issuer: ISSUER, client, auth_req_id, keys: &keys_file, receipt };
        verify_receipt(&claim, world.now())
    };
    for file in [&whole, &alone] {
        let lines = said(file, SHOP, &asked).expect("it proves something").join("\n");
        assert!(lines.contains("subject 1001 approved") && lines.contains("shown: Message: Pay 12 euros"), "{lines}");
    }
    assert!(matches!(said(&whole, "bank", &asked), Err(VerifyError::Receipt(ReceiptError::Client("receipt")))));
    assert!(matches!(said(&whole, SHOP, "another"), Err(VerifyError::Receipt(ReceiptError::Request("receipt")))));
    assert!(matches!(said(&keys_file, SHOP, &asked), Err(VerifyError::Form(..))));
    let keys: Value = serde_json::from_slice(&published.body).expect("JSON");
    assert_eq!((&keys["keys"][0]["alg"], &keys["keys"][0]["use"]), (&json!("ES256"), &json!("sig")));
}

#[tokio::test]
async fn a_receipt_by_a_key_that_leaked_is_good_only_from_before_its_revocation() {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let mut approved = Vec::new();
    for _ in 0..2 {
        let asked = a_request().accepted(&shop).await;
        phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
        approved.push(asked);
        world.advance(1);
    }
    let before = world.redeem(&shop, &approved[0]).await.json();
    let leaked = keys(&world).await.keys.remove(0);
    world.advance(5);
    let (rotation, now) = (DeviceRotation { leaked: true, ..DeviceRotation::default() }, world.now());
    let (rotated, taken_up) = world.change_keys(|file| file.rotate_device(&RealmId::new("main"), rotation, &now));
    rotated.and(taken_up).expect("revoked");
    let published = keys(&world).await.keys;
    let shown = published.iter().find(|key| key.jwk == leaked.jwk).expect("it stays published");
    assert_eq!((shown.not_before, shown.not_after), (leaked.not_before, now.unix_seconds()));
    world.advance(5);
    assert!(judged(&world, &before, SHOP, &approved[0]).await.is_ok(), "made before");
    // Approved before, attested by the new key after: both keys were good at their time.
    let after = world.redeem(&shop, &approved[1]).await.json();
    assert!(judged(&world, &after, SHOP, &approved[1]).await.is_ok());

    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved by the new key");
    let later = world.redeem(&shop, &asked).await.json();
    assert!(judged(&world, &later, SHOP, &asked).await.is_ok());
    let mut ends = PublishedKeys { keys: published };
    // As if the key that signed them had leaked a second before the answer came.
    let received = judged(&world, &later, SHOP, &asked).await.expect("proven").received_at;
    ends.keys.iter_mut().for_each(|key| key.not_after = received - 1);
    let expected = Expected { issuer: ISSUER, client: SHOP, auth_req_id: &asked, now: world.now().unix_seconds() };
    let refused = verify(&receipt(&later), &expected, &ends, VerifyingKey::new).err();
    assert_eq!(refused, Some(ReceiptError::KeyOutOfTime("receipt")));
}
