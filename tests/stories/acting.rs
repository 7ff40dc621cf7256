//! `agent_action` (docs/agents.md): a software agent asks to do one thing, a person approves exactly that, and whoever acts
//! knows it by the receipt.

use std::collections::BTreeMap;

use device_core::{DenyReason, Outcome};
use protocol::action::Action;
use protocol::action::approved::{Approved, InMemory, Refusal, Wanted, redeem};
use protocol::crypto::aws_lc::VerifyingKey;
use protocol::messages::KeyLevel;
use protocol::receipt::{Approval, Expected, PublishedKeys, ReceiptError};
use serde_json::{Value, json};
use server::domain::details::DetailsType;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{ISSUER, SHOP, World, a_request};

fn transfer(cents: i64) -> Action {
    let call = json!({ "tool": "bank.transfer", "parameters": { "to": "Corner Shop", "cents": cents, "notify": ["anna", "ben"] } });
    serde_json::from_value(call).expect("an action")
}

/// A realm with agents, one of them, and alice's phone.
async fn household() -> (World, RelyingParty, Phone) {
    let world = World::builder().policy(|policy| policy.agent_actions = true).make().await;
    world.edit_client(SHOP, |client| client.approval_receipt = true).await;
    let (agent, phone) = (world.shop().await, world.phone("1001").await);
    (world, agent, phone)
}

/// The server of a tool: it knows the realm, the agent, and what was used.
struct Bank<'w> {
    world: &'w World,
    used: InMemory,
}

impl Bank<'_> {
    /// What it says to a call with this approval.
    async fn called(&self, action: &Action, approval: Option<&Approval>, asked: &str) -> Result<Approved, Refusal> {
        let answer = self.world.public().get(&format!("{ISSUER}/receipt-keys")).await.expect("an answer");
        let keys: PublishedKeys = serde_json::from_slice(&answer.body).expect("keys");
        let expected =
            Expected { issuer: ISSUER, client: SHOP, auth_req_id: asked, now: self.world.now().unix_seconds() };
        let wanted = Wanted {
            expected,
            action,
            subject: Some("1001"),
            user_verified: true,
            level: KeyLevel::Claimed,
            max_age: 60,
        };
        redeem(approval, &wanted, &keys, VerifyingKey::new, &self.used)
    }
}

fn bank(world: &World) -> Bank<'_> {
    Bank { world, used: InMemory::default() }
}

fn details(detail: Value) -> String {
    Value::from(vec![detail]).to_string()
}

async fn asked(agent: &RelyingParty, action: &Action) -> String {
    a_request().with("authorization_details", &details(action.detail(Some("Helper")))).accepted(agent).await
}

async fn approved(world: &World, agent: &RelyingParty, phone: &Phone, action: &Action) -> (String, Approval) {
    let asked = asked(agent, action).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    let tokens = world.redeem(agent, &asked).await.json();
    (asked, serde_json::from_value(tokens["approval_receipt"].clone()).expect("a receipt"))
}

#[tokio::test]
async fn an_action_is_shown_line_by_line_signed_granted_and_done_once() {
    let (world, agent, phone) = household().await;
    let (action, bank) = (transfer(1250), bank(&world));
    let asked = asked(&agent, &action).await;
    let prompt = world.prompt(&phone, &asked).await;
    let shown: Vec<_> = prompt.prompt().lines().iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
    let wanted = [
        "What: Action by a software agent",
        "Agent: Helper",
        "Tool: bank.transfer",
        "Parameter cents: 1250",
        "Parameter notify (1 of 2): anna",
        "Parameter notify (2 of 2): ben",
        "Parameter to: Corner Shop",
    ];
    assert_eq!(shown[2..], wanted);
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
    let tokens = world.redeem(&agent, &asked).await.json();
    assert_eq!(tokens["authorization_details"], json!([action.detail(Some("Helper"))]));
    let receipt: Approval = serde_json::from_value(tokens["approval_receipt"].clone()).expect("a receipt");
    let done = bank.called(&action, Some(&receipt), &asked).await.expect("approved");
    assert_eq!((done.agent.as_deref(), done.proven.subject.as_str()), (Some("Helper"), "1001"));
    assert_eq!(bank.called(&action, Some(&receipt), &asked).await, Err(Refusal::Used));
}

#[tokio::test]
async fn nothing_else_is_done_with_an_approval() {
    let (world, agent, phone) = household().await;
    let bank = bank(&world);
    let (first, approval) = approved(&world, &agent, &phone, &transfer(1250)).await;
    assert_eq!(bank.called(&transfer(1250), None, &first).await, Err(Refusal::Missing));
    let dearer = bank.called(&transfer(125_000), Some(&approval), &first).await;
    assert_eq!(dearer, Err(Refusal::OtherParameters(vec!["cents".to_owned()])));
    let other = Action::new("bank.close", BTreeMap::new()).expect("an action");
    assert_eq!(bank.called(&other, Some(&approval), &first).await, Err(Refusal::OtherTool));
    let elsewhere = bank.called(&transfer(1250), Some(&approval), "another request").await;
    assert_eq!(elsewhere, Err(Refusal::Receipt(ReceiptError::Request("receipt"))));
    world.advance(61);
    assert_eq!(bank.called(&transfer(1250), Some(&approval), &first).await, Err(Refusal::TooOld));
}

#[tokio::test]
async fn a_login_that_was_approved_approves_no_action_and_a_denied_action_brings_no_receipt() {
    let (world, agent, phone) = household().await;
    let bank = bank(&world);
    let login = a_request().accepted(&agent).await;
    phone.approve(&world.prompt(&phone, &login).await).await.expect("approved");
    let tokens = world.redeem(&agent, &login).await.json();
    let receipt: Approval = serde_json::from_value(tokens["approval_receipt"].clone()).expect("a receipt");
    assert_eq!(bank.called(&transfer(1), Some(&receipt), &login).await, Err(Refusal::NoAction));
    let asked = asked(&agent, &transfer(1)).await;
    phone.deny(&world.prompt(&phone, &asked).await, DenyReason::WrongDetails).await.expect("denied");
    assert_eq!(world.poll(&agent, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn an_approval_of_another_client_is_none() {
    let (world, _, phone) = household().await;
    let bank = bank(&world);
    let secret = "the secret of another agent";
    world.add_client("second", secret).await;
    world.edit_client("second", |client| client.approval_receipt = true).await;
    let other = world.client("second", secret).await;
    let (asked, approval) = approved(&world, &other, &phone, &transfer(1)).await;
    let refused = bank.called(&transfer(1), Some(&approval), &asked).await;
    assert_eq!(refused, Err(Refusal::Receipt(ReceiptError::Client("receipt"))));
}

#[tokio::test]
async fn what_is_no_action_is_refused_and_nobody_is_asked() {
    let (_world, agent, phone) = household().await;
    let good = transfer(1).detail(None);
    let with = |member: &str, value: Value| {
        let mut detail = good.clone();
        detail[member] = value;
        details(detail)
    };
    let honest = |parameters: Value| {
        let canonical = json!({ "parameters": parameters, "tool": "t" }).to_string();
        let digest = protocol::Digest::of(canonical.as_bytes());
        details(json!({ "type": "agent_action", "tool": "t", "parameters": parameters, "digest": digest }))
    };
    for (details, said) in [
        (with("digest", transfer(2).detail(None)["digest"].clone()), "digest"),
        (with("parameters", json!({ "to": "Corner Shop", "cents": 1 })), "digest"),
        (with("tool", json!("bank.transfer2")), "digest"),
        (with("note", json!("unsigned")), "agent_action has"),
        (with("agent", json!("Hel\u{202e}per")), "a text must"),
        (honest(json!({ "nested": { "a": 1 } })), "agent_action has"),
        (honest(json!({ "a": 1.5 })), "agent_action has"),
        (honest(json!({ "a": [] })), "at most 16"),
        (honest(json!({ "a b": 1 })), "the name of a parameter"),
        (honest(json!({ "amount": 1, "\u{430}mount": 2 })), "the name of a parameter"),
        (honest(json!({ "to": "a", "To": "b" })), "look alike"),
        (honest(json!({ "a": "x\u{202e}y" })), "a text must"),
        (honest(json!({ "a": "x\u{7}y" })), "a text must"),
        (honest(json!({ "a": "x".repeat(201) })), "a text must"),
        (honest(json!({ "a": vec!["x".repeat(200); 8], "b": vec!["x".repeat(200); 8] })), "2048 bytes"),
        (json!([good, good]).to_string(), "the only detail"),
        (json!([good, { "type": "payment" }]).to_string(), "the only detail"),
        (json!([{ "type": "payment" }]).to_string(), "not known"),
    ] {
        let answer = a_request().with("authorization_details", &details).sent(&agent).await;
        assert_eq!(answer.in_short(), "400 invalid_authorization_details", "{details}");
        let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(description.contains(said), "{details}: {description}");
    }
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn a_realm_that_does_not_say_so_has_no_agents() {
    let (_world, shop, _) = crate::scene().await;
    let asked = a_request().with("authorization_details", &details(transfer(1).detail(None))).sent(&shop).await;
    assert_eq!(asked.in_short(), "400 invalid_authorization_details");
    assert!(shop.document().get("authorization_details_types_supported").is_none());
}

#[tokio::test]
async fn discovery_names_the_type_beside_those_of_the_realm() {
    let kind: DetailsType = serde_json::from_value(json!({
        "type": "access",
        "title": { "label": "What", "value": "Access" },
        "schema": { "type": "object", "properties": { "to": { "type": "string" } } },
        "display": [{ "label": "To", "path": "/to" }],
    }))
    .expect("a type");
    let world = World::builder()
        .policy(|policy| (policy.agent_actions, policy.authorization_details_types) = (true, vec![kind]))
        .make()
        .await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    assert_eq!(shop.document()["authorization_details_types_supported"], json!(["access", "agent_action"]));
    let other = details(json!({ "type": "access", "to": "the house" }));
    let asked = a_request().with("authorization_details", &other).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(prompt.prompt().lines().last().map(|line| line.value.clone()), Some("the house".to_owned()));
}
