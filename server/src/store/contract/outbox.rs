//! Messages: due, leased, concluded, given up.

use super::samples::{a_message, at};
use super::{Ground, change, commit, looked_up, realm, refused};
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::store::{CommitError, Store, Versioned};

async fn due(store: &dyn Store, now: Timestamp, most: usize) -> Vec<Versioned<Message>> {
    looked_up!(store.due(&realm(), now, most))
}

async fn due_ids(store: &dyn Store, now: Timestamp) -> Vec<u8> {
    due(store, now, 10).await.iter().map(|message| message.record.id.as_bytes()[15]).collect()
}

fn leased(message: &Versioned<Message>, until: Timestamp) -> Message {
    Message { due_at: until, attempts: message.record.attempts + 1, ..message.record.clone() }
}

pub async fn messages_come_when_due_the_longest_due_first(ground: &dyn Ground) {
    let store = ground.open().await;
    for (n, due_at) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        commit(&*store, change().create(a_message(n, at(due_at), at(500)))).await;
    }
    assert!(due_ids(&*store, at(9)).await.is_empty());
    assert_eq!(due_ids(&*store, at(10)).await, [2]);
    assert_eq!(due_ids(&*store, at(35)).await, [2, 3, 1]);
    let most = due(&*store, at(100), 2).await;
    assert_eq!(most.len(), 2);
    assert_eq!(most[0].record, a_message(2, at(10), at(500)));
}

pub async fn a_lease_hides_a_message_until_it_ends(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_message(1, at(0), at(500)))).await;
    let message = due(&*store, at(0), 1).await.remove(0);
    commit(&*store, change().replace(message.version, leased(&message, at(60)))).await;
    assert!(due_ids(&*store, at(59)).await.is_empty());
    let again = due(&*store, at(60), 10).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].version, again[0].record.attempts), (2, 1));
}

pub async fn concluding_removes_a_message(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_message(1, at(0), at(500))).create(a_message(2, at(0), at(500)))).await;
    let message = due(&*store, at(0), 1).await.remove(0);
    commit(&*store, change().conclude(&message)).await;
    assert_eq!(due_ids(&*store, at(400)).await, [2]);
    assert_eq!(refused(&*store, change().conclude(&message)).await, CommitError::Conflict);
    assert_eq!(looked_up!(store.sweep(&realm(), at(1000), 10)), 1, "only the other is left to be given up");
}

pub async fn concluding_at_a_stale_version_conflicts_and_writes_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_message(1, at(0), at(500)))).await;
    let message = due(&*store, at(0), 1).await.remove(0);
    commit(&*store, change().replace(1, leased(&message, at(5)))).await;
    let stale = change().create(a_message(2, at(0), at(500))).conclude(&message);
    assert_eq!(refused(&*store, stale).await, CommitError::Conflict);
    assert_eq!(due_ids(&*store, at(10)).await, [1]);
}

pub async fn of_two_racing_leases_one_wins(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_message(1, at(0), at(500)))).await;
    let message = due(&*store, at(0), 1).await.remove(0);
    let lease = change().replace(message.version, leased(&message, at(60)));
    let (one, other) = tokio::join!(store.commit(lease.clone()), store.commit(lease));
    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|won| **won).count(), 1);
    assert!(due_ids(&*store, at(59)).await.is_empty());
}

pub async fn a_message_given_up_is_not_carried_and_is_swept(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_message(1, at(0), at(50))).create(a_message(2, at(1), at(60)))).await;
    assert_eq!(looked_up!(store.sweep(&realm(), at(49), 10)), 0);
    assert_eq!(due_ids(&*store, at(49)).await, [1, 2]);
    assert_eq!(looked_up!(store.sweep(&realm(), at(50), 10)), 1);
    assert_eq!(due_ids(&*store, at(50)).await, [2]);
    assert_eq!(looked_up!(store.sweep(&realm(), at(60), 10)), 1);
    assert!(due_ids(&*store, at(60)).await.is_empty());
    // Its id is free again: nothing of it was left.
    commit(&*store, change().create(a_message(1, at(0), at(500)))).await;
}
