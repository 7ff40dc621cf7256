//! Clients register themselves (RFC 7591) and manage that (RFC 7592).

use axum::http::{Method, Request};
use serde_json::{Value, json};
use server::domain::policy::{Policy, Registration};
use simulator::wire::Answer;
use tests::{Builder, ISSUER, World};

mod bothering;
mod conforming;
mod letting_in;
mod managing;
mod naming;
mod picturing;
mod registering;
mod settling;
mod stating;

const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// Where clients may register, if they have leave.
fn builder(registration: Registration) -> Builder {
    World::builder().policy(|policy| policy.registration = registration)
}

async fn open() -> World {
    builder(Registration::Open).policy(generous).make().await
}

/// More registrations in a minute than any story makes.
fn generous(policy: &mut Policy) {
    policy.registrations_per_minute = 1000;
}

/// A call at a registration, or at the endpoint itself.
async fn call(world: &World, method: Method, url: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    world.public().send(request.body(body).expect("a request")).await.expect("an answer")
}

async fn posted(world: &World, token: Option<&str>, metadata: &Value) -> Answer {
    call(world, Method::POST, &format!("{ISSUER}/register"), token, Some(metadata)).await
}

/// Registers a client and expects that to be taken; what it is told.
async fn registered(world: &World, metadata: &Value) -> Value {
    let answer = posted(world, None, metadata).await;
    assert_eq!(answer.in_short(), "201", "{}", answer.json());
    answer.json()
}

/// Where a client manages itself, and by which token.
fn own(told: &Value) -> (&str, Option<&str>) {
    let uri = told["registration_client_uri"].as_str().expect("a URI");
    (uri, Some(told["registration_access_token"].as_str().expect("a token")))
}

async fn read(world: &World, told: &Value) -> Answer {
    let (uri, token) = own(told);
    call(world, Method::GET, uri, token, None).await
}

async fn put(world: &World, told: &Value, metadata: &Value) -> Answer {
    let (uri, token) = own(told);
    call(world, Method::PUT, uri, token, Some(metadata)).await
}

async fn deleted(world: &World, told: &Value) -> Answer {
    let (uri, token) = own(told);
    call(world, Method::DELETE, uri, token, None).await
}

/// What a client that was told this sends to change something: all of it, but what only the server says (RFC 7592 §2.2).
fn update(told: &Value, members: &Value) -> Value {
    let mut metadata = told.clone();
    let all = metadata.as_object_mut().expect("an object");
    for name in
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"]
    {
        all.remove(name);
    }
    for (name, value) in members.as_object().expect("an object") {
        all.insert(name.clone(), value.clone());
    }
    all.retain(|_, value| !value.is_null());
    metadata
}

/// A token by which clients register themselves, made by the operator.
async fn token(world: &World, wanted: &Value) -> Value {
    let made = world.admin().call(Method::POST, "/registration-tokens", Some(wanted)).await.expect("an answer");
    assert_eq!(made.in_short(), "201", "{}", made.json());
    made.json()
}

/// An operator looks at this client and confirms what they see.
async fn confirmed(world: &World, told: &Value) -> Answer {
    let id = text(&told["client_id"]);
    let seen = world.admin().client(id).await.expect("the client");
    let looks = json!({ "client_name": seen["client_name"], "logo_sha256": seen["logo_sha256"] });
    world.admin().call(Method::POST, &format!("/clients/{id}/verify"), Some(&looks)).await.expect("an answer")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text and not {value}"))
}

/// What is told of each of these, and what was expected where that differs.
async fn refused(world: &World, cases: &[(&str, Value)], ask: impl AsyncFn(&World, &Value) -> Answer) {
    let mut wrong = Vec::new();
    for (member, metadata) in cases {
        let answer = ask(world, metadata).await;
        let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        let complains = description.split_once(": ").is_some_and(|(named, rule)| named == *member && !rule.is_empty());
        if answer.in_short() != "400 invalid_client_metadata" || !complains {
            wrong.push(format!("{member} {metadata}: {} {description}", answer.in_short()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn nothing() -> Value {
    json!({})
}
