//! An operator asks what became of a request.

use axum::http::Method;
use serde_json::{Value, json};
use tests::{World, a_request};

use crate::scene;

async fn explained(world: &World, auth_req_id: &str) -> Value {
    let body = json!({ "auth_req_id": auth_req_id });
    let answer = world.admin().call(Method::POST, "/explain", Some(&body)).await.expect("an answer");
    assert_eq!(answer.status, 200);
    answer.json()
}

fn events(story: &Value) -> Vec<&str> {
    story["events"].as_array().expect("events").iter().filter_map(|event| event["event"].as_str()).collect()
}

#[tokio::test]
async fn a_story_goes_from_the_request_to_its_tokens_and_holds_no_secret() {
    let (world, shop, phone) = scene().await;
    let other = a_request().accepted(&shop).await;
    let asked = a_request().with("binding_message", "Pay 12.50 EUR").accepted(&shop).await;
    assert_eq!(explained(&world, &asked).await["standing"]["state"], "pending");
    assert_eq!(explained(&world, &asked).await["standing"]["phones"][0]["opened_at"], Value::Null, "nobody opened it");
    world.advance(3);
    let prompt = world.prompt(&phone, &asked).await;
    assert!(explained(&world, &asked).await["standing"]["phones"][0]["opened_at"].is_i64(), "opened");
    phone.approve(&prompt).await.expect("approved");
    let tokens = world.redeem(&shop, &asked).await.json();
    let story = explained(&world, &asked).await;
    assert_eq!(story["standing"]["state"], "redeemed");
    assert_eq!(events(&story), ["request_accepted", "request_decided", "request_redeemed"]);
    assert!(story["events"][1]["opened_at"].is_i64());
    let text = story.to_string();
    let access_token = tokens["access_token"].as_str().expect("a token");
    for secret in [asked.as_str(), other.as_str(), access_token, "Pay 12.50", "alice"] {
        assert!(!text.contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn a_request_that_nobody_knows_is_unknown() {
    let (world, ..) = scene().await;
    let body = json!({ "auth_req_id": "never-issued" });
    let answer = world.admin().call(Method::POST, "/explain", Some(&body)).await.expect("an answer");
    assert_eq!(answer.in_short(), "404 unknown_request");
}

#[tokio::test]
async fn an_export_of_a_serving_deployment_ends_with_its_hash() {
    let (world, shop, _phone) = scene().await;
    a_request().accepted(&shop).await;
    let answer = world.admin().call(Method::GET, "/export", None).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.body.to_vec()).expect("JSON lines");
    let (first, last) = (text.lines().next().expect("a line"), text.lines().last().expect("a line"));
    assert!(first.contains("\"serving\":true"), "{first}");
    assert!(last.starts_with("{\"lines\":") && last.contains("sha256"), "{last}");
    assert_eq!(world.public().get("https://op.example/admin/v1/export").await.expect("an answer").status, 404);
}
