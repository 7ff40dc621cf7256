//! Several servers on one PostgreSQL: what each commits holds for all, what one learns the others are told, and whatever
//! befalls the database or the way to it, nothing acknowledged is lost and no wrong answer is given.

mod damage;
mod faults;
mod hints;
mod limits;
mod nodes;
mod outages;
mod outbox;

use std::time::Duration;

use device_core::Outcome;
use server::store::postgres::PostgresStore;
use server::store::{Change, CommitError, Store as _, StoreError};
use simulator::phone::Phone;
use tests::{Kind, World};

/// Nothing here takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_mins(1);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens")
}

async fn commit(store: &PostgresStore, change: Change) {
    store.commit(change).await.expect("the change is in order");
}

fn is_unavailable(outcome: Result<(), CommitError>) -> String {
    match outcome {
        Err(CommitError::Store(StoreError::Unavailable(why))) => why,
        other => panic!("{other:?}"),
    }
}

/// Two servers on one database, with alice's phone enrolled.
async fn nodes() -> (World, World, Phone) {
    let one = World::builder().on(Kind::Postgres).policy(|policy| policy.prompt_limits = false).make().await;
    let (other, phone) = (one.another_node().await, one.phone("1001").await);
    (one, other, phone)
}

async fn approve(world: &World, phone: &Phone, asked: &str) {
    let prompt = world.prompt(phone, asked).await;
    assert_eq!(phone.approve(&prompt).await, Ok(Outcome::Approved));
}
