//! What an operator makes of a client that registered itself: confirmed, replaced, removed. The client may not undo it.

use axum::http::Method;
use serde_json::{Value, json};
use server::domain::policy::Registration;
use tests::World;

use super::{builder, confirmed, generous, nothing, open, put, read, refused, registered, text, update};

/// What an operator says of the client, in place of all that it said of itself.
async fn replaced(world: &World, told: &Value, metadata: &Value) -> Value {
    world.admin().replace_client(text(&told["client_id"]), metadata).await.expect("replaced")
}

/// Phones show whether an operator knows whose name it is; so a client that becomes another has to be known anew.
#[tokio::test]
async fn an_operator_confirms_a_name_and_another_name_is_not_confirmed() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let verified = confirmed(&world, &told).await;
    assert_eq!((verified.in_short().as_str(), &verified.json()["verified"]), ("200", &json!(true)));
    let same = put(&world, &told, &update(&read(&world, &told).await.json(), &json!({ "scope": "openid" }))).await;
    assert_eq!((same.in_short().as_str(), &same.json()["verified"]), ("200", &json!(true)), "{}", same.json());
    let other = put(&world, &told, &update(&same.json(), &json!({ "client_name": "Corner bank" }))).await;
    assert_eq!((other.in_short().as_str(), &other.json()["verified"]), ("200", &json!(false)));
    assert_eq!(world.events("client_verified").await, 1);
}

/// Between the look and the word the client may have become another one.
#[tokio::test]
async fn an_operator_confirms_the_name_that_they_looked_at_and_no_other() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let verify = async |id: &str, looks: &Value| {
        let path = format!("/clients/{id}/verify");
        world.admin().call(Method::POST, &path, Some(looks)).await.expect("an answer").in_short()
    };
    let id = text(&told["client_id"]);
    put(&world, &told, &update(&told, &json!({ "client_name": "Corner bank" }))).await;
    let picture = protocol::Digest::of(b"a picture").to_string();
    for (looks, expected) in [
        (json!({ "client_name": "Corner shop" }), "409 changed"),
        (json!({ "client_name": "Corner bank", "logo_sha256": picture }), "409 changed"),
        (json!({ "client_name": "Corner bank", "logo_sha256": "short" }), "400 invalid_request"),
        (json!({ "client_name": "Corner bank", "verified": true }), "400 invalid_request"),
        (nothing(), "400 invalid_request"),
    ] {
        assert_eq!(verify(id, &looks).await, expected, "{looks}");
    }
    assert_eq!(read(&world, &told).await.json()["verified"], false, "nothing came of them");
    let seen = json!({ "client_name": "Corner bank" });
    assert_eq!(verify("nobody", &seen).await, "404 unknown_client");
    assert_eq!(verify(id, &seen).await, "200");
}

/// An operator who changes something else says nothing of the name.
#[tokio::test]
async fn an_operator_who_does_not_speak_of_the_name_leaves_it_as_confirmed_as_it_was() {
    let world = open().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    let with = |members: Value| update(&json!({ "client_name": "Corner shop" }), &members);
    assert_eq!(replaced(&world, &told, &with(nothing())).await["verified"], false);
    assert_eq!(confirmed(&world, &told).await.in_short(), "200");
    assert_eq!(replaced(&world, &told, &with(nothing())).await["verified"], true);
    assert_eq!(replaced(&world, &told, &with(json!({ "verified": false }))).await["verified"], false);
    assert_eq!(replaced(&world, &told, &with(json!({ "verified": true }))).await["verified"], true);
    world.register(&json!({ "client_id": "operators", "verified": false })).await;
    let ours = world.admin().replace_client("operators", &nothing()).await.expect("replaced");
    assert_eq!(ours["verified"], true, "one of an operator's own has the default, as ever");
}

fn set_by_operator() -> Value {
    json!({
        "client_name": "Known to us",
        "scope": "openid email accounts",
        "audiences": ["https://api.example"],
        "resources": ["https://one.example", "https://two.example"],
        "authorization_details_types": ["agent_action"],
        "default_acr_values": ["urn:assent:acr:uv"],
        "dpop_bound_access_tokens": true,
        "match_code": true,
        "profile": "core",
        "require_acr": true,
        "user_verification": "preferred",
    })
}

async fn settled() -> (World, Value) {
    let world = builder(Registration::Open).policy(generous).policy(|policy| policy.agent_actions = true);
    let world = world.make().await;
    let told = registered(&world, &json!({ "client_name": "Corner shop" })).await;
    replaced(&world, &told, &set_by_operator()).await;
    (world, told)
}

/// RFC 7592 §2.2: "send what you read, changed" works, and so does leaving out what only an operator may say.
#[tokio::test]
async fn what_an_operator_set_stays_whether_the_client_repeats_it_or_leaves_it_out() {
    let (world, told) = settled().await;
    let now = read(&world, &told).await.json();
    let set = set_by_operator();
    let echoed = put(&world, &told, &update(&now, &json!({ "client_name": "Corner store" }))).await;
    let short = put(&world, &told, &json!({ "client_id": told["client_id"], "client_name": "Corner store" })).await;
    for answer in [echoed, short] {
        assert_eq!(answer.in_short(), "200", "{}", answer.json());
        let now = answer.json();
        for (name, value) in set.as_object().expect("an object").iter().filter(|(name, _)| *name != "client_name") {
            assert_eq!(&now[name], value, "{name}");
        }
        assert_eq!(now["client_name"], "Corner store", "its name is its own to say");
    }
}

#[tokio::test]
async fn what_an_operator_set_a_client_may_not_change() {
    let (world, told) = settled().await;
    let with = |members: Value| update(&json!({ "client_id": told["client_id"] }), &members);
    let cases = [
        ("audiences", with(json!({ "audiences": [] }))),
        ("audiences", with(json!({ "audiences": ["https://other.example"] }))),
        ("resources", with(json!({ "resources": ["https://one.example"] }))),
        ("authorization_details_types", with(json!({ "authorization_details_types": [] }))),
        ("default_acr_values", with(json!({ "default_acr_values": ["urn:assent:acr:presence"] }))),
        ("dpop_bound_access_tokens", with(json!({ "dpop_bound_access_tokens": false }))),
        ("match_code", with(json!({ "match_code": false }))),
        ("require_acr", with(json!({ "require_acr": false }))),
        ("user_verification", with(json!({ "user_verification": "none" }))),
        ("user_verification", with(json!({ "user_verification": "required" }))),
        ("scope", with(json!({ "scope": "openid email accounts phone" }))),
        ("scope", with(json!({ "scope": "openid payments" }))),
        ("verified", with(json!({ "verified": true }))),
    ];
    refused(&world, &cases, async |world, metadata| put(world, &told, metadata).await).await;
    assert_eq!(read(&world, &told).await.json()["client_name"], "Known to us", "nothing came of them");
}

#[tokio::test]
async fn of_the_scopes_that_an_operator_gave_a_client_may_give_up_some_for_good() {
    let (world, told) = settled().await;
    let with = |scope: &str| json!({ "client_id": told["client_id"], "client_name": "Corner shop", "scope": scope });
    assert_eq!(put(&world, &told, &with("openid email")).await.json()["scope"], "openid email");
    let again = put(&world, &told, &with("openid email accounts")).await;
    assert_eq!(again.in_short(), "400 invalid_client_metadata");
}

/// The operator may set anything anew, and the client is gone when they say so.
#[tokio::test]
async fn an_operator_changes_and_removes_such_clients_as_any_other() {
    let (world, told) = settled().await;
    let id = text(&told["client_id"]);
    let other = replaced(&world, &told, &json!({ "client_name": "Known to us", "scope": "openid phone" })).await;
    assert_eq!((&other["match_code"], &other["scope"]), (&json!(false), &json!("openid phone")));
    let kept = put(&world, &told, &json!({ "client_id": id, "match_code": true })).await;
    assert_eq!(kept.in_short(), "400 invalid_client_metadata", "nor may it become stricter than it was set");
    world.admin().remove_client(id).await.expect("removed");
    assert_eq!(read(&world, &told).await.in_short(), "401 invalid_token");
}
