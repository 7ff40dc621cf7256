//! A client names a phone's push token, as at Gluu (REQUIREMENTS G80, Q32): whose, of which phone, and who may not.

use device_core::{Platform, PushTarget};
use protocol::messages::{FcmTarget, PushTarget as WirePushTarget};
use serde_json::{Value, json};
use server::domain::client::AccessTokenFormat;
use server::domain::names::ClientId;
use server::domain::profile::Profile;
use server::domain::user::UserStatus;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use simulator::wire::Answer;
use tests::{Builder, ISSUER, MTLS_BASE, SHOP, World, a_request};

use crate::{text, tokens};

const ENDPOINT: &str = "backchannel_device_registration_endpoint";

const URL: &str = "https://op.example/bc-deviceRegistration";

const NO_SINGLE_PHONE: &str = "the user has no single phone whose push token could be replaced";

fn listing(clients: &[&str]) -> Builder {
    let clients = clients.iter().map(|id| ClientId::new(*id)).collect();
    World::builder().policy(|policy| policy.device_registration_clients = clients)
}

fn fcm(token: &str) -> PushTarget {
    PushTarget::FcmToken { platform: Platform::Android, token: token.to_owned() }
}

/// Alice's phone, reached by `before`, and an ID token that the shop got for her.
async fn scene() -> (World, RelyingParty, Phone, String) {
    let world = listing(&[SHOP]).make().await;
    let (shop, phone) = (world.shop().await, world.phone_with_push("1001", "before").await);
    let hint = id_token(&world, &shop, &phone).await;
    (world, shop, phone, hint)
}

async fn id_token(world: &World, client: &RelyingParty, phone: &Phone) -> String {
    let tokens = tokens(world, client, phone, a_request()).await;
    // A phone gets one push in two seconds, whoever asks.
    world.advance(3);
    world.deliver().await;
    text(&tokens, "id_token").to_owned()
}

async fn names(client: &RelyingParty, hint: &str, token: &str) -> Answer {
    let parameters = [("id_token_hint", hint), ("device_registration_token", token)];
    client.post(URL, &parameters).await.expect("an answer")
}

async fn replaced(world: &World) -> Vec<Value> {
    let events = world.admin().audit().await.expect("the audit trail");
    events.into_iter().filter(|event| event["event"] == "push_token_replaced").collect()
}

/// Where the next push of this world goes.
async fn pushed_to(world: &World, shop: &RelyingParty) -> WirePushTarget {
    world.advance(120);
    a_request().accepted(shop).await;
    assert_eq!(world.deliver().await, 1);
    world.courier().carried().pop().expect("a push").target
}

fn target(token: &str) -> WirePushTarget {
    let target = FcmTarget::Token(token.to_owned());
    WirePushTarget::Fcm { platform: protocol::messages::Platform::Android, target }
}

#[tokio::test]
async fn the_only_phone_of_the_user_is_pushed_to_under_the_new_token_and_the_operator_is_told() {
    let (world, shop, _, hint) = scene().await;
    let answer = names(&shop, &hint, "after").await;
    assert_eq!((answer.in_short().as_str(), answer.json()), ("200", json!({})));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let events = replaced(&world).await;
    let device = &world.admin().devices("1001").await.expect("a list")[0];
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["client"], &events[0]["subject"]), (&json!(SHOP), &json!("1001")));
    assert_eq!(events[0]["device"], device["id"]);
    assert!(!events[0].to_string().contains("after"), "whoever knows the token can push");
    assert_eq!(pushed_to(&world, &shop).await, target("after"));

    assert_eq!(names(&shop, &hint, "after").await.in_short(), "200", "it may be said again");
    assert_eq!(replaced(&world).await.len(), 1, "and is no change then");
}

#[tokio::test]
async fn it_holds_after_a_restart() {
    let (mut world, shop, _, hint) = scene().await;
    names(&shop, &hint, "after").await;
    world.restart().await;
    assert_eq!(pushed_to(&world, &shop).await, target("after"));
}

#[tokio::test]
async fn a_phone_that_knows_better_says_so_when_it_catches_up() {
    let (world, shop, phone, hint) = scene().await;
    names(&shop, &hint, "of a stranger").await;
    phone.core().sync(Some(fcm("before"))).await.expect("it catches up");
    assert_eq!(pushed_to(&world, &shop).await, target("before"));
}

#[tokio::test]
async fn there_is_no_such_endpoint_unless_the_realm_lists_clients_and_discovery_says_so() {
    let world = World::new().await;
    let shop = world.shop().await;
    assert!(shop.document().get(ENDPOINT).is_none());
    assert_eq!(names(&shop, "hint", "token").await.status.as_u16(), 404);

    let world = listing(&[SHOP]).mutual_tls().make().await;
    let document = world.shop().await.document().clone();
    assert_eq!(document[ENDPOINT], format!("{ISSUER}/bc-deviceRegistration"));
    assert_eq!(document["mtls_endpoint_aliases"][ENDPOINT], format!("{MTLS_BASE}/bc-deviceRegistration"));

    // REQUIREMENTS Q20: a realm without CIBA does not speak of it.
    let world = listing(&[SHOP]).policy(|policy| {
        policy.delivery_modes.clear();
        policy.profile = Profile::FapiCiba;
    });
    let world = world.make().await;
    let document = world.public().get(&format!("{ISSUER}/.well-known/openid-configuration")).await;
    assert!(document.expect("an answer").json().get(ENDPOINT).is_none());
}

#[tokio::test]
async fn who_is_not_listed_or_not_let_in_replaces_nothing() {
    let (world, shop, phone, hint) = scene().await;
    world.add_client("bank", "the secret of the bank").await;
    let bank = world.client("bank", "the secret of the bank").await;
    let of_bank = id_token(&world, &bank, &phone).await;
    for hint in [&hint, &of_bank] {
        assert_eq!(names(&bank, hint, "after").await.in_short(), "400 unauthorized_client");
    }
    let stranger = world.client(SHOP, "not the secret of the shop").await;
    assert_eq!(names(&stranger, &hint, "after").await.in_short(), "401 invalid_client");
    assert_eq!(replaced(&world).await.len(), 0);
    assert_eq!(pushed_to(&world, &shop).await, target("before"));
}

#[tokio::test]
async fn what_is_missing_doubled_or_too_long_is_an_invalid_request() {
    let (world, shop, _, hint) = scene().await;
    let long = "t".repeat(4_097);
    let both = [("id_token_hint", &*hint), ("device_registration_token", "after")];
    for parameters in [
        &[][..],
        &both[..1],
        &both[1..],
        &[both[0], ("device_registration_token", "")],
        &[("id_token_hint", ""), both[1]],
        &[both[0], both[1], both[1]],
        &[both[0], ("device_registration_token", &long)],
    ] {
        let answer = shop.post(URL, parameters).await.expect("an answer");
        assert_eq!(answer.in_short(), "400 invalid_request", "{parameters:?}");
    }
    assert_eq!(names(&shop, &hint, &long[1..]).await.in_short(), "200", "the longest one is taken");
    assert_eq!(replaced(&world).await.len(), 1);
}

#[tokio::test]
async fn a_hint_that_is_no_id_token_of_ours_for_this_client_names_nobody() {
    let (world, shop, phone, hint) = scene().await;
    world.add_client("bank", "the secret of the bank").await;
    let of_bank = id_token(&world, &world.client("bank", "the secret of the bank").await, &phone).await;
    let elsewhere = listing(&[SHOP]).make().await;
    let other = elsewhere.phone("1001").await;
    let of_another_provider = id_token(&elsewhere, &elsewhere.shop().await, &other).await;
    let (head, tail) = hint.rsplit_once('.').expect("a JWT");
    let unsigned = format!("{head}.");
    let swapped = format!("{head}.{}", tail.chars().rev().collect::<String>());
    for (what, bad) in [
        ("a subject", "1001"),
        ("another client's", &of_bank),
        ("of other keys", &of_another_provider),
        ("unsigned", &unsigned),
        ("wrongly signed", &swapped),
    ] {
        assert_eq!(names(&shop, bad, "after").await.in_short(), "400 unknown_user_id", "{what}");
    }
    world.edit_client(SHOP, |client| client.access_token_format = AccessTokenFormat::Jwt).await;
    let tokens = tokens(&world, &shop, &phone, a_request()).await;
    world.advance(3);
    world.deliver().await;
    let answer = names(&shop, text(&tokens, "access_token"), "after").await;
    assert_eq!(answer.in_short(), "400 unknown_user_id", "an access token");
    let age = i64::from(world.provider().policy().id_token_hint_age) + 3600;
    world.advance(age);
    assert_eq!(names(&shop, &hint, "after").await.in_short(), "400 unknown_user_id", "an old one");
    assert_eq!(replaced(&world).await.len(), 0);
}

/// Nobody is enrolled, and no phone is guessed at.
#[tokio::test]
async fn a_user_without_exactly_one_phone_that_firebase_reaches_is_refused_in_one_text() {
    let apns = PushTarget::Apns { token: "0a".repeat(32), sandbox: false };
    let cases: [(&str, &[PushTarget]); 5] = [
        ("none", &[]),
        ("two", &[fcm("one"), fcm("two")]),
        ("one of two", &[fcm("one"), PushTarget::None]),
        ("one that asks", &[PushTarget::None]),
        ("one of Apple's", &[apns]),
    ];
    for (case, phones) in cases {
        let (world, shop, _, hint) = scene().await;
        let first = world.admin().devices("1001").await.expect("a list").remove(0);
        world.admin().revoke(first["id"].as_str().expect("an id")).await.expect("it is revoked");
        for push in phones {
            world.enrolled("1001", "Phone", push.clone()).await;
        }
        world.deliver().await;
        let before = world.admin().devices("1001").await.expect("a list");
        let answer = names(&shop, &hint, "after").await;
        assert_eq!(answer.in_short(), "403 access_denied", "{case}");
        assert_eq!(answer.json()["error_description"], NO_SINGLE_PHONE, "{case}");
        assert_eq!(world.admin().devices("1001").await.expect("a list"), before, "{case}");
        assert_eq!(replaced(&world).await.len(), 0, "{case}");
    }
}

#[tokio::test]
async fn a_locked_user_is_refused_in_the_same_text_and_one_that_is_back_is_not() {
    let (world, shop, _, hint) = scene().await;
    for status in [UserStatus::Locked, UserStatus::Disabled] {
        world.set_status("1001", status).await;
        let answer = names(&shop, &hint, "after").await;
        assert_eq!(answer.in_short(), "403 access_denied");
        assert_eq!(answer.json()["error_description"], NO_SINGLE_PHONE);
    }
    world.set_status("1001", UserStatus::Active).await;
    assert_eq!(names(&shop, &hint, "after").await.in_short(), "200");
}
