//! One outbox, several workers: every message is carried by one of them, and by another if that one dies.

use std::sync::Arc;

use server::domain::delivery::DeliveryMode;
use server::domain::message::Message;
use server::flow::{deliver, sweep};
use server::store::Store as _;
use server::store::contract::samples::{a_grant, a_message, at};
use server::store::{Change, CommitError};
use simulator::stand_in::notification::{NotificationStandIn, Reply};
use tests::postgres::{Bystander, Database};
use tests::{Kind, World, a_request};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{approve, commit, nodes, within};

const TOKEN: &str = "8d67dc78-7faa-4d41-aabd-67707b374255";

/// Two servers, and a shop that is told of outcomes.
async fn scene(delivery: DeliveryMode) -> (World, World, NotificationStandIn) {
    let endpoint = NotificationStandIn::start().await;
    let unlimited = |policy: &mut server::domain::policy::Policy| policy.prompt_limits = false;
    let one = World::builder().on(Kind::Postgres).policy(unlimited).reaching_stand_ins().make().await;
    one.told_shop(delivery, &endpoint).await;
    let other = one.another_node().await;
    (one, other, endpoint)
}

struct Worker {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Worker {
    fn of(world: &World) -> Self {
        let (stop, stopping) = watch::channel(false);
        Self { stop, running: tokio::spawn(deliver::run(Arc::clone(world.provider()), stopping)) }
    }

    async fn ends(self) {
        self.stop.send_replace(true);
        self.running.await.expect("it ends when it is told to");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_workers_there_are_each_message_is_carried_once() {
    let (one, other, _phone) = nodes().await;
    let shop = one.shop().await;
    // A phone each, because the pushes to one are spaced and put together.
    for number in 0..40 {
        let (subject, name) = (format!("2{number:03}"), format!("user{number}"));
        one.add_user(&subject, &name).await;
        one.phone_with_push(&subject, &format!("the-token-of-{name}")).await;
        a_request().about(&name).accepted(&shop).await;
    }
    // Each is leased to the server that made it, which dies; then they are anybody's.
    one.advance(31);
    let workers = [Worker::of(&one), Worker::of(&other)];
    within(async {
        while one.courier().carried().len() + other.courier().carried().len() < 40 || one.next_push().await.is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for worker in workers {
        worker.ends().await;
    }
    let mut carried: Vec<_> = one.courier().carried().into_iter().chain(other.courier().carried()).collect();
    assert_eq!(carried.len(), 40);
    carried.sort_by_key(|carried| carried.data.to_string());
    carried.dedup_by_key(|carried| carried.data.to_string());
    assert_eq!(carried.len(), 40);
}

#[tokio::test]
async fn what_a_server_is_carrying_when_it_dies_another_carries_when_its_lease_is_over() {
    for (delivery, what) in [(DeliveryMode::Ping, "auth_req_id"), (DeliveryMode::Push, "access_token")] {
        let (one, other, endpoint) = scene(delivery).await;
        let phone = one.phone("1001").await;
        let asked = a_request().told_by(TOKEN).accepted(&one.shop().await).await;
        approve(&one, &phone, &asked).await;
        endpoint.answer_next(Reply::Hang);
        let provider = Arc::clone(one.provider());
        let carrying = tokio::spawn(async move { deliver::deliver_due(&provider).await });
        endpoint.called(1).await;
        carrying.abort();
        assert!(carrying.await.is_err(), "it was carrying when it died");
        one.dies();

        assert_eq!(other.deliver().await, 0, "for all that it knows, somebody is at it");
        other.advance(29);
        assert_eq!(other.deliver().await, 0);
        other.advance(1);
        assert_eq!(other.deliver().await, 1);
        let calls = endpoint.calls();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0], calls[1], "the same tokens, too");
        assert!(calls[1].json()[what].is_string());
        assert_eq!(other.deliver().await, 0);
        assert_eq!(other.events("request_redeemed").await, usize::from(delivery == DeliveryMode::Push));
    }
}

#[tokio::test]
async fn a_timer_that_runs_out_at_two_servers_at_once_tells_the_client_once() {
    let (one, other, endpoint) = scene(DeliveryMode::Ping).await;
    let _phone = one.phone("1001").await;
    let shop = one.shop().await;
    for _ in 0..10 {
        a_request().told_by(TOKEN).accepted(&shop).await;
    }
    one.advance(121);
    let mut told = 0;
    while told < 10 {
        // One client's messages are carried a few at a time.
        let (here, there) = tokio::join!(one.deliver(), other.deliver());
        assert!(here + there > 0, "{told} so far");
        told += here + there;
    }
    assert_eq!(told, 10);
    assert_eq!(endpoint.calls().len(), 10);
    assert_eq!((one.deliver().await, other.deliver().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_sweep_at_once_is_forgotten_once() {
    let (one, other, _phone) = nodes().await;
    let provider = one.provider();
    let now = provider.now();
    let grants =
        (0..900).fold(Change::in_realm(provider.id()), |change, n| change.create(a_grant(n, now.plus_seconds(60))));
    provider.store().commit(grants).await.expect("is stored");
    one.advance(60);
    let mut looker = Bystander::at(one.database()).await;
    let now = one.now().unix_millis();
    let [records, marks] =
        ["record", "mark"].map(|table| format!("SELECT count(*) FROM {table} WHERE forget_at <= {now}"));
    let doomed = looker.number(&records).await + looker.number(&marks).await;
    assert!(doomed >= 900);
    let mut forgotten = 0;
    loop {
        let (here, there) = tokio::join!(sweep::sweep(one.provider()), sweep::sweep(other.provider()));
        match here.expect("it sweeps") + there.expect("it sweeps") {
            0 => break,
            swept => forgotten += swept,
        }
    }
    assert_eq!(i64::try_from(forgotten), Ok(doomed));
    assert_eq!(looker.number(&records).await + looker.number(&marks).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_stores_that_lease_the_same_messages_each_message_goes_to_one() {
    let database = Database::new().await;
    let (one, other) = (Arc::new(database.open().await), Arc::new(database.open().await));
    let realm = server::domain::names::RealmId::new("main");
    let change = || Change::in_realm(&realm);
    commit(&one, (1..=50).fold(change(), |change, n| change.create(a_message(n, at(0), at(300))))).await;
    let leasing = [one, other].map(|store| {
        let realm = realm.clone();
        tokio::spawn(async move {
            let mut leased = 0;
            for message in store.due(&realm, at(1), 50).await.expect("reads") {
                let taken = Message { due_at: at(30), ..message.record };
                match store.commit(Change::in_realm(&realm).replace(message.version, taken)).await {
                    Ok(()) => leased += 1,
                    Err(CommitError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            leased
        })
    });
    let mut leased = 0;
    for leases in leasing {
        leased += within(leases).await.expect("no panic");
    }
    assert_eq!(leased, 50);
}
