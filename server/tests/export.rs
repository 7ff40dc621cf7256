//! Exports, imports, recovery: what leaves one store comes into another as it was, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::messages::RevocationReason;
use protocol::{Digest, Nonce};
use server::app::import::{ImportError, import};
use server::app::recover::{Recovered, recover};
use server::domain::authentication_request::{CancelledBy, State};
use server::domain::device::DeviceStatus;
use server::domain::names::RealmId;
use server::domain::time::{Clock, Timestamp};
use server::domain::user::{User, UserStatus};
use server::flow::export::export;
use server::store::contract::samples::{
    a_client, a_device, a_family, a_grant, a_mark, a_message, a_prompt, a_realm, a_request, a_ticket, a_user,
    an_enrolment, an_event, at, device_id, family_key, request_key, subject,
};
use server::store::embedded::{EmbeddedStore, Options, Sync};
use server::store::journal::{self, Journaled, Note, Noted};
use server::store::{Change, MarkKey, Store};
use tempfile::TempDir;

fn open(dir: &Path) -> Arc<dyn Store> {
    let options = Options { cache_bytes: 1 << 20, sync: Sync::NeverForTesting };
    Arc::new(EmbeddedStore::open(dir, options).expect("the store opens"))
}

fn realm() -> RealmId {
    RealmId::new("main")
}

/// A store with two realms and something of every kind; more of some than a page holds.
async fn full(dir: &Path) -> Arc<dyn Store> {
    let store = open(dir);
    for id in ["main", "second"] {
        let realm = RealmId::new(id);
        let change = Change::in_realm(&realm)
            .create(a_realm(id))
            .create(a_client(1))
            .create(a_user(1))
            .create(a_device(1, 1))
            .create(a_ticket(1, at(300)))
            .create(an_enrolment(1, at(300)))
            .create(a_request(1, &[(1, 1)], at(300)))
            .create(a_prompt(1, 1, 1))
            .create(a_family(1, at(300)))
            .create(a_message(1, at(1), at(300)))
            .mark(a_mark(1), Digest::of(b"value"), at(300))
            .event(at(0), an_event(1), 400);
        store.commit(change).await.expect("is stored");
    }
    let many = (1..=450).fold(Change::in_realm(&realm()), |change, n| change.create(a_grant(n, at(300))));
    store.commit(many).await.expect("is stored");
    store
}

async fn exported(store: &Arc<dyn Store>, serving: bool) -> Vec<u8> {
    let mut chunks = export(Arc::clone(store), at(10), serving);
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        bytes.extend(chunk.expect("the store is read"));
    }
    bytes
}

/// A file in a directory of its own.
fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("export");
    fs::write(&path, bytes).expect("is written");
    (dir, path)
}

async fn refusal(bytes: &[u8]) -> String {
    let (dir, path) = file(bytes);
    let store = open(&dir.path().join("store"));
    let error = import(&*store, &path).await.expect_err("is refused");
    assert!(store.realms().await.expect("reads").is_empty(), "nothing was written");
    match error {
        ImportError::NotWhole { line, why, .. } => format!("line {line}: {why}"),
        other => other.to_string(),
    }
}

fn sorted(export: &[u8]) -> Vec<String> {
    let text = String::from_utf8(export.to_vec()).expect("JSON lines");
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with("{\"lines\"")).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn what_was_exported_is_imported_as_it_was() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(dir.path()).await;
    let before = exported(&store, false).await;
    let (other, path) = file(&before);
    let copy = open(&other.path().join("store"));
    let imported = import(&*copy, &path).await.expect("imports");
    assert_eq!((imported.lines, imported.header.serving), (12 * 2 + 450 + 2 - 2, false));
    assert_eq!(sorted(&exported(&copy, false).await), sorted(&before));
    let found = copy.user_named(&realm(), &server::domain::user::Identifier::of("user1@example.com")).await;
    assert!(found.expect("reads").is_some(), "indexes are built");
    assert_eq!(copy.realms().await.expect("reads")[0].record.id, realm(), "the first realm stays the first");
}

#[tokio::test]
async fn an_import_goes_into_an_empty_store_only() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(dir.path()).await;
    let (_kept, path) = file(&exported(&store, false).await);
    assert!(matches!(import(&*store, &path).await, Err(ImportError::NotEmpty)));
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused_and_nothing_written() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let whole = exported(&full(dir.path()).await, false).await;
    let text = String::from_utf8(whole.clone()).expect("JSON lines");
    let count = text.lines().count();
    let joined = |lines: Vec<&str>| lines.join("\n") + "\n";
    let without_last = joined(text.lines().take(count - 1).collect());
    assert!(refusal(without_last.as_bytes()).await.contains("the file ends here"));
    assert!(refusal(&whole[..whole.len() - 1]).await.contains("the file ends here"));
    let one_less = joined(text.lines().enumerate().filter(|(n, _)| *n != 5).map(|(_, line)| line).collect());
    assert!(refusal(one_less.as_bytes()).await.contains("lines are missing"));
    let changed = text.replacen("user1@example.com", "user9@example.com", 1);
    assert!(refusal(changed.as_bytes()).await.contains("hash"));
    assert!(refusal(format!("{text}{{}}\n").as_bytes()).await.contains("more behind"));
    assert!(refusal(b"").await.contains("line 1"));
    assert!(refusal(b"not an export\n").await.contains("line 1: this is no line of an export"));
    assert!(refusal(&vec![b'x'; 100_000]).await.contains("line 1"));
    let newer = text.replacen("\"assent_export\":1", "\"assent_export\":2", 1);
    assert!(refusal(newer.as_bytes()).await.contains("format 2"));
}

#[tokio::test]
async fn recovery_cancels_what_was_open_sends_nothing_and_says_since_when() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(dir.path()).await;
    let done = recover(&*store, &[], at(20)).await.expect("recovers");
    assert_eq!(done, Recovered { requests: 2, messages: 2, revocations: 0 });
    let request = store.request(&realm(), &request_key(1)).await.expect("reads").expect("is there");
    assert_eq!(request.record.state, State::Cancelled { by: CancelledBy::Operator });
    assert!(store.due(&realm(), at(1_000), 10).await.expect("reads").is_empty());
    let realms = store.realms().await.expect("reads");
    assert!(realms.iter().all(|realm| realm.record.recovered_at == Some(at(20))));
    assert!(store.family(&realm(), &family_key(1)).await.expect("reads").is_some(), "judged by the realm's time");
    let again = recover(&*store, &[], at(21)).await.expect("recovers");
    assert_eq!(again, Recovered::default());
}

struct Hand;

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        at(15)
    }
}

#[tokio::test]
async fn revocations_made_after_the_back_up_hold_after_recovery() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(&dir.path().join("store")).await;
    let (_kept, back_up) = file(&exported(&store, true).await);
    let path = dir.path().join("journal");
    let journaled = Journaled::open(&path, store, Arc::new(Hand)).expect("the journal opens");
    let mut device = a_device(1, 1);
    device.status = DeviceStatus::Revoked { reason: RevocationReason::User, at: at(15) };
    journaled.commit(Change::in_realm(&realm()).replace(1, device.clone())).await.expect("is stored");
    let locked = User { status: UserStatus::Locked, ..a_user(1) };
    journaled.commit(Change::in_realm(&realm()).replace(1, locked)).await.expect("is stored");

    let restored = open(&dir.path().join("restored"));
    import(&*restored, &back_up).await.expect("imports");
    let noted = journal::read(&path).expect("reads");
    let done = recover(&*restored, &noted, at(20)).await.expect("recovers");
    assert_eq!(done.revocations, 2);
    let found = restored.device(&realm(), &device_id(1)).await.expect("reads").expect("is there");
    assert_eq!(found.record.status, device.status);
    let found = restored.user(&realm(), &subject(1)).await.expect("reads").expect("is there");
    assert_eq!(found.record.status, UserStatus::Locked);
    let other = restored.device(&RealmId::new("second"), &device_id(1)).await.expect("reads").expect("is there");
    assert!(other.record.is_active(), "another realm's phone of the same id");
}

#[tokio::test]
async fn a_revocation_that_conflicts_is_journaled_and_a_grant_of_rights_is_not() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(&dir.path().join("store")).await;
    let path = dir.path().join("journal");
    let journaled = Journaled::open(&path, store, Arc::new(Hand)).expect("the journal opens");
    let stale = Change::in_realm(&realm()).replace(7, User { status: UserStatus::Disabled, ..a_user(1) });
    journaled.commit(stale).await.expect_err("conflicts");
    let unlocked = Change::in_realm(&realm()).replace(7, a_user(1));
    journaled.commit(unlocked).await.expect_err("conflicts");
    let noted = journal::read(&path).expect("reads");
    let note = Note::UserStatus { subject: subject(1), status: UserStatus::Disabled };
    assert_eq!(noted, [Noted { at: at(15), realm: realm(), note }]);
}

#[tokio::test]
async fn a_line_cut_off_by_a_crash_spoils_only_itself() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("journal");
    fs::write(&path, "\n{\"at\":1,\"realm\":\"main\",\"user_sta").expect("is written");
    let store = full(&dir.path().join("store")).await;
    let journaled = Journaled::open(&path, store, Arc::new(Hand)).expect("the journal opens");
    let locked = User { status: UserStatus::Locked, ..a_user(1) };
    journaled.commit(Change::in_realm(&realm()).replace(1, locked)).await.expect("is stored");
    assert_eq!(journal::read(&path).expect("reads").len(), 1);
}

#[tokio::test]
async fn a_replay_across_a_move_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = full(dir.path()).await;
    let jti = MarkKey::Proof(device_id(1), Nonce::from_bytes([9; 16]));
    store.commit(Change::in_realm(&realm()).mark(jti.clone(), Digest::of(b"x"), at(300))).await.expect("is stored");
    let (other, path) = file(&exported(&store, false).await);
    let copy = open(&other.path().join("store"));
    import(&*copy, &path).await.expect("imports");
    copy.commit(Change::in_realm(&realm()).mark(jti, Digest::of(b"x"), at(300))).await.expect_err("is replayed");
}
