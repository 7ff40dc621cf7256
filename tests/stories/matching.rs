//! Match codes: two digits on the client's screen, typed on the phone.

use device_core::{DenyReason, DeviceError, Outcome};
use protocol::KeyRole;
use protocol::messages::{Answer, Decision};
use serde_json::{Value, json};
use server::domain::delivery::DeliveryMode;
use simulator::forger::{Forger, Reply};
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{Request, SHOP, World, a_request};

use crate::scene;
use crate::told::Scene;

/// The shop of these stories registered for match codes.
pub(crate) async fn matching_scene() -> (World, RelyingParty, Phone) {
    let (world, shop, phone) = scene().await;
    world.edit_client(SHOP, |client| client.match_code = true).await;
    (world, shop, phone)
}

/// A request that is accepted: its `auth_req_id`, and the digits that the client's screen shows.
pub(crate) async fn asked(shop: &RelyingParty, request: Request) -> (String, String) {
    let answer = request.sent(shop).await;
    assert_eq!(answer.in_short(), "200");
    let member = |name: &str| answer.json()[name].as_str().expect("a text").to_owned();
    (member("auth_req_id"), member("match_code"))
}

/// Digits that are not these.
fn other_than(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:02}", (number + 1) % 100)
}

async fn claims(world: &World, shop: &RelyingParty, auth_req_id: &str) -> Value {
    let tokens = world.redeem(shop, auth_req_id).await.json();
    shop.verify(tokens["id_token"].as_str().expect("an ID token"), world.now().unix_seconds()).await.expect("believed")
}

#[tokio::test]
async fn the_digits_of_the_screen_typed_on_the_phone_approve_and_the_acr_says_so() {
    let (world, shop, phone) = matching_scene().await;
    let (asked, code) = asked(&shop, a_request()).await;
    assert!(code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(prompt.match_code_length(), Some(2));
    assert!(!prompt.prompt().message().as_str().contains(&format!("\"{code}\"")));
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::MatchCodeNeeded));
    prompt.enter_match_code(code).expect("digits");
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
    assert_eq!(claims(&world, &shop, &asked).await["acr"], "urn:assent:acr:presence-match");
}

#[tokio::test]
async fn one_wrong_try_denies_and_the_client_gets_access_denied() {
    let (world, shop, phone) = matching_scene().await;
    let tablet = world.phone("1001").await;
    let (asked, code) = asked(&shop, a_request()).await;
    let (prompt, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
    prompt.enter_match_code(other_than(&code)).expect("digits");
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Denied));
    on_tablet.enter_match_code(code).expect("digits");
    assert_eq!(tablet.approve(&on_tablet).await, Err(DeviceError::AlreadyAnswered), "no second try, on no phone");
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    let events = world.admin().audit().await.expect("the audit trail");
    let decided = events.iter().find(|event| event["event"] == "request_decided").expect("an event");
    assert_eq!((&decided["answer"], &decided["reason"]), (&"approve".into(), &"wrong_code".into()));
}

#[tokio::test]
async fn a_push_client_is_pushed_that_a_wrong_code_was_typed() {
    let Scene { world, shop, phone, endpoint } = Scene::of(DeliveryMode::Push).await;
    world.edit_client(SHOP, |client| client.match_code = true).await;
    let (asked, code) = asked(&shop, a_request().told_by(crate::told::TOKEN)).await;
    let prompt = world.prompt(&phone, &asked).await;
    prompt.enter_match_code(other_than(&code)).expect("digits");
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Denied));
    world.deliver().await;
    assert_eq!(endpoint.called(1).await.remove(0).json()["error"], "access_denied");
}

/// An approval with whatever stands in `match`.
async fn approval_with(phone: &Phone, prompt: &device_core::ApprovalRequest, code: Option<&str>) -> Reply {
    let forger = Forger::of(phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let decision = Decision { match_code: code.map(str::to_owned), ..decision };
    let signed = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    forger.send(&decision.prompt, signed).await.expect("an answer")
}

#[tokio::test]
async fn what_cannot_be_a_code_is_refused_and_costs_no_try() {
    let (world, shop, phone) = matching_scene().await;
    let (asked, code) = asked(&shop, a_request()).await;
    let prompt = world.prompt(&phone, &asked).await;
    for wrong in [None, Some(""), Some("1"), Some("123"), Some("1a"), Some("١٢")] {
        let reply = approval_with(&phone, &prompt, wrong).await;
        assert_eq!((reply.status, reply.code()), (400, "mismatch"), "{wrong:?}");
    }
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(approval_with(&phone, &prompt, Some(&code)).await.status, 200);
    world.advance(5);
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_wrong_code_does_not_take_back_what_another_phone_approved() {
    let (world, shop, phone) = matching_scene().await;
    let tablet = world.phone("1001").await;
    let (asked, code) = asked(&shop, a_request()).await;
    let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
    assert_eq!(approval_with(&phone, &on_phone, Some(&code)).await.status, 200);
    let reply = approval_with(&tablet, &on_tablet, Some(&other_than(&code))).await;
    assert_eq!((reply.status, reply.code()), (409, "already_approved"));
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn denying_needs_no_code() {
    let (world, shop, phone) = matching_scene().await;
    let (asked, _) = asked(&shop, a_request()).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Denied));
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn a_client_that_did_not_register_for_codes_gets_none_and_its_user_types_none() {
    let (world, shop, phone) = scene().await;
    let answer = a_request().sent(&shop).await.json();
    assert!(answer.get("match_code").is_none(), "{answer}");
    let prompt = world.prompt(&phone, answer["auth_req_id"].as_str().expect("an id")).await;
    assert_eq!(prompt.match_code_length(), None);
    phone.approve(&prompt).await.expect("approved");
}

#[tokio::test]
async fn the_digits_are_kept_nowhere_in_clear() {
    let (world, shop, _phone) = matching_scene().await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(asked(&shop, a_request()).await.1);
    }
    let provider = world.provider();
    let page =
        provider.store().page(provider.id(), server::store::page::Kept::Request, None, 10).await.expect("a page");
    let text = format!("{page:?}");
    for code in codes {
        assert!(!text.contains(&format!("\"{code}\"")), "{code} in {text}");
    }
}

#[tokio::test]
async fn a_code_is_as_good_after_a_restart() {
    let (mut world, shop, phone) = matching_scene().await;
    let (asked, code) = asked(&shop, a_request()).await;
    world.restart().await;
    let prompt = world.prompt(&phone, &asked).await;
    prompt.enter_match_code(code).expect("digits");
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
}

/// `acr` of an approval under these values of `acr_values`, and whether the phone had to verify the user.
async fn said(world: &World, shop: &RelyingParty, phone: &Phone, acr_values: &str) -> Result<Value, String> {
    let answer = a_request().with("acr_values", acr_values).sent(shop).await.json();
    let asked = answer["auth_req_id"].as_str().expect("an id").to_owned();
    let prompt = world.prompt(phone, &asked).await;
    if let Some(code) = answer["match_code"].as_str() {
        prompt.enter_match_code(code.to_owned()).expect("digits");
    }
    phone.approve(&prompt).await.expect("approved");
    let answer = shop.poll(&asked).await.expect("an answer");
    if answer.status != 200 {
        return Err(answer.in_short());
    }
    let tokens = answer.json();
    let claims = shop.verify(tokens["id_token"].as_str().expect("an ID token"), world.now().unix_seconds()).await;
    Ok(json!([claims.expect("believed")["acr"], prompt.prompt().content().acr]))
}

#[tokio::test]
async fn the_first_requested_class_that_is_reached_is_said() {
    let world = World::builder().policy(|policy| policy.trust_claimed_uv = true).make().await;
    world.edit_client(SHOP, |client| client.match_code = true).await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    let table = [
        ("urn:assent:acr:uv-match", "urn:assent:acr:uv-match"),
        ("urn:assent:acr:uv", "urn:assent:acr:uv"),
        ("urn:assent:acr:uv-hw-match urn:assent:acr:presence-match", "urn:assent:acr:presence-match"),
        ("urn:other urn:assent:acr:uv", "urn:assent:acr:uv"),
    ];
    for (asked, expected) in table {
        assert_eq!(said(&world, &shop, &phone, asked).await, Ok(json!([expected, expected])), "{asked}");
    }
    world.advance(60);
    let unreached = said(&world, &shop, &phone, "urn:assent:acr:uv-hw").await;
    assert_eq!(unreached, Ok(json!(["urn:assent:acr:uv-match", null])), "what was reached, never what was asked");
}

#[tokio::test]
async fn a_client_without_codes_cannot_reach_a_class_with_one() {
    let (world, shop, phone) = scene().await;
    let asked = said(&world, &shop, &phone, "urn:assent:acr:presence-match").await;
    assert_eq!(asked, Ok(json!(["urn:assent:acr:presence", null])));
    world.edit_client(SHOP, |client| client.require_acr = true).await;
    let asked = said(&world, &shop, &phone, "urn:assent:acr:presence-match").await;
    assert_eq!(asked, Err("400 access_denied".to_owned()), "it registered that it wants no less");
    let asked = said(&world, &shop, &phone, "urn:assent:acr:presence").await;
    assert_eq!(asked, Ok(json!(["urn:assent:acr:presence", "urn:assent:acr:presence"])));
}
