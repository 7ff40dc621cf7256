//! Users tell clients apart by their names, so no client takes what looks like another's.

use axum::http::{Method, Request};
use serde_json::json;
use tests::{ISSUER, Kind, SHOP};
use tokio::task::JoinSet;

use super::{nothing, open, put, refused, registered, update};

#[tokio::test]
async fn a_name_that_looks_like_another_clients_is_refused() {
    let world = open().await;
    registered(&world, &json!({ "client_name": "PayPal" })).await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    for name in ["PayPal", "paypal", "PayPaI", "Pay Pal", "Р\u{430}yP\u{430}l", "The shop", "THE SH0P"] {
        let cases = [("client_name", json!({ "client_name": name }))];
        refused(&world, &cases, async |world, metadata| super::posted(world, None, metadata).await).await;
        let renamed = [("client_name", update(&told, &json!({ "client_name": name })))];
        refused(&world, &renamed, async |world, metadata| put(world, &told, metadata).await).await;
    }
    registered(&world, &nothing()).await;
}

/// Who holds which id is the operator's to know.
#[tokio::test]
async fn a_stranger_is_not_told_whose_name_it_is_and_an_operator_is() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let metadata = json!({ "client_name": "THE SH0P" });
    let to_stranger = super::posted(&world, None, &metadata).await.json();
    let to_client = put(&world, &told, &update(&told, &metadata)).await.json();
    for answer in [to_stranger, to_client] {
        let rule = "client_name: looks like that of another client: users could not tell them apart";
        assert_eq!(answer["error_description"], rule);
    }
    let to_operator = world.admin().call(Method::POST, "/clients", Some(&metadata)).await.expect("an answer").json();
    let rule = format!("client_name: looks like that of the client {SHOP}: users could not tell them apart");
    assert_eq!(to_operator["error_description"], rule);
}

/// On every kind of store; where several servers share one, from two of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_want_one_name_at_once_one_gets_it() {
    let world = open().await;
    let node = if Kind::of_this_run() == Kind::Postgres { Some(world.another_node().await) } else { None };
    let wires = [world.public().clone(), node.as_ref().unwrap_or(&world).public().clone()];
    let mut attempts = JoinSet::new();
    for (n, name) in ["Paypal", "PayPal", "PayPaI", "PAYPAL", "Pay pal", "paypaI"].into_iter().enumerate() {
        let wire = wires[n % 2].clone();
        let request = Request::post(format!("{ISSUER}/register")).header("content-type", "application/json");
        let request = request.body(json!({ "client_name": name }).to_string().into_bytes()).expect("a request");
        attempts.spawn(async move { wire.send(request).await.expect("an answer").in_short() });
    }
    let answers = attempts.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "201").count(), 1, "{answers:?}");
    let refused =
        |answer: &&String| *answer == "400 invalid_client_metadata" || *answer == "503 temporarily_unavailable";
    assert_eq!(answers.iter().filter(refused).count(), 5, "{answers:?}");
    if let Some(node) = node {
        node.dies();
    }
}
