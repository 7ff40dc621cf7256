//! Somebody else's phone in an account.

use axum::http::Request;
use device_core::enrolment::{Accepted, Introduction, accept};
use device_core::{DeviceError, EnrolmentState, PushTarget};
use protocol::crypto::Sign as _;
use protocol::crypto::p256::SigningKey;
use protocol::digest::{check_digits, nonce_commitment};
use protocol::endpoints::{FINISH, OfferReply, SignedReply};
use protocol::jws::General;
use protocol::messages::{AppInfo, Confirm, DeviceInfo, Enrolment, Finish, Offer, Ticket};
use serde_json::json;
use simulator::wire::Answer;
use tests::{ISSUER, World, a_request};

use super::{Trail, counted};
use crate::enrolling::{begin, confirm, key, ticket};

const NOBODY_TO_ASK: &str = "403 access_denied";

/// It does not matter who of the two is first, the victim or the thief.
#[tokio::test]
async fn whoever_photographs_a_ticket_ends_the_enrolment_for_both_and_is_reported() {
    let world = World::new().await;
    let shop = world.shop().await;
    let trail = Trail::from_now(&world).await;
    let ticket = ticket(&world).await;
    let (mut first, mut second) = (world.new_phone("Phone", ISSUER), world.new_phone("Phone", ISSUER));
    let begun = first.enrol(&ticket, PushTarget::None).await.expect("whoever is first gets an offer");
    let digits = begun.digits().expect("six digits");
    let refused = DeviceError::Refused { refusal: "invalid_ticket".to_owned() };
    assert_eq!(second.enrol(&ticket, PushTarget::None).await.err(), Some(refused));

    assert_eq!(confirm(&world, &begun.account(), &digits).await, "410 enrolment_cancelled", "the page takes no digits");
    assert_eq!(begun.refresh().await, Ok(EnrolmentState::Cancelled), "and the phone says so");
    assert_eq!(begun.digits(), None);
    assert!(world.admin().devices("1001").await.expect("a list").is_empty());
    assert_eq!(a_request().sent(&shop).await.in_short(), NOBODY_TO_ASK);
    let expected =
        counted([("ticket_created", 1), ("enrolment_begun", 1), ("enrolment_finished", 1), ("ticket_reused", 1)]);
    assert_eq!(trail.told().await, expected);
    assert_eq!(trail.newest("ticket_reused").await["subject"], "1001");
}

/// A thief with the ticket, who tells the victim which digits to type, and looks for a `finish` that leads to them.
struct Grinder<'w> {
    world: &'w World,
    accepted: Accepted,
    offer: OfferReply,
}

impl<'w> Grinder<'w> {
    async fn with(world: &'w World, ticket: &str) -> Self {
        let answer = begin(world, ticket, &key(1)).await;
        assert_eq!(answer.in_short(), "200");
        let offer: OfferReply = serde_json::from_slice(&answer.body).expect("an offer");
        let ticket: Ticket = ticket.parse().expect("a ticket");
        let accepted = accept(&ticket, *key(1).public(), &offer, world.now().unix_seconds()).expect("it is genuine");
        Self { world, accepted, offer }
    }

    /// One `finish` of as many as one likes: names, keys and times are free.
    fn candidate(&self, number: u32) -> General {
        let info = DeviceInfo {
            name: format!("Phone {number}"),
            model: "Phone".to_owned(),
            os: "OS".to_owned(),
            app: AppInfo { id: "app".to_owned(), version: "1".to_owned() },
        };
        let about = Introduction { info, push: protocol::messages::PushTarget::None };
        let now = self.world.now().unix_seconds();
        let (verified, sealing) = (key(2), key(3));
        let unsigned = self.accepted.finish(*verified.public(), *sealing.public(), about, now);
        let signed = |(input, key): (_, &SigningKey)| key.sign(input).expect("a signature");
        let signatures: Vec<_> = unsigned.signing_inputs().zip([&key(1), &verified]).map(signed).collect();
        unsigned.attach(&signatures)
    }

    async fn send(&self, finish: &General) -> Answer {
        let request = Request::post(FINISH.url(ISSUER, "")).header("content-type", "application/json");
        let body = serde_json::to_vec(finish).expect("JSON");
        self.world.public().send(request.body(body).expect("a request")).await.expect("an answer")
    }
}

#[tokio::test]
async fn check_digits_cannot_be_ground_because_the_nonce_is_committed_to_and_the_first_finish_counts() {
    let world = World::new().await;
    let shop = world.shop().await;
    let trail = Trail::from_now(&world).await;
    let ticket = ticket(&world).await;
    let grinder = Grinder::with(&world, &ticket).await;
    let offer: Offer = payload(&grinder.offer.offer);

    let candidates: Vec<General> = (0..20).map(|number| grinder.candidate(number)).collect();
    let taken = grinder.send(&candidates[0]).await;
    assert_eq!(taken.in_short(), "200");
    for later in &candidates[1..] {
        assert_eq!(grinder.send(later).await.in_short(), "400 mismatch", "it has one try");
    }
    let again = grinder.send(&candidates[0]).await;
    assert_eq!(again.in_short(), "200", "which may be repeated");

    // Only now it learns what the digits hang on, and that it was settled before.
    let reply: SignedReply = serde_json::from_slice(&taken.body).expect("a reply");
    let enrolment: Enrolment = payload(&reply.message);
    assert_eq!(nonce_commitment(&enrolment.nonce), offer.cs);
    assert!(!grinder.offer.offer.as_str().contains(&enrolment.nonce.to_string()));
    let digits = check_digits(&grinder.offer.offer.digest(), &enrolment.fh, &enrolment.nonce);
    let would_be = |finish: &General| check_digits(&grinder.offer.offer.digest(), &finish.digest(), &enrolment.nonce);
    let others: Vec<String> = candidates[1..].iter().map(would_be).filter(|other| *other != digits).collect();
    assert!(others.len() > 15, "each would have had digits of its own");

    // The victim types those that they were told.
    let id = offer.enr.to_string();
    assert_eq!(confirm(&world, &id, &others[0]).await, "403 wrong_digits");
    assert_eq!(confirm(&world, &id, &digits).await, "410 enrolment_cancelled", "one wrong try ends it");
    assert!(world.admin().devices("1001").await.expect("a list").is_empty());
    assert_eq!(a_request().sent(&shop).await.in_short(), NOBODY_TO_ASK);
    let expected =
        counted([("ticket_created", 1), ("enrolment_begun", 1), ("enrolment_finished", 1), ("enrolment_rejected", 1)]);
    assert_eq!(trail.told().await, expected);
    let finish: Finish = candidates[0].unverified_payload().expect("a finish");
    assert_eq!(finish.enr, offer.enr);
}

/// What a thief reads of a message, who need not ask who signed it.
fn payload<T: serde::de::DeserializeOwned>(message: &protocol::Jws) -> T {
    let payload = message.as_str().split('.').nth(1).expect("three parts");
    serde_json::from_slice(&protocol::base64url::decode(payload).expect("base64url")).expect("its payload")
}

#[tokio::test]
async fn where_nobody_confirms_phones_a_second_key_ends_the_one_that_is_active_already() {
    let world = World::builder().policy(|policy| policy.confirm = Confirm::None).make().await;
    let shop = world.shop().await;
    let ticket = ticket(&world).await;
    let (mut thief, mut victim) = (world.new_phone("Phone", ISSUER), world.new_phone("Phone", ISSUER));
    let begun = thief.enrol(&ticket, PushTarget::None).await.expect("whoever is first is in");
    assert_eq!(begun.state(), EnrolmentState::Active);
    let refused = DeviceError::Refused { refusal: "invalid_ticket".to_owned() };
    assert_eq!(victim.enrol(&ticket, PushTarget::None).await.err(), Some(refused));
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!((&devices[0]["status"], devices.len()), (&json!("revoked"), 1));
    assert_eq!(a_request().sent(&shop).await.in_short(), NOBODY_TO_ASK);
    assert_eq!(thief.pending().await.err(), Some(DeviceError::Suspended));
    assert_eq!(world.events("ticket_reused").await, 1);
}

#[tokio::test]
async fn a_phone_that_somebody_confirmed_outlives_a_second_key() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    let (mut first, mut second) = (world.new_phone("Phone", ISSUER), world.new_phone("Phone", ISSUER));
    let begun = first.enrol(&ticket, PushTarget::None).await.expect("enrolling");
    let digits = begun.digits().expect("six digits");
    assert_eq!(confirm(&world, &begun.account(), &digits).await, "200");
    assert!(second.enrol(&ticket, PushTarget::None).await.is_err());
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!(devices[0]["status"], "active");
    assert_eq!(world.events("ticket_reused").await, 1);
}
