//! What a database does to its clients now and then: deadlocks, serialization failures, time-outs, no free connection,
//! a connection that is cut in the middle.

use std::sync::Arc;
use std::time::Duration;

use server::domain::names::RealmId;
use server::store::contract::samples::{a_client, a_user};
use server::store::postgres::{Options, PostgresStore};
use server::store::{Change, Store as _, StoreError};
use tests::postgres::{Bystander, Database};

use crate::{commit, is_unavailable, within};

const ALL_WRITES: &str = "BEGIN; LOCK TABLE record IN SHARE MODE";
const EVERYTHING: &str = "BEGIN; LOCK TABLE record IN ACCESS EXCLUSIVE MODE";

fn change() -> Change {
    Change::in_realm(&RealmId::new("main"))
}

fn touch(client: u64) -> String {
    format!("UPDATE record SET place = place WHERE kind = 'client' AND id = 'client-{client}'")
}

/// A store with two clients, and somebody else at its database.
async fn scene(database: &Database, edit: impl FnOnce(&mut Options)) -> (Arc<PostgresStore>, Bystander) {
    let mut options = database.options();
    edit(&mut options);
    let store = PostgresStore::open(&options).await.expect("the store opens");
    commit(&store, change().create(a_client(1)).create(a_client(2))).await;
    (Arc::new(store), Bystander::at(database).await)
}

async fn version(store: &PostgresStore, client: u64) -> Option<u64> {
    let found = store.client(&RealmId::new("main"), &a_client(client).id).await.expect("the store works");
    found.map(|found| found.version)
}

#[tokio::test]
async fn a_commit_that_a_deadlock_ended_is_made_after_all() {
    const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    // Whoever looks for a deadlock first is its victim: that is to be the store.
    let database = Database::alone().await.set("deadlock_timeout=1s");
    let (store, mut other) = scene(&database, |_| {}).await;
    let before = other.number(DEADLOCKS).await;
    other.run(&format!("SET deadlock_timeout = '1min'; BEGIN; {}", touch(2))).await;
    let committing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(change().replace(1, a_client(1)).replace(1, a_client(2))).await }
    });
    within(other.is_waited_for(1)).await;
    within(other.run(&touch(1))).await;
    other.run("COMMIT").await;
    assert_eq!(within(committing).await.expect("no panic"), Ok(()));
    assert_eq!((version(&store, 1).await, version(&store, 2).await), (Some(2), Some(2)));
    within(async { while other.number(DEADLOCKS).await == before {} }).await;
}

#[tokio::test]
async fn a_commit_that_could_not_be_serialized_is_made_after_all() {
    let database = Database::new().await;
    let (store, mut other) = scene(&database.set("default_transaction_isolation=serializable"), |_| {}).await;
    other.run(&format!("BEGIN; {}", touch(1))).await;
    let committing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(change().replace(1, a_client(1))).await }
    });
    within(other.is_waited_for(1)).await;
    other.run("COMMIT").await;
    assert_eq!(within(committing).await.expect("no panic"), Ok(()));
    assert_eq!(version(&store, 1).await, Some(2));
}

#[tokio::test]
async fn a_commit_whose_connection_is_cut_is_unavailable_and_leaves_nothing_behind() {
    let database = Database::new().await;
    let (store, mut other) = scene(&database, |_| {}).await;
    // With a user in it, which takes a transaction, and without.
    for (change, number) in [(change().create(a_client(3)), 3), (change().create(a_user(1)).create(a_client(4)), 4)] {
        other.run(ALL_WRITES).await;
        let committing = tokio::spawn({
            let (store, change) = (Arc::clone(&store), change.clone());
            async move { store.commit(change).await }
        });
        let backend = within(other.is_waited_for(1)).await[0];
        other.cut(&[backend]).await;
        is_unavailable(within(committing).await.expect("no panic"));
        other.run("ROLLBACK").await;
        assert_eq!((version(&store, number).await, version(&store, 1).await), (None, Some(1)));
        commit(&store, change).await;
        assert_eq!(version(&store, number).await, Some(1));
    }
}

#[tokio::test]
async fn a_look_up_whose_connection_is_cut_asks_on_another() {
    let database = Database::new().await;
    let (store, mut other) = scene(&database, |_| {}).await;
    other.run(EVERYTHING).await;
    let looking = tokio::spawn({
        let store = Arc::clone(&store);
        async move { version(&store, 1).await }
    });
    let backend = within(other.is_waited_for(1)).await[0];
    other.cut(&[backend]).await;
    within(async { while other.is_waited_for(1).await == [backend] {} }).await;
    other.run("ROLLBACK").await;
    assert_eq!(within(looking).await.expect("no panic"), Some(1));
}

#[tokio::test]
async fn who_waits_too_long_for_anothers_lock_is_told_so_and_goes_on() {
    let database = Database::new().await;
    let (store, mut other) = scene(&database, |options| options.lock_timeout = Duration::from_millis(200)).await;
    other.run(ALL_WRITES).await;
    let why = is_unavailable(within(store.commit(change().create(a_client(3)))).await);
    assert!(why.contains("lock timeout"), "{why}");
    other.run("ROLLBACK").await;
    commit(&store, change().create(a_client(3))).await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_and_its_connection_is_used_again() {
    let database = Database::new().await;
    let shorten = |options: &mut Options| {
        options.statement_timeout = Duration::from_millis(200);
        options.lock_timeout = Duration::from_mins(1);
    };
    let (store, mut other) = scene(&database, shorten).await;
    other.run(EVERYTHING).await;
    let why = is_unavailable(within(store.commit(change().create(a_client(3)))).await);
    assert!(why.contains("statement timeout"), "{why}");
    let looked = within(store.client(&RealmId::new("main"), &a_client(1).id)).await;
    assert!(matches!(&looked, Err(StoreError::Unavailable(why)) if why.contains("statement timeout")), "{looked:?}");
    other.run("ROLLBACK").await;
    assert_eq!(version(&store, 1).await, Some(1));
    commit(&store, change().create(a_client(3))).await;
}

#[tokio::test]
async fn who_finds_no_free_connection_is_told_so_and_nobody_else_is_disturbed() {
    let database = Database::new().await;
    let few = |options: &mut Options| {
        options.connections = 3; // one of them for hints
        options.acquire_timeout = Duration::from_millis(300);
    };
    let (store, mut other) = scene(&database, few).await;
    within(other.listeners(&database, 1, &[])).await;
    other.run(EVERYTHING).await;
    let waiting = [1, 2].map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { version(&store, client).await })
    });
    within(other.is_waited_for(2)).await;
    let why = is_unavailable(within(store.commit(change().create(a_client(3)))).await);
    assert!(why.contains("no connection to the database became free"), "{why}");
    other.run("ROLLBACK").await;
    for looked in waiting {
        assert_eq!(within(looked).await.expect("no panic"), Some(1));
    }
    commit(&store, change().create(a_client(3))).await;
}
