//! `authorization_details` (RFC 9396): by registered types, shown on the phone, signed, and granted as they were asked.

use device_core::Outcome;
use protocol::digest::request_digest;
use serde_json::{Value, json};
use server::domain::details::{DetailsType, check_types};
use simulator::client_key::ClientKey;
use simulator::phone::Phone;
use simulator::relying_party::RelyingParty;
use tests::{World, a_request};

/// Payments, as a realm may register them.
fn payment() -> DetailsType {
    let kind = json!({
        "type": "payment_initiation",
        "title": { "label": "Was", "value": "Zahlung" },
        "language": "de",
        "schema": {
            "type": "object",
            "required": ["instructedAmount", "creditorName"],
            "properties": {
                "instructedAmount": {
                    "type": "object",
                    "required": ["amount", "currency"],
                    "properties": {
                        "amount": { "type": "string", "maxLength": 12 },
                        "currency": { "type": "string", "enum": ["EUR"] },
                    },
                },
                "creditorName": { "type": "string", "maxLength": 70 },
                "remittance": { "type": "string", "maxLength": 140 },
            },
        },
        "display": [
            { "label": "Betrag", "path": "/instructedAmount", "format": "amount" },
            { "label": "An", "path": "/creditorName" },
            { "label": "Zweck", "path": "/remittance" },
        ],
    });
    serde_json::from_value(kind).expect("a type")
}

fn detail() -> Value {
    json!({
        "type": "payment_initiation",
        "instructedAmount": { "amount": "123.50", "currency": "EUR" },
        "creditorName": "Merchant A",
    })
}

async fn bank() -> (World, RelyingParty, Phone) {
    assert_eq!(check_types(&[payment()]), Ok(()));
    let world = World::builder()
        .policy(|policy| {
            policy.authorization_details_types = vec![payment()];
            policy.prompt_limits = false;
        })
        .make()
        .await;
    let (shop, phone) = (world.shop().await, world.phone("1001").await);
    (world, shop, phone)
}

#[tokio::test]
async fn details_are_shown_signed_and_granted() {
    let (world, shop, phone) = bank().await;
    let details = json!([detail()]);
    let asked = a_request().with("authorization_details", &details.to_string()).accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let shown: Vec<_> = prompt.prompt().lines().iter().map(|line| format!("{}: {}", line.label, line.value)).collect();
    assert_eq!(shown[2..], ["Was: Zahlung", "Betrag: 123.50 EUR", "An: Merchant A"]);
    let content = prompt.prompt().content();
    assert_eq!((&json!(content.authorization_details), content.lang.as_str()), (&details, "de"));
    assert_eq!(content.req, request_digest(&asked));
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
    let tokens = world.redeem(&shop, &asked).await.json();
    assert_eq!(tokens["authorization_details"], details);
}

#[tokio::test]
async fn details_in_a_signed_request_are_taken_as_json_and_as_text() {
    let (world, _, phone) = bank().await;
    let key = ClientKey::generate(server::domain::algorithm::Algorithm::Es256);
    let shop = crate::keyed_shop(&world, &key).await;
    for details in [json!([detail()]), json!(json!([detail()]).to_string())] {
        let mut claims = shop.request_object(&[("scope", "openid"), ("login_hint", "alice")]);
        claims["authorization_details"] = details;
        let request = key.sign(Some("oauth-authz-req+jwt"), &claims);
        let answer = shop.begin(&[("request", &request)]).await.expect("an answer");
        assert_eq!(answer.in_short(), "200");
        let prompt = world.prompt(&phone, answer.json()["auth_req_id"].as_str().expect("an id")).await;
        assert_eq!(json!(prompt.prompt().content().authorization_details), json!([detail()]));
    }
}

#[tokio::test]
async fn what_no_type_knows_or_no_phone_could_show_is_refused_and_nobody_is_asked() {
    let (_world, shop, phone) = bank().await;
    let with = |member: &str, value: Value| {
        let mut detail = detail();
        detail[member] = value;
        json!([detail]).to_string()
    };
    for details in [
        json!([{ "type": "payment" }]).to_string(),
        with("fee", json!("9.99 EUR")),
        with("creditorName", json!("x".repeat(71))),
        with("creditorName", json!("Merchant\u{202e}A")),
        with("creditorName", json!("Merchant\u{200b}A")),
        with("creditorName", json!("https://evil.example/pay")),
        with("instructedAmount", json!({ "amount": "1", "currency": "XXX" })),
        json!([detail(), { "type": "unknown" }]).to_string(),
        json!(vec![detail(); 9]).to_string(),
        "[]".to_owned(),
        "{}".to_owned(),
        "no JSON".to_owned(),
        r#"[{"type":"payment_initiation","type":"payment_initiation"}]"#.to_owned(),
    ] {
        let answer = a_request().with("authorization_details", &details).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 invalid_authorization_details", "{details}");
    }
    assert!(phone.pending().await.expect("the phone asks").is_empty());
}

#[tokio::test]
async fn as_many_details_as_may_be_are_asked_answered_and_kept() {
    let (world, shop, phone) = bank().await;
    let most = json!(vec![detail(); 8]).to_string();
    let asked = a_request().with("authorization_details", &most).accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn discovery_names_the_types_of_a_realm_that_has_some() {
    let (_world, shop, _) = bank().await;
    assert_eq!(shop.document()["authorization_details_types_supported"], json!(["payment_initiation"]));
    let (_world, shop, _) = crate::scene().await;
    assert!(shop.document().get("authorization_details_types_supported").is_none());
}

#[tokio::test]
async fn a_phone_that_enrols_later_is_shown_the_same_details() {
    let world = World::builder()
        .policy(|policy| {
            policy.authorization_details_types = vec![payment()];
            policy.no_device = server::domain::policy::NoDevice::Accept;
        })
        .make()
        .await;
    let shop = world.shop().await;
    let details = json!([detail()]);
    let asked = a_request().with("authorization_details", &details.to_string()).accepted(&shop).await;
    let phone = world.phone("1001").await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(json!(prompt.prompt().content().authorization_details), details);
    assert!(prompt.prompt().lines().iter().any(|line| line.value == "123.50 EUR"));
}
