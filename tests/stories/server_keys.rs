//! The keys that sign for phones come and go, and one root follows another, while phones are enrolled.

use axum::http::Request;
use device_core::{DeviceError, PushTarget};
use protocol::endpoints::{CONFIGURATION, Configuration};
use protocol::jws::Unverified;
use protocol::{Digest, Jws, Typ};
use server::domain::names::RealmId;
use server::keys::{DeviceRotation, KeyFile, ListAnswer, ListRequest, OfflineRoot, Terms};
use simulator::phone::Phone;
use tests::{ISSUER, World, a_request};

use crate::scene;

const ANEW: DeviceRotation = DeviceRotation { leaked: false, root: false, sequence: 0 };
const LEAKED: DeviceRotation = DeviceRotation { leaked: true, ..ANEW };
const ROOT: DeviceRotation = DeviceRotation { root: true, ..ANEW };

fn main() -> RealmId {
    RealmId::new("main")
}

/// `assent keys rotate-device`, beside a server that runs.
fn rotate(world: &World, rotation: DeviceRotation) {
    let now = world.now();
    let (rotated, taken_up) = world.change_keys(|file| file.rotate_device(&main(), rotation, &now));
    rotated.expect("a new key");
    taken_up.expect("the server uses it");
}

fn request(world: &World) -> ListRequest {
    world.change_keys(|file| file.list_request(&main(), false)).0.expect("a request")
}

fn install(world: &World, answer: &ListAnswer) {
    let now = world.now();
    let installing = |file: &mut KeyFile| file.install_list(&main(), answer, &now);
    let (installed, taken_up) = world.change_keys(installing);
    installed.expect("it is taken");
    taken_up.expect("the server uses it");
}

fn terms(days: u32) -> Terms {
    Terms { days, revoke: Vec::new(), sequence: 0 }
}

/// A root on a machine of its own takes over.
fn hand_over(world: &World, days: u32) -> OfflineRoot {
    let root = OfflineRoot::create(&world.directory().join("the other machine")).expect("a root");
    install(world, &root.answer(&request(world), None, &terms(days), world.now()).expect("signed"));
    root
}

async fn configuration(world: &World) -> Result<Configuration, String> {
    let answer = world.public().get(&CONFIGURATION.url(ISSUER, "")).await.expect("an answer");
    serde_json::from_slice(&answer.body).map_err(|_| answer.in_short())
}

/// Who signed it, as it says itself.
fn kid(message: &Jws, typ: Typ) -> String {
    let unverified = Unverified::parse(message.as_str(), typ).expect("a JWS");
    let protocol::jws::KeyHint::Kid(kid) = unverified.key_hint() else { panic!("the server names its key") };
    kid.clone()
}

async fn approves(world: &World, phone: &Phone) {
    let shop = world.shop().await;
    let asked = a_request().accepted(&shop).await;
    phone.approve(&world.prompt(phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
}

#[tokio::test]
async fn signing_keys_are_added_used_and_revoked_without_a_phone_being_lost() {
    let (world, shop, phone) = scene().await;
    let first = configuration(&world).await.expect("a list");
    let before = a_request().accepted(&shop).await;
    rotate(&world, ANEW);
    let after = a_request().accepted(&shop).await;
    let (old, new) = (world.prompt(&phone, &before).await, world.prompt(&phone, &after).await);
    let signers = [&old, &new].map(|request| kid(request.prompt().message(), Typ::Prompt));
    assert_ne!(signers[0], signers[1], "the new key signs at once");
    phone.approve(&old).await.expect("what the old key signed is answered still");
    phone.approve(&new).await.expect("the list was fetched");
    for asked in [before, after] {
        world.redeem(&shop, &asked).await;
    }
    rotate(&world, LEAKED);
    approves(&world, &phone).await;
    let last = configuration(&world).await.expect("a list");
    assert_eq!((first.root, last.successions.len()), (last.root, 0), "the root is the same");
}

#[tokio::test]
async fn what_a_leaked_key_signed_is_shown_to_nobody_any_more() {
    let (world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    rotate(&world, LEAKED);
    // A phone asks for the newest list when it starts, and when a key is not on the one it has.
    let synced = phone.core().sync(None).await.expect("synced").remove(0);
    assert_eq!((synced.requests.len(), synced.failure.map(|failure| failure.code)), (0, Some("untrusted".to_owned())));
    assert_eq!(world.poll(&shop, &asked).await, "400 authorization_pending");
    approves(&world, &phone).await;
}

#[tokio::test]
async fn phones_follow_to_a_new_root_that_the_old_one_vouches_for() {
    let (mut world, _, phone) = scene().await;
    let asleep = world.phone("1002").await;
    let old = configuration(&world).await.expect("a list").root;
    rotate(&world, ROOT);
    approves(&world, &phone).await;
    rotate(&world, ROOT);
    world.restart().await;
    approves(&world, &phone).await;
    let said = configuration(&world).await.expect("a list");
    assert!(said.root != old && said.successions.len() == 2);
    assert_eq!(asleep.core().sync(None).await.expect("synced")[0].failure, None, "over both steps at once");
    let new = world.phone("1001").await;
    approves(&world, &new).await;
}

#[tokio::test]
async fn a_ticket_of_the_root_before_is_void() {
    let world = World::new().await;
    let ticket = world.admin().create_ticket("1001").await.expect("a ticket");
    rotate(&world, ROOT);
    let mut phone = world.new_phone("New phone", ISSUER);
    let refused = phone.enrol(&ticket, PushTarget::None).await.map(drop);
    assert!(matches!(refused, Err(DeviceError::Untrusted { .. })), "{refused:?}");
    world.phone("1001").await;
}

#[tokio::test]
async fn a_root_that_is_kept_elsewhere_takes_over_and_no_phone_is_lost() {
    let (mut world, shop, phone) = scene().await;
    let asked = a_request().accepted(&shop).await;
    let root = hand_over(&world, 400);
    phone.approve(&world.prompt(&phone, &asked).await).await.expect("approved");
    world.redeem(&shop, &asked).await;
    approves(&world, &phone).await;
    let said = configuration(&world).await.expect("a list");
    assert_eq!((said.root.thumbprint(), said.successions.len()), (root.thumbprint(), 1));
    world.restart().await;
    let second = root.answer(&request(&world), None, &terms(90), world.now()).expect("signed");
    install(&world, &second);
    approves(&world, &phone).await;
    let new = world.phone("1001").await;
    approves(&world, &new).await;
}

#[tokio::test]
async fn a_list_that_nobody_renews_is_reminded_of_and_then_not_served() {
    let (world, shop, phone) = scene().await;
    rotate(&world, LEAKED);
    let (request, now) = (request(&world), world.now());
    let revoke: Vec<Digest> = world
        .change_keys(|file| file.device_keys(&main(), now))
        .0
        .expect("keys")
        .listed
        .iter()
        .map(|key| key.kid)
        .collect();
    let root = OfflineRoot::create(&world.directory().join("the other machine")).expect("a root");
    let answer = root.answer(&request, None, &Terms { revoke, ..terms(60) }, now).expect("signed");
    install(&world, &answer);
    let ready = async || {
        let request = Request::get(format!("{ISSUER}/readyz")).body(Vec::new()).expect("a request");
        world.public().send(request).await.expect("an answer").json()
    };
    assert_eq!(ready().await, serde_json::json!({ "status": "ready" }));
    world.advance(31 * 86_400);
    let reminded = ready().await;
    assert_eq!(reminded["status"], "ready");
    assert!(reminded["reminders"][0].as_str().expect("one").contains("realm main: the list"), "{reminded}");
    approves(&world, &phone).await;

    world.advance(30 * 86_400);
    world.change_keys(|_| ()).1.expect("the server goes on");
    assert!(ready().await["reminders"][0].as_str().expect("one").contains("is over"));
    assert_eq!(configuration(&world).await.err().as_deref(), Some("503 unavailable"));
    assert_eq!(a_request().sent(&shop).await.in_short(), "503 temporarily_unavailable", "no phone would believe it");

    let next = root.answer(&self::request(&world), None, &terms(400), world.now()).expect("signed");
    install(&world, &next);
    assert_eq!(ready().await, serde_json::json!({ "status": "ready" }));
    approves(&world, &phone).await;
}
