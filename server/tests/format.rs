//! The format of the embedded store: what format 1 looks like on disk can be read for ever, and whatever is not that is
//! refused with a word on what to do.
//!
//! `tests/format/1` was written once, by `examples/write_format_1.rs`; it is not written anew when a test fails.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::Digest;
use protocol::messages::Attestation;
use server::domain::authentication_request::{CancelledBy, State};
use server::domain::names::{ClientId, RealmId};
use server::domain::user::{Identifier, User, UserStatus};
use server::store::contract::samples::{
    a_client, a_device, a_grant, a_mark, a_message, a_prompt, a_realm, a_request, a_ticket, a_user, an_answer,
    an_enrolment, at, device_id, enrolment_id, prompt_id, request_key, subject, the_event, ticket_key, token_key,
};
use server::store::embedded::{EmbeddedStore, OpenError, Options, Sync};
use server::store::{Change, CommitError, Store, StoreError};

const OPTIONS: Options = Options { cache_bytes: 1 << 20, sync: Sync::NeverForTesting };

fn main_realm() -> RealmId {
    RealmId::new("main")
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format/1")
}

/// A copy of the committed store, because opening one writes to it.
fn format_1() -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory");
    for file in ["assent-store", "conf", "db"] {
        fs::copy(committed().join(file), copy.path().join(file)).expect("the committed store is there");
    }
    copy
}

fn open(dir: &tempfile::TempDir) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(dir.path(), OPTIONS)
}

fn refusal(dir: &tempfile::TempDir) -> OpenError {
    match open(dir) {
        Ok(_) => panic!("the store was opened"),
        Err(error) => error,
    }
}

/// sled itself, with the settings of the store, as soon as the threads of its last user have let go of the lock.
fn raw(dir: &Path) -> sled::Db {
    let config = sled::Config::new().path(dir).segment_size(2 * 1024 * 1024).flush_every_ms(None);
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                std::thread::yield_now();
            }
            outcome => return outcome.expect("sled opens"),
        }
    }
}

/// Changes the value under a raw key.
fn tamper(dir: &tempfile::TempDir, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let db = raw(dir.path());
    let mut value = db.get(key).expect("sled reads").expect("there is a value to tamper with").to_vec();
    change(&mut value);
    db.insert(key, value).expect("sled writes");
    db.flush().expect("sled writes");
}

fn flip_last_bit(value: &mut [u8]) {
    *value.last_mut().expect("no value is empty") ^= 1;
}

const HEADER: &[u8] = b"\0h\0";

macro_rules! found {
    ($look_up:expr) => {
        $look_up.await.expect("the store works").expect("it is there")
    };
}

#[tokio::test]
async fn every_kind_of_record_of_format_1_is_read() {
    let dir = format_1();
    let store = open(&dir).expect("format 1 opens");
    let realm = main_realm();
    let mut answered = a_prompt(2, 1, 1);
    answered.answer = Some(an_answer());

    // What a realm was begun with stays, whatever the defaults are now.
    let mut begun = a_realm("main");
    begun.policy.attestation = Attestation::None;
    let realms = store.realms().await.expect("the store works");
    assert_eq!(realms.into_iter().map(|realm| realm.record).collect::<Vec<_>>(), [begun]);
    assert_eq!(found!(store.client(&realm, &ClientId::new("client-1"))).record, a_client(1));
    assert_eq!(found!(store.user(&realm, &subject(1))).record, a_user(1));
    assert_eq!(found!(store.user_named(&realm, &Identifier::of("user1@example.com"))).record, a_user(1));
    assert_eq!(found!(store.device(&realm, &device_id(1))).record, a_device(1, 1));
    assert_eq!(store.devices_of(&realm, &subject(1)).await.expect("the store works").len(), 1);
    assert_eq!(found!(store.ticket(&realm, &ticket_key(1))).record, a_ticket(1, at(300)));
    assert_eq!(found!(store.enrolment(&realm, &enrolment_id(1))).record, an_enrolment(1, at(300)));
    assert_eq!(found!(store.request(&realm, &request_key(1))).record, a_request(1, &[(1, 1), (1, 2)], at(300)));
    assert_eq!(found!(store.prompt(&realm, &prompt_id(1))).version, 1);
    let second = found!(store.prompt(&realm, &prompt_id(2)));
    assert_eq!((second.version, second.record), (2, answered));
    assert_eq!(store.unanswered(&realm, &device_id(1)).await, Ok(vec![a_prompt(1, 1, 1)]));
    assert_eq!(found!(store.grant(&realm, &token_key(1))).record, a_grant(1, at(300)));
    assert_eq!(found!(store.mark(&realm, &a_mark(1))), Digest::of(b"value"));
    let due = store.due(&realm, at(10), 10).await.expect("the store works");
    assert_eq!(due.into_iter().map(|due| due.record).collect::<Vec<_>>(), [a_message(1, at(10), at(300))]);
    assert_eq!(store.audit(&realm, 10).await, Ok(vec![the_event(at(0), 1), the_event(at(1), 2)]));
}

#[tokio::test]
async fn a_store_of_format_1_is_written_to_and_swept() {
    let dir = format_1();
    let store = open(&dir).expect("format 1 opens");
    let realm = main_realm();
    let mut request = found!(store.request(&realm, &request_key(1)));
    request.record.state = State::Cancelled { by: CancelledBy::Operator };
    let locked = User { status: UserStatus::Locked, ..a_user(1) };
    let change = Change::in_realm(&realm).replace(request.version, request.record).replace(1, locked.clone());
    store.commit(change).await.expect("the versions are those of the committed store");
    assert_eq!(found!(store.user_named(&realm, &Identifier::of("user1"))).record, locked);
    // Ticket, enrolment, request with its prompts, grant, mark and message; the events are kept for a day.
    assert_eq!(store.sweep(&realm, at(300), 100).await, Ok(6));
    assert_eq!(store.prompt(&realm, &prompt_id(2)).await, Ok(None));
    assert_eq!(store.sweep(&realm, at(90_000), 100).await, Ok(2));
}

#[test]
fn a_newer_format_is_refused_and_named() {
    let dir = format_1();
    tamper(&dir, HEADER, |header| header[..4].copy_from_slice(&2_u32.to_be_bytes()));
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error}");
    assert!(error.to_string().contains("run a newer version"), "{error}");
}

#[test]
fn an_unknown_older_format_is_refused() {
    let dir = format_1();
    tamper(&dir, HEADER, |header| header[..4].copy_from_slice(&0_u32.to_be_bytes()));
    assert!(matches!(refusal(&dir), OpenError::Damaged(_)));
}

#[tokio::test]
async fn a_damaged_value_is_refused_when_read_and_nothing_else_is() {
    let dir = format_1();
    tamper(&dir, b"main\0U\0subject-1", |value| flip_last_bit(value));
    let store = open(&dir).expect("only the last commit group is judged at start");
    let realm = main_realm();
    let damaged = StoreError::Damaged("the checksum of a user does not hold".to_owned());
    assert_eq!(store.user(&realm, &subject(1)).await, Err(damaged.clone()));
    assert_eq!(store.user_named(&realm, &Identifier::of("user1")).await, Err(damaged.clone()));
    let replaced = store.commit(Change::in_realm(&realm).replace(1, a_user(1))).await;
    assert_eq!(replaced, Err(CommitError::Store(damaged)));
    found!(store.client(&realm, &ClientId::new("client-1")));
    store.commit(Change::in_realm(&realm).create(a_user(2))).await.expect("other records are fine");
}

#[tokio::test]
async fn a_value_under_the_key_of_another_is_refused() {
    let dir = format_1();
    let stranger = raw(dir.path()).get(b"main\0U\0subject-1").expect("sled reads").expect("the user is there");
    raw(dir.path()).insert(b"main\0U\0subject-9", stranger).expect("sled writes");
    let store = open(&dir).expect("only the last commit group is judged at start");
    assert!(matches!(store.user(&main_realm(), &subject(9)).await, Err(StoreError::Damaged(_))));
}

#[test]
fn a_damaged_last_commit_group_is_refused_at_start() {
    let last = [b"main\0P\0".as_slice(), prompt_id(2).as_bytes()].concat();
    let dir = format_1();
    tamper(&dir, &last, |value| flip_last_bit(value));
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    assert!(error.to_string().contains("restore a back-up"), "{error}");

    let dir = format_1();
    raw(dir.path()).remove(&last).expect("sled writes");
    assert!(matches!(refusal(&dir), OpenError::Damaged(_)));
}

#[test]
fn a_damaged_or_missing_header_is_refused_at_start() {
    let dir = format_1();
    tamper(&dir, HEADER, |value| flip_last_bit(value));
    assert!(matches!(refusal(&dir), OpenError::Damaged(_)), "a flipped bit");

    for length in [0, 3, 15, 40] {
        let dir = format_1();
        tamper(&dir, HEADER, |header| header.truncate(length));
        assert!(matches!(refusal(&dir), OpenError::Damaged(_)), "cut to {length}");
    }

    let dir = format_1();
    raw(dir.path()).remove(HEADER).expect("sled writes");
    assert!(matches!(refusal(&dir), OpenError::Damaged(_)), "missing");

    let dir = format_1();
    fs::remove_file(dir.path().join("db")).expect("the copy is ours");
    assert!(matches!(refusal(&dir), OpenError::Damaged(_)), "all of it missing");
}

#[test]
fn a_directory_with_something_else_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("notes.txt"), "mine").expect("the directory is ours");
    assert!(matches!(refusal(&dir), OpenError::Foreign));
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("it exists").map(|entry| entry.expect("it exists").file_name()).collect();
    assert_eq!(names, ["notes.txt"]);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    raw(dir.path()).insert(b"key", b"value").expect("sled writes");
    assert!(matches!(refusal(&dir), OpenError::Foreign), "with our settings");

    let dir = tempfile::tempdir().expect("a temporary directory");
    sled::open(dir.path()).expect("sled opens").insert(b"key", b"value").expect("sled writes");
    assert!(matches!(refusal(&dir), OpenError::Foreign), "with its own settings");
}

#[test]
fn a_store_in_use_is_refused_until_it_is_closed() {
    let dir = format_1();
    let first = open(&dir).expect("format 1 opens");
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::InUse), "{error}");
    drop(first);
    open(&dir).expect("nobody uses it any more");
}

#[test]
fn a_directory_that_does_not_exist_is_created() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let inner = dir.path().join("deeper/store");
    EmbeddedStore::open(&inner, Options::default()).expect("the store is created");
    EmbeddedStore::open(&inner, Options::default()).expect("and opened again");
}

#[tokio::test]
async fn a_closed_store_refuses_changes_and_keeps_what_it_has() {
    let dir = format_1();
    let store = open(&dir).expect("format 1 opens");
    store.close().await;
    let refused = store.commit(Change::in_realm(&main_realm()).create(a_user(2))).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
}
