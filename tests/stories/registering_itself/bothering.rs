//! Whoever may register themselves may do so again and again. A user's peace does not depend on under which id they come.

use device_core::{BlockPeriod, DenyReason, DeviceError};
use serde_json::{Value, json};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{World, a_request};

use super::{confirmed, deleted, open, registered, text};

const REFUSED: &str = "403 access_denied";

async fn party(world: &World, metadata: &Value) -> (Value, RelyingParty) {
    let told = registered(world, metadata).await;
    let party = world.client(text(&told["client_id"]), text(&told["client_secret"])).await;
    (told, party)
}

async fn asked(party: &RelyingParty) -> String {
    a_request().sent(party).await.in_short()
}

async fn block(phone: &Phone, told: &Value) -> Result<(), DeviceError> {
    let client = text(&told["client_id"]).to_owned();
    phone.core().block_client(phone.account()?, client, BlockPeriod::UntilLifted).await
}

async fn refused_by_user(world: &World, party: &RelyingParty, phone: &Phone) {
    let asked = a_request().accepted(party).await;
    phone.deny(&world.prompt(phone, &asked).await, DenyReason::NotMe).await.expect("denied");
}

#[tokio::test]
async fn clients_that_nobody_confirmed_have_one_share_of_a_users_prompts_together() {
    let world = open().await;
    let _phone = world.phone("1001").await;
    let (first, one) = party(&world, &json!({ "client_name": "Corner shop" })).await;
    for _ in 0..3 {
        a_request().accepted(&one).await;
    }
    let (second, two) = party(&world, &json!({ "client_name": "Village inn" })).await;
    assert_eq!(asked(&two).await, REFUSED, "three are pending");
    assert_eq!(deleted(&world, &first).await.status, 204);
    assert_eq!(asked(&two).await, REFUSED, "and a removed one has left its prompts behind");
    assert_eq!(asked(&world.shop().await).await, "200", "one of an operator's has its own share");
    assert_eq!(confirmed(&world, &second).await.in_short(), "200");
    assert_eq!(asked(&two).await, "200", "so has one that an operator confirmed");
}

#[tokio::test]
async fn who_was_refused_too_often_does_not_come_back_under_another_id() {
    let world = open().await;
    let phone = world.phone("1001").await;
    for name in ["Corner shop", "Village inn", "Harbour bank"] {
        let (told, party) = party(&world, &json!({ "client_name": name })).await;
        refused_by_user(&world, &party, &phone).await;
        assert_eq!(deleted(&world, &told).await.status, 204);
    }
    assert_eq!(world.events("client_cooled_down").await, 1);
    let (told, party) = party(&world, &json!({ "client_name": "Mountain hut" })).await;
    assert_eq!(asked(&party).await, REFUSED);
    assert_eq!(asked(&world.shop().await).await, "200");
    assert_eq!(confirmed(&world, &told).await.in_short(), "200");
    assert_eq!(asked(&party).await, "200");
}

/// The user refuses what is still open of a client that is gone by then.
#[tokio::test]
async fn a_refusal_counts_although_the_client_removed_itself_meanwhile() {
    let world = open().await;
    let phone = world.phone("1001").await;
    let (told, one) = party(&world, &json!({ "client_name": "Corner shop" })).await;
    let mut prompts = Vec::new();
    for _ in 0..3 {
        prompts.push(world.prompt(&phone, &a_request().accepted(&one).await).await);
    }
    assert_eq!(deleted(&world, &told).await.status, 204);
    for prompt in &prompts {
        phone.deny(prompt, DenyReason::NotMe).await.expect("denied");
    }
    let (_, two) = party(&world, &json!({ "client_name": "Village inn" })).await;
    world.advance(61);
    assert_eq!(asked(&two).await, REFUSED, "it is cooled down");
    assert_eq!(world.events("client_cooled_down").await, 1);
}

#[tokio::test]
async fn wrong_user_codes_are_counted_over_all_that_nobody_confirmed() {
    let world = open().await;
    let carol = json!({ "subject": "1003", "username": "carol", "user_code": "675325" });
    world.admin().create_user(&carol).await.expect("an answer").expect("created");
    let _phone = world.phone("1003").await;
    let with_code = |name: &str| json!({ "client_name": name, "backchannel_user_code_parameter": true });
    let guess = async |party: &RelyingParty, code: &str| {
        a_request().about("carol").with("user_code", code).sent(party).await.in_short()
    };
    for name in ["Corner shop", "Village inn", "Harbour bank", "Mountain hut", "River mill"] {
        let (_, party) = party(&world, &with_code(name)).await;
        assert_eq!(guess(&party, "000000").await, "400 invalid_user_code");
    }
    let (told, party) = party(&world, &with_code("Forest lodge")).await;
    assert_eq!(guess(&party, "675325").await, "400 invalid_user_code", "it is not looked at");
    assert_eq!(confirmed(&world, &told).await.in_short(), "200");
    assert_eq!(guess(&party, "675325").await, "200");
}

/// A block is the user's word on one client that they saw, not on others that they did not.
#[tokio::test]
async fn a_block_is_of_one_client_and_that_of_a_removed_one_makes_room() {
    let world = open().await;
    let phone = world.phone("1001").await;
    let mut blocked = Vec::new();
    for letter in "abcdefghjkmnpqrstwxy".chars() {
        let (told, party) = party(&world, &json!({ "client_name": format!("Shop {letter}") })).await;
        block(&phone, &told).await.expect("blocked");
        blocked.push((told, party));
    }
    assert_eq!(asked(&blocked[0].1).await, REFUSED);
    let (another, party) = party(&world, &json!({ "client_name": "Village inn" })).await;
    assert_eq!(asked(&party).await, "200");
    assert!(block(&phone, &another).await.is_err(), "twenty are enough");
    assert_eq!(deleted(&world, &blocked[7].0).await.status, 204);
    block(&phone, &another).await.expect("blocked");
    let listed = phone.core().blocked_clients(phone.account().expect("an account")).await.expect("a list");
    let is_listed = |told: &Value| listed.iter().any(|blocked| blocked.client == text(&told["client_id"]));
    assert!(listed.len() == 20 && is_listed(&another) && !is_listed(&blocked[7].0), "{listed:?}");
    assert_eq!(asked(&party).await, REFUSED);
}
