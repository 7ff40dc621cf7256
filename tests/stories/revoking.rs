//! A phone's end: by an operator, or because its user leaves.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use device_core::exchange::Call;
use device_core::ports::{HttpRequest, HttpResponse, KeyPurpose, SigningReason, Transport, TransportError, VaultError};
use device_core::state::AccountState;
use device_core::{DeviceError, EnrolmentState};
use protocol::crypto::Sign as _;
use protocol::crypto::p256::SigningKey;
use protocol::endpoints::{self, PROOF_HEADER};
use protocol::jws::{KeyHint, Unverified};
use protocol::messages::{Revocation, RevocationReason};
use protocol::problem::Problem;
use protocol::{Digest, Jws};
use simulator::forger::Forger;
use simulator::phone::Phone;
use tests::{ISSUER, World, a_request};

use crate::scene;

async fn revoke(world: &World) {
    let devices = world.admin().devices("1001").await.expect("a list");
    let id = devices[0]["id"].as_str().expect("an id");
    world.admin().revoke(id).await.expect("revoked");
    world.admin().revoke(id).await.expect("revoked again, which changes nothing");
    assert_eq!(world.events("device_revoked").await, 1);
}

async fn is_deaf(phone: &Phone) -> bool {
    phone.pending().await.err() == Some(DeviceError::Revoked)
}

#[tokio::test]
async fn a_revoked_phone_cannot_answer() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let prompt = world.prompt(&phone, &asked).await;
    revoke(&world).await;
    assert_eq!(phone.approve(&prompt).await, Err(DeviceError::Revoked));
    assert!(is_deaf(&phone).await);
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied", "there is nobody left to ask");
}

#[tokio::test]
async fn what_a_revoked_phone_approved_and_nobody_collected_does_not_stand() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    revoke(&world).await;
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
}

#[tokio::test]
async fn the_other_phone_of_the_same_user_is_not_touched() {
    let (world, shop, phone) = scene().await;
    revoke(&world).await;
    let tablet = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    assert!(is_deaf(&phone).await);
    tablet.approve(&world.prompt(&tablet, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn a_revocation_survives_a_restart() {
    let (mut world, _shop, phone) = scene().await;
    revoke(&world).await;
    world.restart().await;
    assert!(is_deaf(&phone).await);
}

#[tokio::test]
async fn a_phone_that_leaves_is_gone_from_both_sides() {
    let (world, shop, phone) = scene().await;
    let account = phone.account().expect("an account");
    phone.core().forget(account).await.expect("left");
    assert!(phone.core().accounts().await.expect("a list").is_empty());
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!((&devices[0]["status"], &devices[0]["reason"]), (&"revoked".into(), &"user".into()));
    assert_eq!(a_request().sent(&shop).await.in_short(), "403 access_denied");
}

#[tokio::test]
async fn no_push_goes_to_a_phone_that_was_revoked_in_the_meantime() {
    let world = World::new().await;
    let (shop, _phone) = (world.shop().await, world.phone_with_push("1001", "a-token").await);
    a_request().accepted(&shop).await;
    revoke(&world).await;
    world.deliver().await;
    assert!(world.courier().carried().is_empty());
}

async fn has_ended(phone: &Phone) -> bool {
    phone.core().accounts().await.expect("a list")[0].state == EnrolmentState::Revoked
}

/// A way on which somebody answers every proven call with these words.
struct Liar {
    way: Arc<dyn Transport>,
    says: Mutex<Option<Problem>>,
}

#[async_trait]
impl Transport for Liar {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let says = self.says.lock().expect("nobody panics").clone();
        match says {
            Some(problem) if request.headers.iter().any(|header| header.name == PROOF_HEADER) => Ok(HttpResponse {
                status: problem.status,
                headers: Vec::new(),
                body: serde_json::to_vec(&problem).expect("JSON"),
            }),
            _ => self.way.send(request).await,
        }
    }
}

fn revoked(world: &World, revocation: Option<Jws>) -> Problem {
    let now = world.now().unix_seconds();
    let kind = "urn:assent:problem:revoked".to_owned();
    Problem { kind, title: "This device was revoked".to_owned(), status: 401, nonce: None, revocation, now }
}

fn revocation(world: &World, account: &AccountState) -> Revocation {
    Revocation {
        iss: ISSUER.to_owned(),
        aud: account.keys.device.thumbprint(),
        enr: account.enr,
        reason: RevocationReason::Operator,
        at: world.now().unix_seconds(),
        v: protocol::VERSION,
    }
}

#[tokio::test]
async fn a_phone_ends_its_account_when_the_server_has_signed_that_it_is_revoked() {
    let (world, _shop, phone) = scene().await;
    revoke(&world).await;
    let account = Forger::of(&phone).await.expect("a forger").account().clone();
    let reply = Forger::of(&phone).await.expect("a forger").call(&Call::to(ISSUER, endpoints::SELF)).await;
    let reply = reply.expect("a reply");
    assert_eq!((reply.status, reply.code()), (401, "revoked"));
    let signed = Jws::from_text(reply.body["revocation"].as_str().expect("our signed word").to_owned());
    let said: Revocation = account.trust.open(&signed, world.now().unix_seconds()).expect("it is ours");
    assert_eq!((said.enr, said.reason), (account.enr, RevocationReason::Operator));
    assert!(is_deaf(&phone).await);
    assert!(has_ended(&phone).await);
    for purpose in [KeyPurpose::Device, KeyPurpose::Verified, KeyPurpose::Sealing] {
        let signed = phone.ports().vault.sign(account.alias(purpose), Vec::new(), SigningReason::Proof).await;
        assert_eq!(signed, Err(VaultError::KeyMissing), "its keys are destroyed");
    }
}

#[tokio::test]
async fn whoever_cannot_sign_as_the_server_wipes_nothing() {
    let (world, shop, phone) = scene().await;
    let other = world.phone("1002").await;
    let forger = Forger::of(&phone).await.expect("a forger");
    let (mine, others) = (forger.account().clone(), Forger::of(&other).await.expect("a forger").account().clone());
    let impostor = SigningKey::from_bytes(&[5; 32]).expect("a key");
    let by = |kid: Digest, said: &Revocation| Jws::sign(kid, said, &impostor).expect("signed");
    let own_kid = impostor.public().thumbprint();
    let genuine = |said: &Revocation| world.provider().keys().sign_device(said).expect("signed");
    let servers_kid = genuine(&revocation(&world, &mine));
    let servers_kid = Unverified::parse(servers_kid.as_str(), protocol::Typ::Revocation).expect("a JWS");
    let KeyHint::Kid(kid) = servers_kid.key_hint() else { panic!("the server names its key") };
    let kid: Digest = kid.parse().expect("a thumbprint");
    let said = [
        ("nothing signed", None),
        ("an impostor's", Some(by(own_kid, &revocation(&world, &mine)))),
        ("an impostor's under the server's name", Some(by(kid, &revocation(&world, &mine)))),
        ("the server's, of another phone", Some(genuine(&revocation(&world, &others)))),
        (
            "the server's, of another enrolment",
            Some(genuine(&Revocation { enr: others.enr, ..revocation(&world, &mine) })),
        ),
        ("no revocation", Some(Jws::from_text("a.b.c".to_owned()))),
    ];
    let liar = Arc::new(Liar { way: Arc::clone(&phone.ports().transport), says: Mutex::new(None) });
    let lied_to = phone.over(ISSUER, Arc::clone(&liar) as Arc<dyn Transport>);
    for (what, signed) in said {
        *liar.says.lock().expect("nobody panics") = Some(revoked(&world, signed));
        let heard = lied_to.pending().await;
        assert!(matches!(heard, Err(DeviceError::Revoked | DeviceError::Untrusted { .. })), "{what}: {heard:?}");
        assert!(!has_ended(&lied_to).await, "{what}");
    }
    *liar.says.lock().expect("nobody panics") = None;
    let asked = a_request().accepted(&shop).await;
    lied_to.approve(&world.prompt(&lied_to, &asked).await).await.expect("approved");
    *liar.says.lock().expect("nobody panics") = Some(revoked(&world, Some(genuine(&revocation(&world, &mine)))));
    assert_eq!(lied_to.pending().await.err(), Some(DeviceError::Revoked));
    assert!(has_ended(&lied_to).await, "and so it does");
}
