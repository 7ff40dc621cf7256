//! What one server commits wakes those who wait at another; where that fails, they wake by themselves, and it works again.

use std::sync::Arc;

use server::domain::names::RealmId;
use server::flow::{hold, listen, prompts};
use server::store::contract::samples::{a_device, a_request, at, device_id, request_key};
use server::store::{About, Change, Heard, Hint, Store};
use simulator::relying_party::RelyingParty;
use tests::postgres::{Bystander, Database};
use tests::{SHOP, World, a_request as asking};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::{approve, commit, nodes, within};

fn change() -> Change {
    Change::in_realm(&RealmId::new("main"))
}

fn hint(about: About) -> Heard {
    Heard::Hint(Hint { realm: RealmId::new("main"), about })
}

fn hints(store: &dyn Store) -> broadcast::Receiver<Heard> {
    store.hints().expect("others may use it")
}

/// The next hint, and whether there was a gap before it.
async fn next(heard: &mut broadcast::Receiver<Heard>) -> (Heard, bool) {
    let mut gap = false;
    loop {
        match within(heard.recv()).await.expect("the store is open") {
            Heard::Gap => gap = true,
            heard @ Heard::Hint(_) => return (heard, gap),
        }
    }
}

#[tokio::test]
async fn a_store_hears_what_others_commit_and_not_itself() {
    let database = Database::new().await;
    let (one, other) = (database.open().await, database.open().await);
    within(Bystander::at(&database).await.listeners(&database, 2, &[])).await;
    let (mut to_one, mut to_other) = (hints(&one), hints(&other));
    for number in [1, 2] {
        commit(&one, change().create(a_request(number, &[(1, 1)], at(300)))).await;
        commit(&one, change().replace(1, a_request(number, &[(1, 1)], at(300)))).await;
        assert_eq!(next(&mut to_other).await.0, hint(About::Request(request_key(number))));
        // The first thing it hears: not what it committed itself before.
        commit(&other, change().create(a_device(number, 1))).await;
        commit(&other, change().replace(1, a_device(number, 1))).await;
        assert_eq!(next(&mut to_one).await.0, hint(About::Phone(device_id(number))));
    }
}

#[tokio::test]
async fn stores_in_other_schemas_of_the_same_database_are_not_heard() {
    let (database, elsewhere) = (Database::new().await, Database::new().await);
    let (one, other, stranger) = (database.open().await, database.open().await, elsewhere.open().await);
    within(Bystander::at(&database).await.listeners(&database, 2, &[])).await;
    let mut heard = hints(&one);
    commit(&stranger, change().create(a_device(1, 1))).await;
    commit(&stranger, change().replace(1, a_device(1, 1))).await;
    commit(&other, change().create(a_device(2, 1))).await;
    commit(&other, change().replace(1, a_device(2, 1))).await;
    assert_eq!(next(&mut heard).await.0, hint(About::Phone(device_id(2))));
}

#[tokio::test]
async fn a_listener_that_was_cut_off_says_so_and_listens_again() {
    let database = Database::new().await;
    let (one, other) = (database.open().await, database.open().await);
    let mut cutter = Bystander::at(&database).await;
    let mut listening = within(cutter.listeners(&database, 2, &[])).await;
    let mut to_one = hints(&one);
    commit(&other, change().create(a_device(1, 1))).await;
    for round in 1..=3 {
        // What is said now is heard, and any gap of the beginning is behind us.
        commit(&other, change().replace(round * 2 - 1, a_device(1, 1))).await;
        assert_eq!(next(&mut to_one).await.0, hint(About::Phone(device_id(1))));
        cutter.cut(&listening).await;
        listening = within(cutter.listeners(&database, 2, &listening)).await;
        commit(&other, change().replace(round * 2, a_device(1, 1))).await;
        assert_eq!(next(&mut to_one).await, (hint(About::Phone(device_id(1))), true));
    }
}

/// A server that listens, as a running one does.
struct Listening {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Listening {
    async fn at(world: &World) -> Self {
        within(Bystander::at(world.database()).await.listeners(world.database(), 2, &[])).await;
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(listen::run(Arc::clone(world.provider()), stopping));
        Self { stop, running }
    }

    async fn ends(self) {
        self.stop.send_replace(true);
        self.running.await.expect("it ends when it is told to");
    }
}

/// A request that is due to be polled, of a shop whose polls are held.
async fn asked(world: &World, shop: &RelyingParty) -> String {
    let asked = asking().accepted(shop).await;
    assert_eq!(world.poll(shop, &asked).await, "400 authorization_pending");
    world.advance(5);
    asked
}

#[tokio::test]
async fn a_poll_held_at_one_server_is_answered_when_another_takes_the_decision() {
    let (one, other, phone) = nodes().await;
    one.edit_client(SHOP, |client| client.long_poll = 20).await;
    let listening = Listening::at(&one).await;
    let (shop, phone) = (one.shop().await, other.moved(&phone));
    for _ in 0..3 {
        let asked = asked(&one, &shop).await;
        let held = one.held_poll(&shop, &asked).await;
        approve(&other, &phone, &asked).await;
        assert_eq!(within(held).await.expect("no panic"), "200");
    }
    listening.ends().await;
}

#[tokio::test]
async fn a_poll_whose_hint_was_lost_does_not_wait_for_the_end_of_its_time() {
    let (one, other, phone) = nodes().await;
    one.edit_client(SHOP, |client| client.long_poll = 20).await;
    let listening = Listening::at(&one).await;
    let (shop, phone) = (one.shop().await, other.moved(&phone));
    let asked = asked(&one, &shop).await;
    let held = one.held_poll(&shop, &asked).await;
    let mut cutter = Bystander::at(one.database()).await;
    let backends = cutter.listeners(one.database(), 2, &[]).await;
    cutter.cut(&backends).await;
    approve(&other, &phone, &asked).await;
    // Whoever waits looks when the server listens again, which may have been before the decision; nobody moved the clock.
    let answer = within(held).await.expect("no panic");
    if answer != "200" {
        assert_eq!(answer, "400 authorization_pending");
        one.advance(5);
        one.redeem(&shop, &asked).await;
    }
    listening.ends().await;
}

#[tokio::test]
async fn without_any_hint_a_held_poll_is_answered_at_the_end_of_its_time() {
    let (one, other, phone) = nodes().await;
    one.edit_client(SHOP, |client| client.long_poll = 20).await;
    let (shop, phone) = (one.shop().await, other.moved(&phone));
    let asked = asked(&one, &shop).await;
    let held = one.held_poll(&shop, &asked).await;
    approve(&other, &phone, &asked).await;
    one.advance(20);
    assert!(!held.is_finished());
    hold::release(one.provider());
    assert_eq!(within(held).await.expect("no panic"), "200");
}

#[tokio::test]
async fn a_phone_that_waits_at_one_server_hears_of_a_request_at_another() {
    let (one, other, phone) = nodes().await;
    let listening = Listening::at(&one).await;
    let waiter = phone.clone();
    let account = phone.account().expect("an account");
    let waiting = tokio::spawn(async move { waiter.core().pending(account, 25).await });
    within(async {
        while prompts::waiting(one.provider()) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let asked = asking().accepted(&other.shop().await).await;
    let found = within(waiting).await.expect("no panic").expect("the phone waits");
    assert_eq!(found[0].prompt().content().req, protocol::digest::request_digest(&asked));
    listening.ends().await;
}
