//! A phone replaces its keys, and may be killed at any moment while it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::http::Method;
use device_core::exchange::Call;
use device_core::ports::{HttpRequest, HttpResponse, KeyPurpose, Transport, TransportError};
use device_core::{DenyReason, DeviceError, KeysToRotate, Outcome, RotationState};
use protocol::endpoints;
use protocol::messages::{Answer, KeyLevel, PromptKind};
use protocol::{DeviceId, KeyRole};
use server::store::Change;
use simulator::forger::Forger;
use simulator::phone::Phone;
use tests::{ISSUER, World, a_request};

use crate::own::{lines, of_kind};

const ALL: KeysToRotate = KeysToRotate { device: true, verified: true, sealing: true };
const DEVICE: KeysToRotate = KeysToRotate { device: true, verified: false, sealing: false };
const VERIFIED: KeysToRotate = KeysToRotate { device: false, verified: true, sealing: false };

/// The new keys hold; the answer to the rotation never arrives.
struct Deaf {
    way: Arc<dyn Transport>,
    is_deaf: AtomicBool,
}

#[async_trait]
impl Transport for Deaf {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let is_rotation = request.url.ends_with(endpoints::KEYS.path);
        let answer = self.way.send(request).await;
        if is_rotation && self.is_deaf.load(Ordering::Relaxed) {
            return Err(TransportError::TimedOut);
        }
        answer
    }
}

async fn forger(phone: &Phone) -> Forger {
    Forger::of(phone).await.expect("a forger")
}

async fn approves(world: &World, phone: &Phone) {
    let shop = world.shop().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

/// Biometrics changed: the platform has destroyed the key.
async fn loses_its_verified_key(phone: &Phone) {
    let alias = forger(phone).await.account().alias(KeyPurpose::Verified);
    phone.ports().vault.delete(alias).await.expect("deleted");
}

fn refused(code: &str) -> DeviceError {
    DeviceError::Refused { refusal: code.to_owned() }
}

#[tokio::test]
async fn a_phone_goes_on_with_its_new_keys_and_none_of_the_old() {
    let (world, shop, phone) = crate::scene().await;
    let before = forger(&phone).await;
    let asked = a_request().accepted(&shop).await;
    assert_eq!(phone.rotate(ALL).await, Ok(RotationState::Done));
    let after = forger(&phone).await;
    let (old, new) = (before.account().keys, after.account().keys);
    assert!(old.device != new.device && old.verified != new.verified && old.sealing != new.sealing);
    phone
        .approve(&world.prompt(&phone, &asked).await)
        .await
        .expect("what was asked before is answered by the new keys");
    world.redeem(&shop, &asked).await;
    approves(&world, &phone).await;
    for purpose in [KeyPurpose::Device, KeyPurpose::Verified, KeyPurpose::Sealing] {
        assert_ne!(before.account().alias(purpose), after.account().alias(purpose));
    }
    assert_eq!(world.events("keys_rotated").await, 1);
    assert_eq!(phone.rotate(DEVICE).await, Ok(RotationState::Done), "and again");
    approves(&world, &phone).await;
}

#[tokio::test]
async fn new_keys_are_announced_to_the_other_phones_and_may_be_disowned() {
    let world = World::new().await;
    let (phone, tablet) =
        (world.phone("1001").await, world.enrolled("1001", "Tablet", device_core::PushTarget::None).await);
    tablet.rotate(ALL).await.expect("rotated");
    let notices = of_kind(&phone, PromptKind::Notice).await;
    assert_eq!((notices.len(), lines(&notices[1])[1].as_str()), (2, "Tablet"));
    assert_eq!(notices[1].prompt().content().display[1].label, "New keys on");
    phone.deny(&notices[1], DenyReason::NotMe).await.expect("denied");
    assert_eq!(tablet.pending().await.err(), Some(DeviceError::Suspended));
}

/// A phone whose keys are in two places: of one state the copy is rotated, and the original knows nothing of it.
async fn copied(world: &World) -> (Phone, Forger) {
    let phone = world.phone("1001").await;
    let forger = forger(&phone).await;
    (phone, forger)
}

#[tokio::test]
async fn the_former_key_reads_for_a_day_and_changes_nothing() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let deaf = Arc::new(Deaf { way: Arc::clone(&phone.ports().transport), is_deaf: AtomicBool::new(true) });
    let phone = phone.over(ISSUER, deaf);
    assert!(matches!(phone.rotate(DEVICE).await, Err(DeviceError::Unreachable { .. })));
    // What the phone signs by is still the key before: it has not heard that the new one holds.
    let former = forger(&phone).await;
    assert!(phone.pending().await.is_ok(), "it reads");
    let renamed = former.call(&Call::to(ISSUER, endpoints::RENAME).with(&serde_json::json!({ "name": "Mine" }))).await;
    let renamed = renamed.expect("a reply");
    assert_eq!((renamed.status, renamed.code()), (403, "former_key"));
    let left = former.call(&Call::to(ISSUER, endpoints::LEAVE)).await.expect("a reply");
    assert_eq!((left.status, left.code()), (403, "former_key"));
    let shop = world.shop().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    let decision = former.decision(prompt.prompt().message(), Answer::Approve).expect("a decision");
    let signed = former.sign(KeyRole::Verified, &decision).await.expect("signed");
    let answered = former.send(&prompt.prompt().content().jti, signed).await.expect("a reply");
    assert_eq!((answered.status, answered.code()), (403, "former_key"));
    assert_eq!(world.events("decision_refused").await, 1);
    world.advance(86_399);
    assert!(phone.pending().await.is_ok());
    world.advance(1);
    assert_eq!(phone.pending().await.err(), Some(refused("unproven")));
}

#[tokio::test]
async fn a_phone_that_was_killed_before_the_answer_learns_it_later_however_late() {
    for seconds in [0, 86_399, 86_400, 10 * 86_400] {
        let world = World::new().await;
        let phone = world.phone("1001").await;
        let deaf = Arc::new(Deaf { way: Arc::clone(&phone.ports().transport), is_deaf: AtomicBool::new(true) });
        assert!(phone.over(ISSUER, deaf).rotate(ALL).await.is_err());
        world.advance(seconds);
        let phone = phone.restarted(ISSUER);
        assert_eq!(phone.rotate(ALL).await, Ok(RotationState::Done), "after {seconds} s");
        approves(&world, &phone).await;
        assert_eq!(world.events("keys_rotated").await, 1, "it was not rotated twice");
    }
}

#[tokio::test]
async fn a_phone_that_was_killed_before_it_sent_anything_sends_the_same_later() {
    struct Mute;
    #[async_trait]
    impl Transport for Mute {
        async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
            Err(TransportError::Unreachable { detail: "no network".to_owned() })
        }
    }
    let world = World::new().await;
    let phone = world.phone("1001").await;
    assert!(phone.over(ISSUER, Arc::new(Mute)).rotate(ALL).await.is_err());
    let phone = phone.restarted(ISSUER);
    approves(&world, &phone).await;
    assert_eq!(phone.rotate(DEVICE).await, Ok(RotationState::Done), "what was begun is what is ended");
    let account = forger(&phone).await;
    assert!(account.account().moved.sealing.is_some());
    approves(&world, &phone).await;
}

#[tokio::test]
async fn the_same_rotation_again_gets_the_same_word_and_another_by_the_former_key_nothing() {
    let world = World::new().await;
    let (phone, copy) = copied(&world).await;
    let deaf = Arc::new(Deaf { way: Arc::clone(&phone.ports().transport), is_deaf: AtomicBool::new(true) });
    let victim = phone.over(ISSUER, deaf);
    assert!(victim.rotate(DEVICE).await.is_err());
    let begun = forger(&victim).await.account().rotation.clone().expect("a pending rotation");
    let again = copy.call(&Call::to(ISSUER, endpoints::KEYS).with(&begun.message)).await.expect("a reply");
    assert_eq!(again.status, 200);
    // The copy of the keys makes a rotation of its own, signed by the `device` key that was replaced.
    let account = copy.account();
    let thief = protocol::crypto::p256::SigningKey::from_bytes(&[9; 32]).expect("a key");
    let keys = device_core::state::NewKeys {
        device: Some(*protocol::crypto::Sign::public(&thief)),
        ..device_core::state::NewKeys::default()
    };
    let message = rotation_by(&copy, account, &keys, &[&thief]).await;
    let stolen = copy.call(&Call::to(ISSUER, endpoints::KEYS).with(&message)).await.expect("a reply");
    assert_eq!((stolen.status, stolen.code()), (403, "former_key"));
}

/// A rotation of these keys, which sign in software.
async fn rotation_by(
    forger: &Forger,
    account: &device_core::state::AccountState,
    keys: &device_core::state::NewKeys,
    new: &[&protocol::crypto::p256::SigningKey],
) -> protocol::jws::General {
    use protocol::crypto::Sign as _;
    let signers = device_core::rotation::signers(keys, true);
    let unsigned = device_core::rotation::build(account, keys, &signers, 0);
    let (mut signatures, mut new) = (Vec::new(), new.iter());
    for (input, signer) in unsigned.signing_inputs().zip(&signers) {
        signatures.push(match signer {
            device_core::rotation::Signer::New(_) => new.next().expect("a new key").sign(input).expect("signed"),
            device_core::rotation::Signer::Old(role) => forger.signature(*role, input).await.expect("signed"),
        });
    }
    unsigned.attach(&signatures)
}

#[tokio::test]
async fn keys_that_are_in_use_or_bring_no_signature_of_their_own_are_refused() {
    use protocol::crypto::Sign as _;
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let forger = forger(&phone).await;
    let account = forger.account();
    let (mine, other) = (key(9), key(10));
    let none = device_core::state::NewKeys::default();
    let call = |message: &protocol::jws::General| Call::to(ISSUER, endpoints::KEYS).with(message);
    let table = [
        ("nothing", none, vec![], "mismatch"),
        (
            "a key in use",
            device_core::state::NewKeys { sealing: Some(account.keys.verified), ..none },
            vec![],
            "mismatch",
        ),
        (
            "one key twice",
            device_core::state::NewKeys { device: Some(*mine.public()), verified: Some(*mine.public()), ..none },
            vec![&mine, &mine],
            "mismatch",
        ),
        (
            "a key that did not sign",
            device_core::state::NewKeys { device: Some(*mine.public()), ..none },
            vec![&other],
            "bad_signature",
        ),
    ];
    for (what, keys, new, code) in table {
        let message = rotation_by(&forger, account, &keys, &new).await;
        let reply = forger.call(&call(&message)).await.expect("a reply");
        assert_eq!(reply.code(), code, "{what}");
    }
    let elsewhere = device_core::state::AccountState { device: DeviceId::from_bytes([7; 16]), ..account.clone() };
    let keys = device_core::state::NewKeys { device: Some(*mine.public()), ..none };
    let message = rotation_by(&forger, &elsewhere, &keys, &[&mine]).await;
    assert_eq!(forger.call(&call(&message)).await.expect("a reply").code(), "mismatch", "another phone's");
    assert_eq!(world.events("keys_rotated").await, 0);
    let message = rotation_by(&forger, account, &keys, &[&mine]).await;
    assert_eq!(forger.call(&call(&message)).await.expect("a reply").status, 200, "and so it is right");
}

fn key(seed: u8) -> protocol::crypto::p256::SigningKey {
    protocol::crypto::p256::SigningKey::from_bytes(&[seed; 32]).expect("a key")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_rotations_at_once_one_holds() {
    use protocol::crypto::Sign as _;
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let mut calls = tokio::task::JoinSet::new();
    for seed in [9, 10, 11, 12] {
        let forger = forger(&phone).await;
        let new = key(seed);
        let keys =
            device_core::state::NewKeys { device: Some(*new.public()), ..device_core::state::NewKeys::default() };
        let message = rotation_by(&forger, forger.account(), &keys, &[&new]).await;
        calls.spawn(async move {
            let reply = forger.call(&Call::to(ISSUER, endpoints::KEYS).with(&message)).await.expect("a reply");
            (reply.status, reply.code().to_owned())
        });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert_eq!(world.events("keys_rotated").await, 1);
}

#[tokio::test]
async fn new_keys_are_as_good_as_nobody_has_attested_them() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let provider = world.provider();
    let id = forger(&phone).await.account().device;
    let mut found = provider.store().device(provider.id(), &id).await.expect("a look-up").expect("a device");
    (found.record.level, found.record.verified_level) = (KeyLevel::Attested, KeyLevel::Attested);
    let change = Change::in_realm(provider.id()).replace(found.version, found.record);
    provider.store().commit(change).await.expect("stored");
    let level = async || world.admin().devices("1001").await.expect("a list")[0]["level"].clone();
    phone.rotate(KeysToRotate { device: false, verified: false, sealing: true }).await.expect("rotated");
    assert_eq!(level().await, "attested", "the sealing key signs nothing");
    phone.rotate(ALL).await.expect("rotated");
    assert_eq!(level().await, "claimed");
}

#[tokio::test]
async fn another_phone_agrees_to_a_verified_key_in_place_of_one_that_is_lost() {
    let world = World::new().await;
    let (tablet, phone) = (world.phone("1001").await, world.phone("1001").await);
    loses_its_verified_key(&phone).await;
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting));
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting), "asking again asks nobody twice");
    let asked = of_kind(&tablet, PromptKind::Rotate).await;
    assert_eq!(asked.len(), 1);
    assert!(of_kind(&phone, PromptKind::Rotate).await.is_empty(), "the phone does not agree to itself");
    assert_eq!(tablet.approve(&asked[0]).await, Ok(Outcome::Approved));
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Done));
    approves(&world, &phone).await;
}

#[tokio::test]
async fn of_several_phones_that_were_asked_the_others_forget_the_question() {
    let world = World::new().await;
    let (phone, tablet) = (world.phone("1001").await, world.phone("1001").await);
    let watch = world.phone_with_push("1001", "a-token").await;
    while world.deliver().await > 0 {}
    let before = world.courier().carried().len();
    loses_its_verified_key(&phone).await;
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting));
    while world.deliver().await > 0 {}
    let on_watch = of_kind(&watch, PromptKind::Rotate).await.remove(0).prompt().content().jti;
    let asked = of_kind(&tablet, PromptKind::Rotate).await.remove(0);
    tablet.deny(&asked, DenyReason::NotMe).await.expect("denied");
    while world.deliver().await > 0 {}
    let carried: Vec<_> = world.courier().carried().into_iter().skip(before).map(|push| push.data).collect();
    let rid = protocol::RoutingId::of(&on_watch).to_string();
    let gone = serde_json::json!({ "v": "1", "rid": rid, "dismiss": "1" });
    assert_eq!(carried.len(), 2, "{carried:?}");
    assert_eq!(carried[1], gone);
}

#[tokio::test]
async fn a_phone_brings_new_keys_ten_times_a_day_and_tells_the_others_no_more_often() {
    let world = World::new().await;
    let (tablet, phone) = (world.phone("1001").await, world.phone("1001").await);
    let told_before = of_kind(&tablet, PromptKind::Notice).await.len();
    for number in 0..10 {
        let which = if number % 2 == 0 { DEVICE } else { VERIFIED };
        assert_eq!(phone.rotate(which).await, Ok(RotationState::Done), "{number}");
    }
    assert_eq!(phone.rotate(DEVICE).await, Err(refused("too_many_rotations")));
    assert_eq!(of_kind(&tablet, PromptKind::Notice).await.len(), told_before + 10);
    assert_eq!(world.events("keys_rotated").await, 10);
    approves(&world, &phone).await;
    world.advance(86_400);
    assert_eq!(phone.rotate(DEVICE).await, Ok(RotationState::Done), "the keys that were too many are those of today");
    approves(&world, &phone).await;
}

#[tokio::test]
async fn a_proposal_counts_as_new_keys_whatever_becomes_of_it() {
    let world = World::new().await;
    let (tablet, phone) = (world.phone("1001").await, world.phone("1001").await);
    for _ in 0..9 {
        assert_eq!(phone.rotate(DEVICE).await, Ok(RotationState::Done));
    }
    loses_its_verified_key(&phone).await;
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting));
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting), "the same again is no other");
    let asked = of_kind(&tablet, PromptKind::Rotate).await.remove(0);
    tablet.deny(&asked, DenyReason::NotMe).await.expect("denied");
    assert_eq!(phone.rotate(VERIFIED).await, Err(refused("rotation_refused")));
    assert_eq!(phone.rotate(VERIFIED).await, Err(refused("too_many_rotations")));
    assert!(of_kind(&tablet, PromptKind::Rotate).await.is_empty());
}

#[tokio::test]
async fn the_former_key_reads_as_long_when_another_is_replaced_after_it() {
    use protocol::crypto::Sign as _;
    use server::domain::device::NewKeys;
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let id = forger(&phone).await.account().device;
    let provider = world.provider();
    let device = provider.store().device(provider.id(), &id).await.expect("a look-up").expect("a device").record;
    let (now, former, none) = (world.now(), device.device_key, NewKeys { device: None, verified: None, sealing: None });
    let hash = protocol::Digest::of(b"a message");
    let first = device.with_keys(hash, &NewKeys { device: Some(*key(9).public()), ..none }, now);
    let then = now.plus_seconds(3_600);
    let second = first.with_keys(hash, &NewKeys { verified: Some(*key(10).public()), ..none }, then);
    assert_eq!(second.former_key(now.plus_seconds(86_399)), Some(&former));
    assert_eq!(second.former_key(now.plus_seconds(86_400)), None);
    let third = second.with_keys(hash, &NewKeys { device: Some(*key(11).public()), ..none }, then);
    assert_eq!(third.former_key(then), Some(key(9).public()), "one before the last is forgotten");
}

#[tokio::test]
async fn keys_that_another_phone_refuses_or_nobody_agrees_to_in_time_are_dropped() {
    for says_no in [true, false] {
        let world = World::new().await;
        let (tablet, phone) = (world.phone("1001").await, world.phone("1001").await);
        loses_its_verified_key(&phone).await;
        assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting));
        let asked = of_kind(&tablet, PromptKind::Rotate).await.remove(0);
        if says_no {
            tablet.deny(&asked, DenyReason::NotMe).await.expect("denied");
        } else {
            world.advance(600);
            assert_eq!(tablet.approve(&asked).await, Err(DeviceError::Expired));
        }
        assert_eq!(phone.rotate(VERIFIED).await, Err(refused("rotation_refused")));
        assert_eq!(world.events("keys_rotated").await, 0);
        assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting), "another attempt has keys of its own");
    }
}

#[tokio::test]
async fn an_operator_agrees_after_the_user_signed_in() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let path = format!("/devices/{}/rotation/agree", forger(&phone).await.account().device);
    let agree = async || world.admin().call(Method::POST, &path, None).await.expect("an answer").in_short();
    assert_eq!(agree().await, "404 unknown_rotation");
    loses_its_verified_key(&phone).await;
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Awaiting));
    assert_eq!(agree().await, "204");
    assert_eq!(agree().await, "404 unknown_rotation");
    assert_eq!(phone.rotate(VERIFIED).await, Ok(RotationState::Done));
    approves(&world, &phone).await;
}

#[tokio::test]
async fn catching_up_ends_a_rotation_whose_answer_was_lost() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    let deaf = Arc::new(Deaf { way: Arc::clone(&phone.ports().transport), is_deaf: AtomicBool::new(true) });
    assert!(phone.over(ISSUER, deaf).rotate(ALL).await.is_err());
    let phone = phone.restarted(ISSUER);
    let synced = phone.core().sync(None).await.expect("it catches up");
    assert!(synced[0].failure.is_none());
    assert!(forger(&phone).await.account().rotation.is_none());
    approves(&world, &phone).await;
}
