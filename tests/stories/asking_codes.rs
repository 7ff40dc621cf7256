//! User codes (CIBA §7.1.2): without the right one, no prompt.

use serde_json::json;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{SHOP, World, a_request};

const CODE: &str = "675325";

/// A world in which the shop registered that it sends user codes, and `carol` (1003) has one and a phone.
async fn scene() -> (World, RelyingParty, Phone) {
    scene_of(World::new().await).await
}

async fn scene_of(world: World) -> (World, RelyingParty, Phone) {
    world.edit_client(SHOP, |client| client.user_code = true).await;
    let carol = json!({ "subject": "1003", "username": "carol", "user_code": CODE });
    world.admin().create_user(&carol).await.expect("an answer").expect("created");
    let (shop, phone) = (world.shop().await, world.phone("1003").await);
    (world, shop, phone)
}

async fn answer(shop: &RelyingParty, user: &str, code: &str) -> String {
    a_request().about(user).with("user_code", code).sent(shop).await.in_short()
}

#[tokio::test]
async fn the_right_code_sends_a_prompt_and_a_wrong_one_none() {
    let (world, shop, phone) = scene().await;
    assert_eq!(answer(&shop, "carol", "675326").await, "400 invalid_user_code");
    assert!(phone.pending().await.expect("the phone asks").is_empty());
    let asked = a_request().about("carol").with("user_code", CODE).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert!(prompt.display().lines.iter().all(|line| !line.value.contains(CODE)));
}

#[tokio::test]
async fn a_missing_code_is_told_apart_from_a_wrong_one_and_tells_nothing_of_the_user() {
    // REQUIREMENTS Q18, G44, G45.
    let (_world, shop, _phone) = scene().await;
    for user in ["carol", "bob", "nobody"] {
        let answer = a_request().about(user).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 missing_user_code", "{user}");
        let empty = a_request().about(user).with("user_code", "").sent(&shop).await;
        assert_eq!(empty.in_short(), "400 missing_user_code", "{user}");
    }
}

#[tokio::test]
async fn a_user_without_a_code_has_no_right_one() {
    // REQUIREMENTS Q18.
    let (world, shop, _phone) = scene().await;
    let _bobs = world.phone("1002").await;
    for code in [CODE, "0"] {
        assert_eq!(answer(&shop, "bob", code).await, "400 invalid_user_code");
    }
}

#[tokio::test]
async fn a_client_that_did_not_register_codes_is_asked_for_none() {
    let (world, shop, _phone) = scene().await;
    world.edit_client(SHOP, |client| client.user_code = false).await;
    assert_eq!(a_request().about("carol").sent(&shop).await.in_short(), "200");
    // REQUIREMENTS A19: not supported, so not looked at.
    assert_eq!(answer(&shop, "carol", "wrong").await, "200");
}

#[tokio::test]
async fn a_realm_without_codes_asks_nobody_for_one() {
    let without = World::builder().policy(|policy| policy.user_code = false).make().await;
    let (_world, shop, _phone) = scene_of(without).await;
    assert_eq!(a_request().about("carol").sent(&shop).await.in_short(), "200");
    assert_eq!(answer(&shop, "carol", "wrong").await, "200");
}

#[tokio::test]
async fn after_five_wrong_codes_even_the_right_one_is_refused_for_fifteen_minutes() {
    let (world, shop, phone) = scene().await;
    for _ in 0..5 {
        assert_eq!(answer(&shop, "carol", "000000").await, "400 invalid_user_code");
    }
    assert_eq!(answer(&shop, "carol", CODE).await, "400 invalid_user_code");
    assert!(phone.pending().await.expect("the phone asks").is_empty());
    world.advance(900);
    assert_eq!(answer(&shop, "carol", CODE).await, "200");
}

#[tokio::test]
async fn one_client_that_guesses_locks_out_no_other() {
    let (world, shop, _phone) = scene().await;
    world.add_client("bank", "the secret of the bank").await;
    world.edit_client("bank", |client| client.user_code = true).await;
    let bank = world.client("bank", "the secret of the bank").await;
    for _ in 0..6 {
        assert_eq!(answer(&shop, "carol", "000000").await, "400 invalid_user_code");
    }
    assert_eq!(answer(&bank, "carol", CODE).await, "200");
}

#[tokio::test]
async fn right_codes_use_up_no_attempts() {
    let (world, shop, _phone) = scene().await;
    for _ in 0..12 {
        assert_eq!(answer(&shop, "carol", CODE).await, "200");
        world.advance(60);
    }
}

#[tokio::test]
async fn guesses_at_the_same_time_are_all_counted() {
    let (_world, shop, _phone) = scene().await;
    let guess = || answer(&shop, "carol", "000000");
    let (first, second, third, fourth, fifth) = tokio::join!(guess(), guess(), guess(), guess(), guess());
    for answer in [first, second, third, fourth, fifth] {
        assert_eq!(answer, "400 invalid_user_code");
    }
    assert_eq!(answer(&shop, "carol", CODE).await, "400 invalid_user_code");
}

#[tokio::test]
async fn a_masked_user_has_no_right_code_either() {
    // REQUIREMENTS Q17.
    let masking = World::builder().policy(|policy| policy.mask_unknown_user = true).make().await;
    let (_world, shop, _phone) = scene_of(masking).await;
    for user in ["bob", "nobody"] {
        for _ in 0..6 {
            assert_eq!(answer(&shop, user, CODE).await, "400 invalid_user_code", "{user}");
        }
    }
}

#[tokio::test]
async fn a_code_longer_than_any_is_invalid_request() {
    let (_world, shop, _phone) = scene().await;
    assert_eq!(answer(&shop, "carol", &"6".repeat(65)).await, "400 invalid_request");
}
