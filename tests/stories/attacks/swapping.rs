//! Another question in place of the one that the user expects.

use device_core::{DenyReason, DeviceError, Outcome, Warning};
use protocol::messages::Answer;
use protocol::{Digest, KeyRole, base64url};
use serde_json::json;
use tests::a_request;

use super::{Trail, counted, intercepted, shows};
use crate::answering::forged;
use crate::{matching, scene};

const EXPECTED: &str = "Pay 12 euros to Corner Shop";

const SWAPPED: &str = "Pay 90 euros to Corner Shop";

#[tokio::test]
async fn a_second_request_a_second_later_stands_beside_the_first_and_is_never_what_is_approved() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let expected = a_request().with("binding_message", EXPECTED).accepted(&shop).await;
    let shown = world.prompt(&phone, &expected).await;
    world.advance(1);
    let swapped = a_request().with("binding_message", SWAPPED).accepted(&shop).await;

    assert_eq!(shows(&phone).await, [EXPECTED, SWAPPED].map(|text| format!("The shop: {text}")));
    let on_swapped = world.prompt(&phone, &swapped).await;
    for request in [&shown, &on_swapped] {
        assert_eq!(request.display().warnings, [Warning::Conflict { others: 1 }], "also what is on the screen already");
    }
    // Nor can a phone be made to answer the one while it shows the other.
    let (hash, lines) = (shown.prompt().message().digest(), shown.prompt().lines().to_vec());
    let crossed = forged(&phone, &on_swapped, Answer::Approve, KeyRole::Verified, |decision| {
        (decision.ph, decision.dh) = (hash, protocol::display::display_digest(&lines));
    });
    assert_eq!(crossed.await.code(), "mismatch");
    assert_eq!(phone.approve(&shown).await, Ok(Outcome::Approved));

    assert_eq!(world.poll(&shop, &swapped).await, "400 authorization_pending");
    world.redeem(&shop, &expected).await;
    assert_eq!(shows(&phone).await, [format!("The shop: {SWAPPED}")]);
    assert_eq!(phone.deny(&on_swapped, DenyReason::NotMe).await, Ok(Outcome::Denied));
    world.advance(5);
    assert_eq!(world.poll(&shop, &swapped).await, "400 access_denied");

    let told = counted([
        ("request_accepted", 2),
        ("decision_refused prompt_hash", 1),
        ("request_decided approve", 1),
        ("request_redeemed", 1),
        ("request_decided deny not_me", 1),
    ]);
    assert_eq!(trail.told().await, told);
}

/// Both ask in the same words; only the screens differ.
#[tokio::test]
async fn where_the_user_types_the_code_of_their_own_screen_the_other_request_is_denied_by_it() {
    let (world, shop, phone) = matching::matching_scene().await;
    let trail = Trail::from_now(&world).await;
    let (expected, on_screen) = matching::asked(&shop, a_request()).await;
    world.advance(1);
    let (mut swapped, mut other) = matching::asked(&shop, a_request()).await;
    if other == on_screen {
        // One time in a hundred they are the same two digits.
        assert_eq!(shop.cancel(&swapped).await.expect("an answer").in_short(), "200");
        (swapped, other) = matching::asked(&shop, a_request()).await;
    }
    assert_ne!(other, on_screen);

    let on_swapped = world.prompt(&phone, &swapped).await;
    let content = json!(on_swapped.prompt().content()).to_string();
    assert!(!content.contains(&format!("\"{other}\"")), "the phone does not know it");
    on_swapped.enter_match_code(on_screen.clone()).expect("digits");
    assert_eq!(phone.approve(&on_swapped).await, Ok(Outcome::Denied));
    assert_eq!(world.poll(&shop, &swapped).await, "400 access_denied", "one try");
    let on_expected = world.prompt(&phone, &expected).await;
    on_expected.enter_match_code(on_screen).expect("digits");
    assert_eq!(phone.approve(&on_expected).await, Ok(Outcome::Approved));
    world.redeem(&shop, &expected).await;

    let cancelled = usize::from(trail.told().await.contains_key("request_cancelled"));
    let mut expected = counted([
        ("request_accepted", 2 + cancelled),
        ("request_decided approve wrong_code", 1),
        ("request_decided approve", 1),
        ("request_redeemed", 1),
    ]);
    expected.extend((cancelled > 0).then(|| ("request_cancelled".to_owned(), cancelled)));
    assert_eq!(trail.told().await, expected);
}

#[tokio::test]
async fn text_that_is_changed_on_its_way_is_not_shown_and_text_that_was_not_sent_is_not_approved() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().with("binding_message", SWAPPED).accepted(&shop).await;
    let deceived = intercepted(&phone, |url, mut response| {
        if url.contains("/prompts") {
            response.body = with_text_changed(&response.body);
        }
        response
    });
    let shown = deceived.pending().await;
    assert!(matches!(shown, Err(DeviceError::Untrusted { .. })), "{shown:?}");

    // An app that shows something else of its own has no signature for what the server sent.
    let prompt = world.prompt(&phone, &asked).await;
    let approve = async |spoil: fn(&mut protocol::messages::Decision)| {
        forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, spoil).await.code().to_owned()
    };
    assert_eq!(approve(|decision| decision.dh = Digest::of(EXPECTED.as_bytes())).await, "mismatch");
    assert_eq!(approve(|decision| decision.ph = Digest::of(EXPECTED.as_bytes())).await, "mismatch");

    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(shows(&phone).await, [format!("The shop: {SWAPPED}")], "what was sent, and that can still be denied");
    let expected =
        counted([("request_accepted", 1), ("decision_refused display_hash", 1), ("decision_refused prompt_hash", 1)]);
    assert_eq!(trail.told().await, expected);
}

/// A list of prompts in which every payload that asks for 90 euros asks for 12.
fn with_text_changed(body: &[u8]) -> Vec<u8> {
    let mut reply: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    for prompt in reply["prompts"].as_array_mut().expect("a list") {
        let parts: Vec<&str> = prompt.as_str().expect("a JWS").split('.').collect();
        let payload = String::from_utf8(base64url::decode(parts[1]).expect("base64url")).expect("UTF-8");
        assert!(payload.contains(SWAPPED));
        let payload = base64url::encode(payload.replace(SWAPPED, EXPECTED).as_bytes());
        *prompt = json!([parts[0], &payload, parts[2]].join("."));
    }
    reply.to_string().into_bytes()
}

/// A phone that does not know a kind of payment could show only a part of it.
#[tokio::test]
async fn a_payment_of_a_type_that_nobody_registered_reaches_no_phone() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    for details in [
        json!([{ "type": "instant_payment", "amount": "9000.00", "to": "Mallory" }]),
        json!([{ "type": "", "amount": "9000.00" }]),
        json!([{ "amount": "9000.00", "to": "Mallory" }]),
    ] {
        let answer = a_request().with("authorization_details", &details.to_string()).sent(&shop).await;
        assert_eq!(answer.in_short(), "400 invalid_authorization_details");
        assert!(!String::from_utf8_lossy(&answer.body).contains("Mallory"), "it is not echoed");
    }
    assert_eq!(shows(&phone).await, [""; 0]);
    assert_eq!(trail.told().await, counted([]), "nothing was accepted");
}
