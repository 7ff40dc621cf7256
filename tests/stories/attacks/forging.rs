//! Answers that the user did not give.

use device_core::exchange::Call;
use device_core::{DenyReason, DeviceError, Outcome};
use protocol::endpoints::{self, SignedRequest};
use protocol::messages::Answer;
use protocol::{KeyRef, KeyRole};
use simulator::forger::Forger;
use tests::{ISSUER, a_request};

use super::{Trail, counted, intercepted, shows};
use crate::answering::forged;
use crate::scene;

const SHOWN: &str = "The shop: Pay 12 euros";

#[tokio::test]
async fn a_recorded_approval_sent_again_approves_nothing_more() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let recorded = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    let call = |prompt: &protocol::PromptId| {
        Call::about(ISSUER, endpoints::DECISION, &prompt.to_string()).with(&SignedRequest { message: recorded.clone() })
    };
    let proof = forger.honest_proof(&call(&decision.prompt)).await.expect("a proof");
    let first = forger.call_with(&call(&decision.prompt), Some(&proof)).await.expect("an answer");
    assert_eq!(first.status, 200);
    world.redeem(&shop, &asked).await;

    let whole = forger.call_with(&call(&decision.prompt), Some(&proof)).await.expect("an answer");
    assert_eq!((whole.status, whole.code()), (401, "replayed"), "with its proof it is no call at all");
    let anew = forger.send(&decision.prompt, recorded.clone()).await.expect("an answer");
    assert_eq!(anew.message(), first.message(), "newly proven it is the answer that is known");
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant", "for which there are no more tokens");

    let next = a_request().accepted(&shop).await;
    let on_next = world.prompt(&phone, &next).await;
    let moved = forger.send(&on_next.prompt().content().jti, recorded).await.expect("an answer");
    assert_eq!((moved.status, moved.code()), (400, "mismatch"));
    assert_eq!(world.poll(&shop, &next).await, "400 authorization_pending");
    assert_eq!(shows(&phone).await, [SHOWN]);
    let expected = counted([
        ("request_accepted", 2),
        ("request_decided approve", 1),
        ("request_redeemed", 1),
        ("decision_refused proof", 1),
        ("decision_refused prompt", 1),
    ]);
    assert_eq!(trail.told().await, expected);
}

/// Malware that can use the key without the user's finger, and somebody on the way who says that this is enough.
#[tokio::test]
async fn the_key_that_needs_no_finger_approves_nothing_that_asks_for_one() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert!(prompt.verifies_user());
    let by_device = forged(&phone, &prompt, Answer::Approve, KeyRole::Device, |_| {}).await;
    assert_eq!((by_device.status, by_device.code()), (403, "wrong_key"));
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let as_verified = KeyRef { device: forger.account().device, role: KeyRole::Verified };
    let disguised = forger.sign_as(as_verified, KeyRole::Device, &decision).await.expect("signed");
    let disguised = forger.send(&decision.prompt, disguised).await.expect("an answer");
    assert_eq!((disguised.status, disguised.code()), (403, "bad_signature"));

    let persuaded = intercepted(&phone, |url, mut response| {
        if url.contains("/prompts") {
            response.body = lowered(&response.body);
        }
        response
    });
    let shown = persuaded.pending().await;
    assert!(matches!(shown, Err(DeviceError::Untrusted { .. })), "{shown:?}");

    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(shows(&phone).await, [SHOWN]);
    assert_eq!(phone.deny(&prompt, DenyReason::NotMe).await, Ok(Outcome::Denied), "for which it is good enough");
    let expected = counted([
        ("request_accepted", 1),
        ("decision_refused key", 1),
        ("decision_refused signature", 1),
        ("request_decided deny not_me", 1),
    ]);
    assert_eq!(trail.told().await, expected);
}

/// A list of prompts of which each says that no finger is needed.
fn lowered(body: &[u8]) -> Vec<u8> {
    let mut reply: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    for prompt in reply["prompts"].as_array_mut().expect("a list") {
        let parts: Vec<&str> = prompt.as_str().expect("a JWS").split('.').collect();
        let payload = protocol::base64url::decode(parts[1]).expect("base64url");
        let mut payload: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
        assert_eq!(payload["uv"], "required");
        payload["uv"] = "none".into();
        let payload = protocol::base64url::encode(payload.to_string().as_bytes());
        *prompt = [parts[0], &payload, parts[2]].join(".").into();
    }
    reply.to_string().into_bytes()
}

#[tokio::test]
async fn a_copy_of_a_phone_is_noticed_at_its_first_counter_and_neither_is_heard_any_more() {
    let (world, shop, phone) = scene().await;
    let trail = Trail::from_now(&world).await;
    let (expected, forged_one) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let on_forged = world.prompt(&phone, &forged_one).await;
    // The copy was made when the phone was about to use its next counter, and so will the copy.
    let copy = Forger::of(&phone).await.expect("a phone taken apart");
    assert_eq!(phone.approve(&world.prompt(&phone, &expected).await).await, Ok(Outcome::Approved));
    let decision = copy.decision(on_forged.prompt().message(), Answer::Approve).expect("a prompt");
    let signed = copy.sign(KeyRole::Verified, &decision).await.expect("signed");
    let reply = copy.send(&decision.prompt, signed).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (403, "counter_reused"));

    assert_eq!(phone.pending().await.err(), Some(DeviceError::Suspended), "nobody can tell which one is the copy");
    assert_eq!(world.poll(&shop, &expected).await, "400 access_denied", "nor who approved");
    assert_eq!(world.poll(&shop, &forged_one).await, "400 authorization_pending");
    let told = counted([
        ("request_accepted", 2),
        ("request_decided approve", 1),
        ("decision_refused counter", 1),
        ("device_revoked cloned", 1),
    ]);
    assert_eq!(trail.told().await, told);
}

#[tokio::test]
async fn another_users_phone_can_neither_see_nor_answer_what_is_asked_of_this_one() {
    let (world, shop, phone) = scene().await;
    let bobs = world.phone("1002").await;
    let trail = Trail::from_now(&world).await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert_eq!(shows(&bobs).await, [""; 0]);
    for (word, role) in [(Answer::Approve, KeyRole::Verified), (Answer::Deny, KeyRole::Device)] {
        let reply = forged(&bobs, &prompt, word, role, |_| {}).await;
        assert_eq!((reply.status, reply.code()), (404, "unknown_prompt"));
    }
    let (alice, bob) = (Forger::of(&phone).await.expect("a phone"), Forger::of(&bobs).await.expect("a phone"));
    let decision = alice.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let as_alice = KeyRef { device: alice.account().device, role: KeyRole::Verified };
    let signed = bob.sign_as(as_alice, KeyRole::Verified, &decision).await.expect("signed");
    let reply = bob.send(&decision.prompt, signed).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (403, "bad_signature"));

    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(shows(&phone).await, [SHOWN]);
    let expected =
        counted([("request_accepted", 1), ("decision_refused unknown_prompt", 2), ("decision_refused kid", 1)]);
    assert_eq!(trail.told().await, expected);
    let bobs_id = bob.account().device.to_string();
    assert_eq!(trail.newest("decision_refused").await["device"], bobs_id, "it is known whose phone tried");
}
