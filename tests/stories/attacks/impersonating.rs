//! A client that is called like another, so that the user takes it for the one that they know.

use axum::http::Method;
use device_core::{DenyReason, Outcome, Warning};
use serde_json::json;
use tests::{World, a_request};

use super::{Trail, counted, shows};

/// Each looks like "The shop": other scripts, other cases, digits and blanks.
const LIKENESSES: [&str; 6] = ["The shop", "THE SHOP", "The sh\u{43e}p", "\u{422}he shop", "The sh0p", "The  shop"];

async fn registered(world: &World, name: &str) -> (String, String) {
    let metadata = json!({ "client_id": "mallory", "client_secret": "the secret of mallory", "client_name": name });
    let answer = world.admin().call(Method::POST, "/clients", Some(&metadata)).await.expect("an answer");
    (answer.in_short(), answer.json()["error_description"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_client_is_not_registered_under_a_name_that_looks_like_anothers_and_the_operator_is_told_whose() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let trail = Trail::from_now(&world).await;
    for name in LIKENESSES {
        let (answer, why) = registered(&world, name).await;
        assert_eq!(answer, "400 invalid_client_metadata", "{name}");
        assert!(why.starts_with("client_name: ") && why.contains("client shop"), "{name}: {why}");
    }
    let mallory = world.client("mallory", "the secret of mallory").await;
    assert_eq!(a_request().sent(&mallory).await.in_short(), "401 invalid_client", "there is no such client");
    assert_eq!(shows(&phone).await, [""; 0]);
    assert_eq!(trail.told().await, counted([]), "none was created");
}

/// What the names themselves let through, the phone does not pass over.
#[tokio::test]
async fn a_client_whose_name_nobody_confirmed_is_shown_as_such_beside_the_one_it_alludes_to() {
    let world = World::new().await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let trail = Trail::from_now(&world).await;
    let metadata = json!({
        "client_id": "mallory", "client_secret": "the secret of mallory", "client_name": "The shop: payments",
        "verified": false,
    });
    world.register(&metadata).await;
    let mallory = world.client("mallory", "the secret of mallory").await;
    let (honest, asked) = (a_request().accepted(&shop).await, a_request().accepted(&mallory).await);
    assert_eq!(shows(&phone).await, ["The shop: Pay 12 euros", "The shop: payments: Pay 12 euros"]);
    let (on_honest, on_asked) = (world.prompt(&phone, &honest).await, world.prompt(&phone, &asked).await);
    assert_eq!(on_honest.display().warnings, []);
    assert_eq!(on_asked.display().warnings, [Warning::UnverifiedClient]);
    assert!(on_asked.prompt().lines().iter().any(|line| line.value == "unverified"), "it must be shown, and is signed");
    assert!(!on_honest.prompt().lines().iter().any(|line| line.value == "unverified"));

    assert_eq!(phone.deny(&on_asked, DenyReason::NotMe).await, Ok(Outcome::Denied));
    assert_eq!(world.poll(&mallory, &asked).await, "400 access_denied");
    phone.approve(&on_honest).await.expect("the other one is what it was");
    world.redeem(&shop, &honest).await;
    let expected = counted([
        ("client_created", 1),
        ("request_accepted", 2),
        ("request_decided deny not_me", 1),
        ("request_decided approve", 1),
        ("request_redeemed", 1),
    ]);
    assert_eq!(trail.told().await, expected);
}
