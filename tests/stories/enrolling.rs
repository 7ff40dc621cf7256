//! A phone joins an account: the ticket, its one use, the six digits.

use axum::http::Request;
use device_core::{DeviceError, EnrolmentState, PushTarget, enrolment};
use protocol::Jws;
use protocol::crypto::Sign as _;
use protocol::crypto::p256::SigningKey;
use protocol::endpoints::{BEGIN, SignedRequest};
use protocol::messages::{Confirm, Ticket};
use serde_json::json;
use simulator::phone::Phone;
use simulator::wire::Answer;
use tests::{ISSUER, World};

/// The first message of a phone with this `device` key.
pub(crate) async fn begin(world: &World, ticket: &str, key: &SigningKey) -> Answer {
    let ticket: Ticket = ticket.parse().expect("a ticket");
    let unsigned = enrolment::begin(&ticket, *key.public(), world.now().unix_seconds());
    let signature = key.sign(unsigned.signing_input()).expect("a signature");
    let message: Jws = unsigned.attach(&signature);
    let body = serde_json::to_vec(&SignedRequest { message }).expect("JSON");
    let request = Request::post(BEGIN.url(ISSUER, "")).header("content-type", "application/json");
    world.public().send(request.body(body).expect("a request")).await.expect("an answer")
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32]).expect("a key")
}

pub(crate) async fn ticket(world: &World) -> String {
    world.admin().create_ticket("1001").await.expect("a ticket")
}

fn new_phone(world: &World) -> Phone {
    world.new_phone("New phone", ISSUER)
}

fn refused(code: &str) -> DeviceError {
    DeviceError::Refused { refusal: code.to_owned() }
}

#[tokio::test]
async fn a_phone_is_enrolled_when_its_digits_were_typed_and_not_before() {
    let world = World::new().await;
    let shop = world.shop().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    assert_eq!(enrolment.label(), "a•••e");
    assert_eq!(enrolment.state(), EnrolmentState::Unconfirmed);
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Unconfirmed));
    assert_eq!(tests::a_request().sent(&shop).await.in_short(), "403 access_denied", "nobody to ask yet");
    let digits = enrolment.digits().expect("six digits");
    assert!(digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    world.admin().confirm(&enrolment.account(), &digits).await.expect("the digits are right");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
    assert_eq!(enrolment.digits(), None);
    let devices = world.admin().devices("1001").await.expect("a list");
    assert_eq!((devices.len(), &devices[0]["name"], &devices[0]["level"]), (1, &json!("New phone"), &json!("claimed")));
}

#[tokio::test]
async fn the_same_key_gets_the_same_offer_again() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    let first = begin(&world, &ticket, &key(1)).await;
    world.advance(30);
    let second = begin(&world, &ticket, &key(1)).await;
    assert_eq!((first.in_short(), second.in_short()), ("200".to_owned(), "200".to_owned()));
    assert!(first.json()["offer"].is_string());
    assert_eq!(first.json()["offer"], second.json()["offer"]);
}

#[tokio::test]
async fn a_second_key_ends_the_enrolment_for_both_and_is_reported() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    assert_eq!(begin(&world, &ticket, &key(1)).await.in_short(), "200");
    assert_eq!(begin(&world, &ticket, &key(2)).await.in_short(), "403 invalid_ticket");
    assert_eq!(begin(&world, &ticket, &key(1)).await.in_short(), "403 invalid_ticket");
    assert_eq!(world.events("ticket_reused").await, 1);
}

#[tokio::test]
async fn a_second_key_also_ends_an_enrolment_that_awaits_its_digits() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    assert_eq!(begin(&world, &ticket, &key(2)).await.in_short(), "403 invalid_ticket");
    let answer = confirm(&world, &enrolment.account(), &digits).await;
    assert_eq!(answer, "410 enrolment_cancelled");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Cancelled));
}

pub(crate) async fn confirm(world: &World, enrolment: &str, digits: &str) -> String {
    let (method, path) = (axum::http::Method::POST, format!("/enrolments/{enrolment}/confirm"));
    let answer = world.admin().call(method, &path, Some(&json!({ "digits": digits }))).await;
    answer.expect("an answer").in_short()
}

#[tokio::test]
async fn one_wrong_digit_ends_the_enrolment() {
    let world = World::new().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    let wrong = if digits == "000000" { "000001" } else { "000000" };
    assert_eq!(confirm(&world, &enrolment.account(), wrong).await, "403 wrong_digits");
    assert_eq!(confirm(&world, &enrolment.account(), &digits).await, "410 enrolment_cancelled");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Cancelled));
    assert!(world.admin().devices("1001").await.expect("a list").is_empty());
    assert_eq!(world.events("enrolment_rejected").await, 1);
}

#[tokio::test]
async fn digits_are_typed_once() {
    let world = World::new().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    assert_eq!(confirm(&world, &enrolment.account(), &digits).await, "200");
    assert_eq!(confirm(&world, &enrolment.account(), &digits).await, "404 unknown_enrolment");
    assert_eq!(world.admin().devices("1001").await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_ticket_lives_for_five_minutes() {
    let world = World::new().await;
    let (early, late) = (ticket(&world).await, ticket(&world).await);
    world.advance(299);
    new_phone(&world).enrol(&early, PushTarget::None).await.expect("in time");
    world.advance(1);
    let too_late = new_phone(&world).enrol(&late, PushTarget::None).await;
    assert_eq!(too_late.err(), Some(refused("invalid_ticket")));
}

#[tokio::test]
async fn a_ticket_that_was_used_enrols_no_second_phone_and_the_first_one_stays() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    world.admin().confirm(&enrolment.account(), &digits).await.expect("the digits are right");
    let second = new_phone(&world).enrol(&ticket, PushTarget::None).await;
    assert_eq!(second.err(), Some(refused("invalid_ticket")));
    assert_eq!(world.events("ticket_reused").await, 1);
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
}

#[tokio::test]
async fn a_ticket_that_nobody_made_enrols_nobody() {
    let world = World::new().await;
    let real = ticket(&world).await;
    let (before, after) = real.split_once("&c=").expect("a code");
    let forged = format!("{before}&c={}{}", "A".repeat(22), &after[22..]);
    assert_eq!(new_phone(&world).enrol(&forged, PushTarget::None).await.err(), Some(refused("invalid_ticket")));
}

#[tokio::test]
async fn the_digits_must_come_within_ten_minutes() {
    let world = World::new().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    world.advance(600);
    assert_eq!(confirm(&world, &enrolment.account(), &digits).await, "404 unknown_enrolment");
}

#[tokio::test]
async fn where_no_digits_are_wanted_the_first_phone_is_active_at_once_and_the_second_is_not() {
    let world = World::builder().policy(|policy| policy.confirm = Confirm::None).make().await;
    let (mut first, mut second) = (new_phone(&world), new_phone(&world));
    let enrolment = first.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    assert_eq!(enrolment.state(), EnrolmentState::Active);
    let enrolment = second.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    assert_eq!(enrolment.state(), EnrolmentState::Unconfirmed);
    assert!(enrolment.digits().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_first_phones_that_come_at_once_one_needs_nobodys_word() {
    let world = World::builder().policy(|policy| policy.confirm = Confirm::None).make().await;
    let mut joining = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (mut phone, ticket) = (new_phone(&world), ticket(&world).await);
        joining.spawn(async move {
            let enrolment = phone.enrol(&ticket, PushTarget::None).await.expect("enrolling");
            enrolment.state()
        });
    }
    let states = joining.join_all().await;
    assert_eq!(states.iter().filter(|state| **state == EnrolmentState::Active).count(), 1, "{states:?}");
    assert_eq!(world.admin().devices("1001").await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_ticket_of_an_issuer_that_the_app_does_not_know_is_not_even_tried() {
    let world = World::new().await;
    let ticket = ticket(&world).await;
    let elsewhere = world.new_phone("Phone", "https://elsewhere.example").enrol(&ticket, PushTarget::None).await;
    assert_eq!(elsewhere.err(), Some(DeviceError::WrongIssuer { issuer: ISSUER.to_owned() }));
    assert_eq!(begin(&world, &ticket, &key(1)).await.in_short(), "200", "the ticket is still fresh");
}

#[tokio::test]
async fn an_enrolment_half_done_survives_a_restart() {
    let mut world = World::new().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    world.restart().await;
    world.admin().confirm(&enrolment.account(), &digits).await.expect("the digits are right");
    assert_eq!(enrolment.refresh().await, Ok(EnrolmentState::Active));
}

#[tokio::test]
async fn a_phone_does_not_bring_a_push_target_that_it_could_not_set_later() {
    let world = World::new().await;
    for token in [String::new(), "t".repeat(4097)] {
        let mut phone = new_phone(&world);
        let target = PushTarget::FcmToken { platform: device_core::Platform::Android, token };
        assert_eq!(phone.enrol(&ticket(&world).await, target).await.err(), Some(refused("mismatch")));
    }
}

async fn shown(world: &World, accept: &str) -> Answer {
    let request = Request::post("/admin/v1/users/1001/tickets")
        .header("authorization", format!("Bearer {}", tests::ADMIN_TOKEN))
        .header("accept", accept);
    world.admin_wire().send(request.body(Vec::new()).expect("a request")).await.expect("an answer")
}

#[tokio::test]
async fn a_ticket_is_a_link_or_a_picture_of_it() {
    let world = World::new().await;
    for accept in ["application/json", "*/*", "text/html, application/json;q=0.9, image/png"] {
        let link = shown(&world, accept).await;
        assert_eq!(link.header("content-type"), Some("application/json"), "{accept}");
        assert_eq!(link.json()["ticket"], link.json()["uri"]);
        assert!(link.json()["uri"].as_str().expect("a link").parse::<Ticket>().is_ok());
    }
    let svg = shown(&world, "image/svg+xml").await;
    assert_eq!((svg.status.as_u16(), svg.header("content-type")), (201, Some("image/svg+xml")));
    assert!(svg.body.starts_with(b"<svg "));
    let png = shown(&world, "image/png, */*").await;
    assert_eq!((png.status.as_u16(), png.header("content-type")), (201, Some("image/png")));
    assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    for picture in [&svg, &png] {
        assert_eq!(picture.header("cache-control"), Some("no-store"));
        assert!(picture.header("location").is_some_and(|path| path.starts_with("/admin/v1/realms/main/tickets/")));
    }
}

/// What the page that shows a ticket is told of it.
async fn told(world: &World, location: &str) -> serde_json::Value {
    let path = location.strip_prefix("/admin/v1").expect("an admin path");
    world.admin().call(axum::http::Method::GET, path, None).await.expect("an answer").json()
}

#[tokio::test]
async fn the_page_that_shows_a_ticket_learns_which_phone_came() {
    let world = World::new().await;
    let answer = shown(&world, "application/json").await;
    let (ticket, location) = (answer.json(), answer.header("location").expect("a place").to_owned());
    assert_eq!(told(&world, &location).await["state"], "fresh");
    assert!(!location.contains(ticket["ticket"].as_str().and_then(|link| link.split("&c=").nth(1)).expect("a code")));
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(ticket["ticket"].as_str().expect("a link"), PushTarget::None).await.expect("enrolling");
    let before = told(&world, &location).await;
    assert_eq!((&before["state"], &before["device"]["name"]), (&json!("awaits_digits"), &json!("New phone")));
    let id = before["enrolment"].as_str().expect("an enrolment");
    assert_eq!(confirm(&world, id, &enrolment.digits().expect("six digits")).await, "200");
    assert_eq!(told(&world, &location).await["state"], "enrolled");
    let unknown = told(&world, "/admin/v1/tickets/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU").await;
    assert_eq!(unknown["error"], "unknown_ticket");
}

#[tokio::test]
async fn the_page_learns_of_a_second_key() {
    let world = World::new().await;
    let answer = shown(&world, "application/json").await;
    let (ticket, location) = (answer.json(), answer.header("location").expect("a place").to_owned());
    let ticket = ticket["ticket"].as_str().expect("a link");
    assert_eq!(begin(&world, ticket, &key(1)).await.in_short(), "200");
    assert_eq!(told(&world, &location).await["state"], "begun");
    begin(&world, ticket, &key(2)).await;
    assert_eq!(told(&world, &location).await["state"], "cancelled");
}

#[tokio::test]
async fn a_user_who_is_locked_before_the_digits_are_typed_gets_no_phone() {
    let world = World::new().await;
    let mut phone = new_phone(&world);
    let enrolment = phone.enrol(&ticket(&world).await, PushTarget::None).await.expect("enrolling");
    let digits = enrolment.digits().expect("six digits");
    let locked = world.admin().change_user("1001", &json!({ "status": "locked" })).await.expect("changed");
    assert_eq!(locked["status"], "locked");
    assert_eq!(confirm(&world, &enrolment.account(), &digits).await, "410 enrolment_cancelled");
    assert!(world.admin().devices("1001").await.expect("a list").is_empty());
}
