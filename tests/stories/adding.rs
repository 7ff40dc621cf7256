//! A second phone joins: who is asked, who is told, and what they can do about it.

use axum::http::Method;
use device_core::{DenyReason, DeviceError, Enrolment, EnrolmentState, Outcome, PushTarget};
use protocol::messages::{Answer, Decision, PromptKind};
use protocol::{KeyRole, RoutingId};
use serde_json::json;
use server::domain::policy::AddDevice;
use simulator::forger::Forger;
use simulator::phone::Phone;
use std::sync::Arc;
use tests::{ISSUER, World, a_request};

use crate::own::{lines, of_kind};

async fn world(rule: AddDevice) -> World {
    World::builder().policy(|policy| policy.add_device = rule).make().await
}

/// A further phone of alice's, as far as it comes by itself.
async fn joining(world: &World) -> (Phone, Arc<Enrolment>) {
    let mut phone = world.new_phone("Tablet", ISSUER);
    let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
    let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("the phone enrols");
    (phone, enrolment)
}

async fn typed(world: &World, enrolment: &Enrolment) -> String {
    let digits = enrolment.digits().expect("six digits");
    let path = format!("/enrolments/{}/confirm", enrolment.account());
    let answer = world.admin().call(Method::POST, &path, Some(&json!({ "digits": digits }))).await;
    answer.expect("an answer").in_short()
}

#[tokio::test]
async fn every_other_phone_of_the_user_is_told_of_a_new_one_and_nobody_elses() {
    let world = World::new().await;
    let (phone, watch) = (world.phone("1001").await, world.phone("1001").await);
    assert_eq!(of_kind(&phone, PromptKind::Notice).await.len(), 1, "of the watch");
    let bobs = world.phone("1002").await;
    let tablet = world.enrolled("1001", "Tablet", PushTarget::None).await;
    for phone in [&phone, &watch] {
        let notices = of_kind(phone, PromptKind::Notice).await;
        assert_eq!(lines(notices.last().expect("a notice"))[..2], ["Your account", "Tablet"]);
    }
    for other in [&bobs, &tablet] {
        assert!(of_kind(other, PromptKind::Notice).await.is_empty());
    }
}

#[tokio::test]
async fn a_notice_is_pushed_at_once() {
    let world = World::new().await;
    let phone = world.phone_with_push("1001", "a-token").await;
    world.phone("1001").await;
    assert_eq!(world.deliver().await, 1);
    let carried = world.courier().carried();
    assert_eq!(carried.len(), 1);
    assert_eq!(of_kind(&phone, PromptKind::Notice).await.len(), 1);
}

#[tokio::test]
async fn a_new_phone_that_was_not_me_is_revoked_and_what_it_approved_falls() {
    let (world, shop, phone) = crate::scene().await;
    let thief = world.phone("1001").await;
    let asked = a_request().accepted(&shop).await;
    thief.approve(&world.prompt(&thief, &asked).await).await.expect("approved");
    let notice = of_kind(&phone, PromptKind::Notice).await.remove(0);
    assert_eq!(phone.deny(&notice, DenyReason::NotMe).await, Ok(Outcome::Denied));
    assert_eq!(world.poll(&shop, &asked).await, "400 access_denied");
    assert_eq!(thief.pending().await.err(), Some(DeviceError::Suspended));
    assert_eq!(world.events("device_disowned").await, 1);
    let devices = world.admin().devices("1001").await.expect("a list");
    let standing: Vec<_> = devices.iter().map(|device| (&device["status"], &device["reason"])).collect();
    assert_eq!(standing, [(&json!("active"), &json!(null)), (&json!("revoked"), &json!("disputed"))]);
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("the phone itself goes on");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn taking_note_of_a_notice_changes_nothing_and_it_can_still_be_disowned() {
    let world = World::new().await;
    let (phone, tablet) = (world.phone("1001").await, world.phone("1001").await);
    let notice = of_kind(&phone, PromptKind::Notice).await.remove(0);
    let forger = Forger::of(&phone).await.expect("a forger");
    let jws = notice.prompt().message().clone();
    let seen = Decision { ctr: 77, ..forger.decision(&jws, Answer::Approve).expect("a decision") };
    let seen = forger.sign(KeyRole::Device, &seen).await.expect("signed");
    let id = notice.prompt().content().jti;
    assert_eq!(forger.send(&id, seen.clone()).await.expect("a reply").status, 200);
    assert!(of_kind(&phone, PromptKind::Notice).await.is_empty(), "it was answered");
    assert!(tablet.pending().await.is_ok());
    assert_eq!(forger.send(&id, seen).await.expect("a reply").status, 200, "the same again is the same");
    assert_eq!(phone.deny(&notice, DenyReason::Cancelled).await, Ok(Outcome::Denied));
    assert!(tablet.pending().await.is_ok(), "only *not me* revokes");
}

#[tokio::test]
async fn an_old_notice_is_gone_after_a_week() {
    let world = World::new().await;
    let phone = world.phone("1001").await;
    world.phone("1001").await;
    world.advance(7 * 86_400 - 1);
    assert_eq!(of_kind(&phone, PromptKind::Notice).await.len(), 1);
    world.advance(1);
    assert!(of_kind(&phone, PromptKind::Notice).await.is_empty());
}

#[tokio::test]
async fn another_phone_lets_a_new_one_in_and_is_shown_what_the_new_one_shows() {
    let world = world(AddDevice::Phone).await;
    let phone = world.phone("1001").await;
    let (_tablet, enrolment) = joining(&world).await;
    assert_eq!(typed(&world, &enrolment).await, "202", "the digits are right, and not what this realm wants");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Unconfirmed));
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    assert_eq!(lines(&asked)[1], "Tablet");
    assert_eq!(lines(&asked).last().cloned(), enrolment.digits());
    assert_eq!(phone.approve(&asked).await, Ok(Outcome::Approved));
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    assert!(of_kind(&phone, PromptKind::AddDevice).await.is_empty());
    assert_eq!(of_kind(&phone, PromptKind::Notice).await.len(), 1);
}

#[tokio::test]
async fn only_the_verified_key_lets_another_phone_in() {
    let world = world(AddDevice::Phone).await;
    let phone = world.phone("1001").await;
    let (_tablet, enrolment) = joining(&world).await;
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    let forger = Forger::of(&phone).await.expect("a forger");
    let decision = forger.decision(asked.prompt().message(), Answer::Approve).expect("a decision");
    let weak = forger.sign(KeyRole::Device, &decision).await.expect("signed");
    let reply = forger.send(&asked.prompt().content().jti, weak).await.expect("a reply");
    assert_eq!((reply.status, reply.code()), (403, "wrong_key"));
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Unconfirmed));
}

#[tokio::test]
async fn another_phone_that_says_no_ends_the_enrolment() {
    let world = world(AddDevice::Either).await;
    let phone = world.phone("1001").await;
    let (_tablet, enrolment) = joining(&world).await;
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    assert_eq!(phone.deny(&asked, DenyReason::NotMe).await, Ok(Outcome::Denied));
    assert_eq!(typed(&world, &enrolment).await, "410 enrolment_cancelled");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Cancelled));
    assert_eq!(world.events("enrolment_rejected").await, 1);
}

/// Of the pushes from the `from`th on, those that take a notification away, by its routing id.
fn dismissed(world: &World, from: usize) -> Vec<String> {
    let carried = world.courier().carried().into_iter().skip(from);
    carried.filter_map(|push| push.data["dismiss"].as_str().and(push.data["rid"].as_str().map(str::to_owned))).collect()
}

async fn rid(phone: &Phone, kind: PromptKind) -> String {
    let asked = of_kind(phone, kind).await;
    RoutingId::of(&asked.last().expect("a question").prompt().content().jti).to_string()
}

#[tokio::test]
async fn a_question_that_is_settled_goes_from_the_phones_that_did_not_answer() {
    for word in ["approve", "deny", "digits", "wrong digits"] {
        let world = world(AddDevice::Either).await;
        let phone = world.phone_with_push("1001", "a-token").await;
        let watch = world.phone_with_push("1001", "another-token").await;
        let (_tablet, enrolment) = joining(&world).await;
        while world.deliver().await > 0 {}
        let before = world.courier().carried().len();
        let (on_phone, on_watch) = (rid(&phone, PromptKind::AddDevice).await, rid(&watch, PromptKind::AddDevice).await);
        let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
        let mut expected = match word {
            "approve" => {
                phone.approve(&asked).await.expect("approved");
                vec![on_watch]
            }
            "deny" => {
                phone.deny(&asked, DenyReason::NotMe).await.expect("denied");
                vec![on_watch]
            }
            "digits" => {
                assert_eq!(typed(&world, &enrolment).await, "200");
                vec![on_phone, on_watch]
            }
            _ => {
                let path = format!("/enrolments/{}/confirm", enrolment.account());
                let digits = enrolment.digits().expect("six digits");
                let wrong = if digits == "000000" { "000001" } else { "000000" };
                let body = json!({ "digits": wrong });
                let answer = world.admin().call(Method::POST, &path, Some(&body)).await.expect("an answer");
                assert_eq!(answer.in_short(), "403 wrong_digits");
                vec![on_phone, on_watch]
            }
        };
        world.advance(2);
        while world.deliver().await > 0 {}
        let mut gone = dismissed(&world, before);
        gone.sort();
        expected.sort();
        assert_eq!(gone, expected, "{word}");
    }
}

#[tokio::test]
async fn where_both_are_wanted_the_question_stays_until_both_are_there() {
    let world = world(AddDevice::Both).await;
    let phone = world.phone_with_push("1001", "a-token").await;
    let (_tablet, enrolment) = joining(&world).await;
    while world.deliver().await > 0 {}
    let before = world.courier().carried().len();
    assert_eq!(typed(&world, &enrolment).await, "202");
    while world.deliver().await > 0 {}
    assert!(dismissed(&world, before).is_empty());
    assert_eq!(of_kind(&phone, PromptKind::AddDevice).await.len(), 1);
}

#[tokio::test]
async fn nobody_has_more_than_twenty_phones() {
    let world = World::new().await;
    let admin = world.admin();
    let made_before = admin.create_ticket("1001").await.expect("a ticket");
    let mut last = None;
    for _ in 0..20 {
        last = Some(world.phone("1001").await);
    }
    let refused = admin.call(Method::POST, "/users/1001/tickets", None).await.expect("an answer");
    assert_eq!(refused.in_short(), "409 too_many_devices");
    let mut phone = world.new_phone("One too many", ISSUER);
    let joined = phone.enrol(&made_before, PushTarget::None).await.map(|_| ());
    assert_eq!(joined, Err(DeviceError::Refused { refusal: "too_many_devices".to_owned() }));
    // A request of all of them fits.
    let shop = world.shop().await;
    let asked = a_request().accepted(&shop).await;
    let last = last.expect("a phone");
    last.approve(&world.prompt(&last, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
    let id = admin.devices("1001").await.expect("a list")[0]["id"].as_str().expect("an id").to_owned();
    admin.call(Method::POST, &format!("/devices/{id}/revoke"), None).await.expect("an answer");
    world.phone("1001").await;
}

#[tokio::test]
async fn where_either_is_enough_the_digits_end_the_question() {
    let world = world(AddDevice::Either).await;
    let phone = world.phone("1001").await;
    let (_tablet, enrolment) = joining(&world).await;
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    assert_eq!(typed(&world, &enrolment).await, "200");
    assert!(of_kind(&phone, PromptKind::AddDevice).await.is_empty());
    assert_eq!(phone.approve(&asked).await, Err(DeviceError::AlreadyAnswered));
    assert_eq!(world.admin().devices("1001").await.expect("a list").len(), 2);
}

#[tokio::test]
async fn where_both_are_wanted_one_is_not_enough_in_either_order() {
    for digits_first in [true, false] {
        let world = world(AddDevice::Both).await;
        let phone = world.phone("1001").await;
        let (_tablet, enrolment) = joining(&world).await;
        let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
        if digits_first {
            assert_eq!(typed(&world, &enrolment).await, "202");
        } else {
            phone.approve(&asked).await.expect("approved");
        }
        assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Unconfirmed));
        if digits_first {
            phone.approve(&asked).await.expect("approved");
        } else {
            assert_eq!(typed(&world, &enrolment).await, "200");
        }
        assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    }
}

#[tokio::test]
async fn a_first_phone_is_let_in_by_its_digits_whatever_the_rule() {
    for rule in [AddDevice::Digits, AddDevice::Phone, AddDevice::Either, AddDevice::Both] {
        let world = world(rule).await;
        let (_phone, enrolment) = joining(&world).await;
        assert_eq!(typed(&world, &enrolment).await, "200", "{rule:?}");
    }
}

#[tokio::test]
async fn a_question_about_a_phone_goes_when_its_enrolment_is_over() {
    let world = world(AddDevice::Phone).await;
    let phone = world.phone("1001").await;
    let (_tablet, _enrolment) = joining(&world).await;
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    world.advance(600);
    assert!(of_kind(&phone, PromptKind::AddDevice).await.is_empty());
    assert_eq!(phone.approve(&asked).await, Err(DeviceError::Expired));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn digits_and_approval_at_once_make_one_phone() {
    let world = Arc::new(world(AddDevice::Either).await);
    let phone = world.phone("1001").await;
    let (_tablet, enrolment) = joining(&world).await;
    let asked = of_kind(&phone, PromptKind::AddDevice).await.remove(0);
    let approving = tokio::spawn(async move { phone.approve(&asked).await });
    let typed = typed(&world, &enrolment).await;
    let approved = approving.await.expect("no panic");
    assert!(matches!(approved, Ok(Outcome::Approved) | Err(DeviceError::AlreadyAnswered)), "{approved:?}");
    assert!(typed == "200" || typed == "404 unknown_enrolment", "{typed}");
    assert!(approved.is_ok() || typed == "200");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    assert_eq!(world.admin().devices("1001").await.expect("a list").len(), 2);
    assert_eq!(world.events("device_enrolled").await, 2);
}
