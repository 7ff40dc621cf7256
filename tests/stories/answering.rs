//! A phone answers: what is taken, what is refused, and what a refused answer leaves as it was.

use std::sync::Arc;

use async_trait::async_trait;
use device_core::ports::{HttpRequest, HttpResponse, Transport, TransportError};
use device_core::{ApprovalRequest, DenyReason, DeviceError, Outcome};
use protocol::messages::{Answer, Decision, DenyReason as WireReason, Message};
use protocol::{DecisionId, Digest, Jws, KeyRef, KeyRole, Nonce, Typ, base64url};
use server::domain::user::UserStatus;
use simulator::forger::{Forger, Reply};
use simulator::phone::Phone;
use tests::{ISSUER, a_request};

use crate::scene;

/// The decision of a phone as it should be, then spoilt, signed by a key and sent.
pub(crate) async fn forged(
    phone: &Phone,
    prompt: &ApprovalRequest,
    word: Answer,
    role: KeyRole,
    spoil: impl FnOnce(&mut Decision),
) -> Reply {
    let forger = Forger::of(phone).await.expect("a phone taken apart");
    let message = prompt.prompt().message();
    let mut decision = forger.decision(message, word).expect("a prompt");
    spoil(&mut decision);
    let signed = forger.sign(role, &decision).await.expect("signed");
    forger.send(&prompt.prompt().content().jti, signed).await.expect("an answer")
}

/// Decisions arrive and their replies get lost.
struct Deaf(Arc<dyn Transport>);

#[async_trait]
impl Transport for Deaf {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let is_decision = request.url.ends_with("/decision");
        let response = self.0.send(request).await;
        if is_decision { Err(TransportError::TimedOut) } else { response }
    }
}

#[tokio::test]
async fn the_same_decision_sent_again_gets_the_same_result() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let signed = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    let id = &prompt.prompt().content().jti;
    let first = forger.send(id, signed.clone()).await.expect("an answer");
    world.advance(5);
    let second = forger.send(id, signed.clone()).await.expect("an answer");
    assert_eq!((first.status, second.status), (200, 200));
    assert!(first.message().is_some());
    assert_eq!(first.message(), second.message());
    world.redeem(&shop, &asked).await;
    world.advance(60);
    let late = forger.send(id, signed).await.expect("an answer");
    assert_eq!(late.message(), first.message(), "nothing else is judged, not even the time");
    assert_eq!(world.events("request_decided").await, 1);
}

#[tokio::test]
async fn an_approval_that_tokens_rest_on_outlives_every_later_answer_of_its_phone() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let id = &prompt.prompt().content().jti;
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let approval = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    let first = forger.send(id, approval.clone()).await.expect("an answer");
    let approve_again = forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, |decision| decision.ctr += 1);
    assert_eq!(approve_again.await.status, 200);
    world.redeem(&shop, &asked).await;
    assert_eq!(forger.send(id, approval.clone()).await.expect("an answer").message(), first.message(), "it is known");
    let dispute = forged(&phone, &prompt, Answer::Deny, KeyRole::Device, |decision| {
        decision.reason = Some(WireReason::NotMe);
        decision.ctr += 2;
    });
    assert_eq!(dispute.await.status, 200);
    let provider = world.provider();
    let kept = provider.store().prompt(provider.id(), id).await.expect("a look-up").expect("the prompt").record;
    assert_eq!(kept.approval.expect("the approval").jws, approval);
    assert_eq!(forger.send(id, approval).await.expect("an answer").code(), "revoked", "the phone was suspended");
}

#[tokio::test]
async fn an_answer_whose_reply_was_lost_is_sent_again_and_changes_nothing() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let transport = Arc::clone(&phone.ports().transport);
    let deaf = phone.over(ISSUER, Arc::new(Deaf(transport)));
    let lost = deaf.approve(&world.prompt(&deaf, &asked).await).await;
    assert!(matches!(lost, Err(DeviceError::Unreachable { .. })), "{lost:?}");
    assert_eq!(world.events("request_decided").await, 1);
    // The request awaits nobody any more, so the phone asks for it by its id.
    let restarted = phone.restarted(ISSUER);
    let prompt = restarted.core().fetch_prompt(prompt.account(), prompt.id()).await.expect("its prompt");
    assert_eq!(restarted.approve(&prompt).await, Ok(Outcome::Approved));
    assert_eq!(world.events("request_decided").await, 1);
}

#[tokio::test]
async fn a_decision_about_another_prompt_is_refused_and_both_stay_pending() {
    let (world, shop, phone) = scene().await;
    let (small, large) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let (shown, meant) = (world.prompt(&phone, &small).await, world.prompt(&phone, &large).await);
    let hash = shown.prompt().message().digest();
    let reply = forged(&phone, &meant, Answer::Approve, KeyRole::Verified, |decision| decision.ph = hash).await;
    assert_eq!((reply.status, reply.code()), (400, "mismatch"));
    for asked in [&small, &large] {
        assert_eq!(world.poll(&shop, asked).await, "400 authorization_pending");
    }
    assert_eq!(phone.pending().await.expect("the phone asks").len(), 2);
}

/// What is done to an honest decision.
type Spoil = Box<dyn FnOnce(&mut Decision)>;

#[tokio::test]
async fn a_decision_that_deviates_from_its_prompt_in_one_member_is_refused() {
    let (world, shop, phone) = scene().await;
    let other_phone = world.phone("1002").await;
    let other = Forger::of(&other_phone).await.expect("a phone taken apart").account().device;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let spoilt: Vec<(&str, Spoil)> = vec![
        ("iss", Box::new(move |decision| decision.iss = other)),
        ("aud", Box::new(|decision| decision.aud = "https://op.example/".to_owned())),
        ("v", Box::new(|decision| decision.v = 2)),
        ("nonce", Box::new(|decision| decision.nonce = Nonce::from_bytes([0; 16]))),
        ("ph", Box::new(|decision| decision.ph = Digest::of(b"another prompt"))),
        ("dh", Box::new(|decision| decision.dh = Digest::of(b"other lines"))),
        ("reason", Box::new(|decision| decision.reason = Some(WireReason::NotMe))),
        ("match", Box::new(|decision| decision.match_code = Some("42".to_owned()))),
    ];
    for (member, spoil) in spoilt {
        let reply = forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, spoil).await;
        assert_eq!((reply.status, reply.code()), (400, "mismatch"), "{member}");
        world.advance(5);
        assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending", "{member}");
    }
    phone.approve(&prompt).await.expect("the honest one is taken");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn the_device_key_cannot_approve_where_the_user_must_be_verified() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let reply = forged(&phone, &prompt, Answer::Approve, KeyRole::Device, |_| {}).await;
    assert_eq!((reply.status, reply.code()), (403, "wrong_key"));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn the_device_key_approves_where_the_client_asks_for_no_more() {
    let (world, shop, phone) = scene().await;
    let metadata = serde_json::json!({
        "client_id": "kiosk", "client_secret": "the secret of the kiosk", "user_verification": "none",
    });
    world.admin().create_client(&metadata).await.expect("created");
    let kiosk = world.client("kiosk", "the secret of the kiosk").await;
    let asked = a_request().accepted(&kiosk).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert!(!prompt.verifies_user());
    phone.approve(&prompt).await.expect("approved");
    let tokens = world.redeem(&kiosk, &asked).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    let claims = kiosk.verify(id_token, world.now().unix_seconds()).await.expect("believed");
    assert_eq!(claims["acr"], "urn:assent:acr:presence");
    drop(shop);
}

#[tokio::test]
async fn a_denial_is_signed_by_the_device_key_and_by_no_other() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let reply = forged(&phone, &prompt, Answer::Deny, KeyRole::Verified, |_| {}).await;
    assert_eq!((reply.status, reply.code()), (403, "wrong_key"));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn a_key_that_signs_under_the_name_of_another_is_refused() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let device = forger.account().device;
    let as_verified = KeyRef { device, role: KeyRole::Verified };
    let signed = forger.sign_as(as_verified, KeyRole::Device, &decision).await.expect("signed");
    let reply = forger.send(&decision.prompt, signed).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (403, "bad_signature"));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
}

#[tokio::test]
async fn another_users_phone_does_not_even_learn_that_the_prompt_exists() {
    let (world, shop, phone) = scene().await;
    let bobs = world.phone("1002").await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    assert!(bobs.pending().await.expect("the phone asks").is_empty());
    for word in [Answer::Approve, Answer::Deny] {
        let role = if word == Answer::Approve { KeyRole::Verified } else { KeyRole::Device };
        let reply = forged(&bobs, &prompt, word, role, |_| {}).await;
        assert_eq!((reply.status, reply.code()), (404, "unknown_prompt"));
    }
    // Nor does it help to say that alice's phone signed.
    let (alice, bob) = (Forger::of(&phone).await.expect("a phone"), Forger::of(&bobs).await.expect("a phone"));
    let decision = alice.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let kid = KeyRef { device: alice.account().device, role: KeyRole::Verified };
    let signed = bob.sign_as(kid, KeyRole::Verified, &decision).await.expect("signed");
    let reply = bob.send(&decision.prompt, signed).await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (403, "bad_signature"));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    phone.approve(&prompt).await.expect("alice's own is taken");
}

#[tokio::test]
async fn a_deny_takes_back_what_was_approved_until_tokens_are_issued() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone("1001").await;
    for denier in [&phone, &tablet] {
        let asked = a_request().accepted(&shop).await;
        let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
        let on_denier = if std::ptr::eq(denier, &raw const phone) { &on_phone } else { &on_tablet };
        assert_eq!(phone.approve(&on_phone).await, Ok(Outcome::Approved));
        assert_eq!(denier.deny(on_denier, DenyReason::NotMe).await, Ok(Outcome::Denied));
        assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    }
}

#[tokio::test]
async fn an_approval_after_a_denial_is_refused() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
    phone.deny(&on_phone, DenyReason::Cancelled).await.expect("denied");
    for (device, prompt) in [(&phone, &on_phone), (&tablet, &on_tablet)] {
        assert_eq!(device.approve(prompt).await, Err(DeviceError::AlreadyAnswered));
        assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    }
    assert!(tablet.pending().await.expect("the tablet asks").is_empty());
}

#[tokio::test]
async fn not_me_after_the_tokens_were_issued_is_a_dispute() {
    let (world, shop, phone) = scene().await;
    let tablet = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    let (on_phone, on_tablet) = (world.prompt(&phone, &asked).await, world.prompt(&tablet, &asked).await);
    phone.approve(&on_phone).await.expect("approved");
    world.redeem(&shop, &asked).await;
    assert_eq!(tablet.deny(&on_tablet, DenyReason::Cancelled).await, Err(DeviceError::AlreadyAnswered));
    assert_eq!(tablet.deny(&on_tablet, DenyReason::NotMe).await, Ok(Outcome::Disputed));
    assert_eq!(world.events("request_disputed").await, 1);
    assert_eq!(world.poll(&shop, &asked).await, "400 invalid_grant");
}

#[tokio::test]
async fn a_locked_user_cannot_answer() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    world.set_status("1001", UserStatus::Locked).await;
    let refused = DeviceError::Refused { refusal: "user_not_active".to_owned() };
    assert_eq!(phone.approve(&prompt).await, Err(refused));
    world.set_status("1001", UserStatus::Active).await;
    phone.approve(&prompt).await.expect("approved once unlocked");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_counter_used_for_two_decisions_ends_the_phone() {
    let (world, shop, phone) = scene().await;
    let (first, second) = (a_request().accepted(&shop).await, a_request().accepted(&shop).await);
    let (on_first, on_second) = (world.prompt(&phone, &first).await, world.prompt(&phone, &second).await);
    let of_a_clone = forged(&phone, &on_first, Answer::Approve, KeyRole::Verified, |decision| decision.ctr = 7).await;
    assert_eq!(of_a_clone.status, 200);
    let reply = forged(&phone, &on_second, Answer::Approve, KeyRole::Verified, |decision| decision.ctr = 7).await;
    assert_eq!((reply.status, reply.code()), (403, "counter_reused"));
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!((&devices[0]["status"], &devices[0]["reason"]), (&"revoked".into(), &"cloned".into()));
    assert_eq!(world.poll(&shop, &first).await, "400 access_denied", "what it approved does not stand either");
    assert_eq!(world.poll(&shop, &second).await, "400 authorization_pending");
}

#[tokio::test]
async fn the_same_words_signed_anew_are_the_same_decision_and_no_clone() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    let signed = forger.sign(KeyRole::Verified, &decision).await.expect("signed");
    let id = &prompt.prompt().content().jti;
    let first = forger.send(id, signed.clone()).await.expect("an answer");
    let second = forger.send(id, other_signature(&signed)).await.expect("an answer");
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.message(), second.message());
    assert_eq!(world.events("request_decided").await, 1);
    world.redeem(&shop, &asked).await;
}

/// The other valid ECDSA signature over the same text: r and n − s.
fn other_signature(signed: &Jws) -> Jws {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (text, signature) = signed.as_str().rsplit_once('.').expect("three parts");
    let mut signature: [u8; 64] = base64url::decode_exact(signature).expect("r and s");
    let mut borrow = 0;
    for place in (0..32).rev() {
        let difference = i16::from(ORDER[place]) - i16::from(signature[32 + place]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + place] = u8::try_from(difference.rem_euclid(256)).expect("below 256");
    }
    Jws::from_text(format!("{text}.{}", base64url::encode(&signature)))
}

#[tokio::test]
async fn counters_may_come_in_any_order() {
    let (world, shop, phone) = scene().await;
    for counter in [9, 3, 4] {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        let reply =
            forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, |decision| decision.ctr = counter).await;
        assert_eq!(reply.status, 200, "{counter}");
    }
}

#[tokio::test]
async fn a_phone_with_a_wrong_clock_is_heard_and_the_audit_trail_notes_it() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let reply = forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, |decision| {
        decision.iat -= 86_400;
        decision.jti = DecisionId::from_bytes([9; 16]);
    });
    assert_eq!(reply.await.status, 200);
    let events = world.admin().audit().await.expect("the audit trail");
    let decided = events.iter().find(|event| event["event"] == "request_decided").expect("an event");
    assert_eq!(decided["clock_off"], -86_400);
}

#[tokio::test]
async fn a_phone_whose_clock_is_off_by_as_much_as_can_be_said_is_heard_too() {
    let (world, shop, phone) = scene().await;
    for (iat, counter) in [(i64::MIN, u64::MAX), (i64::MAX, 0)] {
        let asked = a_request().accepted(&shop).await;
        let prompt = world.prompt(&phone, &asked).await;
        let reply = forged(&phone, &prompt, Answer::Approve, KeyRole::Verified, |decision| {
            (decision.iat, decision.ctr) = (iat, counter);
        });
        assert_eq!(reply.await.status, 200, "{iat}");
        let events = world.admin().audit().await.expect("the audit trail");
        let decided = events.iter().rfind(|event| event["event"] == "request_decided").expect("an event");
        assert_eq!(decided["counter"], counter);
        assert_eq!(decided["clock_off"].as_i64().map(i64::signum), Some(iat.signum()));
    }
}

/// A decision that says more than the protocol knows.
#[derive(serde::Serialize, serde::Deserialize)]
struct Wordy {
    #[serde(flatten)]
    decision: Decision,
    more: String,
}

impl Message for Wordy {
    const TYP: Typ = Typ::Decision;
}

#[tokio::test]
async fn a_decision_may_say_more_than_is_known_but_not_without_end() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let forger = Forger::of(&phone).await.expect("a phone taken apart");
    let decision = forger.decision(prompt.prompt().message(), Answer::Approve).expect("a prompt");
    for (length, status) in [(9_000, 400), (1_000, 200)] {
        let wordy = Wordy { decision: decision.clone(), more: "x".repeat(length) };
        let signed = forger.sign(KeyRole::Verified, &wordy).await.expect("signed");
        assert_eq!(forger.send(&decision.prompt, signed).await.expect("an answer").status, status, "{length}");
    }
}
