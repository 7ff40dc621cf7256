//! Clients are told apart by their names, so none looks like another of its realm (device protocol, "Who asks").

use axum::http::Method;
use serde_json::{Value, json};
use tests::{SHOP, World};
use tokio::task::JoinSet;

/// Latin letters but for the Cyrillic `о`.
const LOOKS_LIKE_THE_SHOP: &str = "The sh\u{43e}p";

async fn put(world: &World, id: &str, metadata: &Value) -> (String, Value) {
    let answer = world.admin().call(Method::PUT, &format!("/clients/{id}"), Some(metadata)).await.expect("an answer");
    (answer.in_short(), answer.json())
}

async fn post(world: &World, id: &str, name: &str) -> String {
    let metadata = json!({ "client_id": id, "client_name": name, "scope": "openid" });
    world.admin().call(Method::POST, "/clients", Some(&metadata)).await.expect("an answer").in_short()
}

#[tokio::test]
async fn a_client_that_looks_like_another_is_not_registered_and_the_operator_is_told_which() {
    let world = World::new().await;
    for name in ["The shop", "THE SHOP", "the  shop", "Theshop", LOOKS_LIKE_THE_SHOP, "The sh0p"] {
        let metadata = json!({ "client_id": "other", "client_name": name });
        let answer = world.admin().call(Method::POST, "/clients", Some(&metadata)).await.expect("an answer");
        assert_eq!(answer.in_short(), "400 invalid_client_metadata", "{name}");
        let text = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(text.starts_with("client_name: looks like that of the client shop"), "{text}");
    }
    assert_eq!(post(&world, "other", "The ship").await, "201");
    // Without a name it is called by its id.
    assert_eq!(post(&world, "theshop", "Another").await, "201");
    let unnamed = json!({ "client_id": "THESHOP" });
    let answer = world.admin().call(Method::POST, "/clients", Some(&unnamed)).await.expect("an answer");
    assert_eq!(answer.in_short(), "400 invalid_client_metadata");
}

#[tokio::test]
async fn a_client_is_not_renamed_to_look_like_another_but_to_look_like_itself() {
    let world = World::new().await;
    assert_eq!(post(&world, "bank", "The bank").await, "201");
    let (answer, told) = put(&world, "bank", &json!({ "client_name": LOOKS_LIKE_THE_SHOP })).await;
    assert_eq!(answer, "400 invalid_client_metadata", "{told}");
    for name in ["THE BANK", "The bank"] {
        assert_eq!(put(&world, "bank", &json!({ "client_name": name })).await.0, "200", "{name}");
    }
}

#[tokio::test]
async fn the_name_of_a_removed_client_and_one_that_was_given_up_are_free() {
    let world = World::new().await;
    world.admin().remove_client(SHOP).await.expect("removed");
    assert_eq!(post(&world, "bank", "The shop").await, "201");
    assert_eq!(put(&world, "bank", &json!({ "client_name": "The bank" })).await.0, "200");
    assert_eq!(post(&world, "corner", "The shop").await, "201");
}

#[tokio::test]
async fn clients_named_alike_before_this_was_judged_can_be_changed_in_everything_else() {
    let world = World::new().await;
    assert_eq!(post(&world, "bank", "The bank").await, "201");
    world.edit_client("bank", |client| "The shop".clone_into(&mut client.name)).await;
    let same = json!({ "client_name": "The shop", "scope": "openid profile" });
    assert_eq!(put(&world, "bank", &same).await.0, "200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eight_that_are_registered_under_like_names_at_the_same_moment_one_is() {
    let world = World::new().await;
    let mut racing = JoinSet::new();
    for number in 0..8 {
        let admin = world.admin();
        racing.spawn(async move {
            let metadata = json!({ "client_id": format!("bank-{number}"), "client_name": "The bank" });
            admin.call(Method::POST, "/clients", Some(&metadata)).await.expect("an answer").in_short()
        });
    }
    let answers = racing.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "201").count(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|answer| ["201", "400 invalid_client_metadata"].contains(&answer.as_str())),
        "{answers:?}"
    );
}

#[tokio::test]
async fn no_client_is_called_as_prompts_of_the_providers_own_are_headed() {
    let world = World::new().await;
    for name in ["Your account", "YOUR ACCOUNT", "Your \u{430}ccount"] {
        let refused = world.admin().create_client(&json!({ "client_name": name, "scope": "openid" })).await;
        assert!(refused.is_err(), "{name}");
    }
}
