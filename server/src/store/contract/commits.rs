//! What a commit is: all or nothing, on the versions it was decided on.

use std::collections::HashSet;
use std::sync::Arc;

use protocol::Digest;

use super::samples::{a_client, a_grant, a_mark, a_message, a_prompt, a_request, a_user, an_event, at, request_key};
use super::samples::{prompt_id, subject, token_key};
use super::{Ground, change, commit, found, looked_up, realm, refused};
use crate::domain::names::ClientId;
use crate::store::{CommitError, MAX_RECORD_BYTES, Store};

pub async fn create_twice_conflicts(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(1))).await;
    assert_eq!(refused(&*store, change().create(a_user(1))).await, CommitError::Conflict);
}

pub async fn replacing_what_is_absent_conflicts(ground: &dyn Ground) {
    let store = ground.open().await;
    for version in [0, 1] {
        let replaced = refused(&*store, change().replace(version, a_user(1))).await;
        assert_eq!(replaced, CommitError::Conflict, "version {version}");
    }
    assert_eq!(looked_up!(store.user(&realm(), &subject(1))), None);
}

pub async fn replacing_a_stale_version_writes_nothing_of_the_change(ground: &dyn Ground) {
    let store = ground.open().await;
    let request = a_request(1, &[(1, 1)], at(300));
    commit(&*store, change().create(request.clone())).await;
    commit(&*store, change().replace(1, request.clone())).await;

    let stale = change()
        .create(a_prompt(1, 1, 1))
        .create(a_message(1, at(0), at(100)))
        .create(a_grant(1, at(100)))
        .replace(1, request.clone())
        .mark(a_mark(1), Digest::of(b"value"), at(100))
        .event(at(0), an_event(1), 1);
    assert_eq!(refused(&*store, stale).await, CommitError::Conflict);

    let kept = found!(store.request(&realm(), &request_key(1)));
    assert_eq!((kept.version, kept.record), (2, request));
    nothing_else_was_written(&*store).await;
}

/// Of prompt, message, grant, mark and event 1.
async fn nothing_else_was_written(store: &dyn Store) {
    assert_eq!(looked_up!(store.prompt(&realm(), &prompt_id(1))), None);
    assert!(looked_up!(store.unanswered(&realm(), &super::samples::device_id(1))).is_empty());
    assert!(looked_up!(store.due(&realm(), at(50), 10)).is_empty());
    assert_eq!(looked_up!(store.grant(&realm(), &token_key(1))), None);
    assert_eq!(looked_up!(store.mark(&realm(), &a_mark(1))), None);
    assert!(looked_up!(store.audit(&realm(), 10)).is_empty());
    assert_eq!(looked_up!(store.sweep(&realm(), at(200), 10)), 0, "something was left for the sweep");
}

pub async fn versions_start_at_one_and_rise_by_one(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_client(1))).await;
    for version in 1..=5 {
        let client = found!(store.client(&realm(), &ClientId::new("client-1")));
        assert_eq!(client.version, version);
        commit(&*store, change().replace(version, client.record)).await;
    }
}

pub async fn of_64_racing_replacers_exactly_one_wins_each_version(ground: &dyn Ground) {
    const RACERS: u64 = 64;
    let store = ground.open().await;
    commit(&*store, change().create(a_request(1, &[], at(300)))).await;
    let race: Vec<_> = (0..RACERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(replace_until_it_holds(store))
        })
        .collect();
    let mut won = HashSet::new();
    for racer in race {
        assert!(won.insert(racer.await.expect("no racer panics")), "two racers replaced the same version");
    }
    assert_eq!(won, (1..=RACERS).collect());
    assert_eq!(found!(store.request(&realm(), &request_key(1))).version, RACERS + 1);
}

/// The version that this racer replaced.
async fn replace_until_it_holds(store: Arc<dyn Store>) -> u64 {
    loop {
        let read = found!(store.request(&realm(), &request_key(1)));
        match store.commit(change().replace(read.version, read.record)).await {
            Ok(()) => return read.version,
            Err(error) => assert_eq!(error, CommitError::Conflict),
        }
    }
}

pub async fn a_mark_set_twice_is_replayed_and_writes_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    let first = Digest::of(b"first");
    commit(&*store, change().mark(a_mark(9), first, at(500))).await;
    assert_eq!(looked_up!(store.mark(&realm(), &a_mark(9))), Some(first));

    let again = change()
        .create(a_prompt(1, 1, 1))
        .create(a_message(1, at(0), at(100)))
        .mark(a_mark(1), first, at(100))
        .mark(a_mark(9), Digest::of(b"second"), at(100))
        .event(at(0), an_event(1), 1);
    assert_eq!(refused(&*store, again).await, CommitError::Replayed(a_mark(9), first));
    assert_eq!(looked_up!(store.mark(&realm(), &a_mark(9))), Some(first));
    nothing_else_was_written(&*store).await;
}

pub async fn a_replayed_mark_is_reported_before_a_conflict(ground: &dyn Ground) {
    let store = ground.open().await;
    let value = Digest::of(b"value");
    let first = change().create(a_user(1)).mark(a_mark(1), value, at(100));
    commit(&*store, first.clone()).await;
    assert_eq!(refused(&*store, first).await, CommitError::Replayed(a_mark(1), value));
}

pub async fn a_refused_change_does_not_harm_its_neighbours(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change().create(a_user(0))).await;
    let crowd: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            // Every other change holds something that cannot be.
            let change = if n % 2 == 0 { change() } else { change().create(a_user(0)) };
            tokio::spawn(async move { store.commit(change.create(a_grant(n, at(100)))).await })
        })
        .collect();
    for (n, outcome) in (0_u64..).zip(crowd) {
        let committed = outcome.await.expect("no task panics").is_ok();
        assert_eq!(committed, n % 2 == 0, "change {n}");
        assert_eq!(looked_up!(store.grant(&realm(), &token_key(n))).is_some(), committed, "change {n}");
    }
}

pub async fn an_empty_change_is_fine(ground: &dyn Ground) {
    let store = ground.open().await;
    commit(&*store, change()).await;
}

pub async fn a_record_above_the_limit_is_refused_whole(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut large = a_prompt(2, 1, 1);
    large.jws = protocol::Jws::from_text("x".repeat(MAX_RECORD_BYTES));
    let error = refused(&*store, change().create(a_prompt(1, 1, 1)).create(large.clone())).await;
    assert!(matches!(error, CommitError::TooLarge("prompt", bytes) if bytes > MAX_RECORD_BYTES), "{error}");
    nothing_else_was_written(&*store).await;

    large.jws = protocol::Jws::from_text("x".repeat(MAX_RECORD_BYTES - 1024));
    commit(&*store, change().create(large.clone())).await;
    assert_eq!(found!(store.prompt(&realm(), &prompt_id(2))).record, large);
}
