//! Databases that are not as we left them: formats, migrations, rows that somebody edited; and many who open one at once.

use protocol::Digest;
use server::domain::names::RealmId;
use server::store::contract::samples::{
    a_client, a_device, a_mark, a_message, a_prompt, a_request, a_user, at, request_key, subject,
};
use server::store::page::Kept;
use server::store::postgres::{OpenError, PostgresStore};
use server::store::{Change, Store, StoreError};
use tests::postgres::{Bystander, Database};

use crate::commit;

fn realm() -> RealmId {
    RealmId::new("main")
}

fn change() -> Change {
    Change::in_realm(&realm())
}

async fn refusal(database: &Database) -> OpenError {
    PostgresStore::open(&database.options()).await.err().expect("it is refused")
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn names<T: std::fmt::Debug>(outcome: Result<T, StoreError>, kind: &str, id: &[u8]) {
    let id = hex(id);
    match outcome {
        Err(StoreError::Damaged(what)) => assert!(what.contains(kind) && what.contains(&id), "{what}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_record_that_somebody_edited_is_damaged_by_its_name_and_no_other_is() {
    let database = Database::new().await;
    let store = database.open().await;
    commit(&store, change().create(a_client(1)).create(a_client(2)).create(a_user(1)).create(a_device(1, 1))).await;
    let mut editor = Bystander::at(&database).await;
    let (client, other) = (a_client(1), a_client(2).id);
    for document in ["'{\"id\":'", "''", "'[]'", "'null'", "replace(document, '\"id\"', '\"di\"')"] {
        let edit = format!("UPDATE record SET document = {document} WHERE kind = 'client' AND id = 'client-1'");
        editor.run("BEGIN").await;
        editor.run(&edit).await;
        editor.run("COMMIT").await;
        names(store.client(&realm(), &client.id).await, "client", b"client-1");
        names(store.clients(&realm()).await, "client", b"client-1");
        names(store.page(&realm(), Kept::Client, None, 10).await, "client", b"client-1");
        assert!(store.client(&realm(), &other).await.expect("reads").is_some());
        assert!(store.user(&realm(), &subject(1)).await.expect("reads").is_some());
    }
    editor.run("UPDATE record SET version = -1 WHERE kind = 'user'").await;
    names(store.user(&realm(), &subject(1)).await, "user", b"subject-1");
    names(store.user_named(&realm(), &server::domain::user::Identifier::of("user1")).await, "user", b"subject-1");
    assert_eq!(store.devices_of(&realm(), &subject(1)).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn a_mark_that_somebody_edited_lets_nothing_happen_twice() {
    let database = Database::new().await;
    let store = database.open().await;
    let marked = || change().mark(a_mark(1), Digest::of(b"value"), at(300));
    commit(&store, marked()).await;
    Bystander::at(&database).await.run("UPDATE mark SET value = '\\x00'").await;
    names(store.mark(&realm(), &a_mark(1)).await, "mark", a_mark(1).name().as_bytes());
    let replayed = store.commit(marked()).await.expect_err("it is refused all the same");
    assert!(replayed.to_string().contains("damaged"), "{replayed}");
}

#[tokio::test]
async fn a_damaged_message_holds_up_no_other_and_is_swept_in_its_time() {
    let database = Database::new().await;
    let store = database.open().await;
    commit(&store, change().create(a_message(1, at(1), at(300))).create(a_message(2, at(2), at(300)))).await;
    let first = hex(a_message(1, at(1), at(300)).id.as_bytes());
    let edit = format!("UPDATE record SET document = '{{}}' WHERE kind = 'message' AND id = '\\x{first}'");
    Bystander::at(&database).await.run(&edit).await;
    for _ in 0..2 {
        let due = store.due(&realm(), at(10), 1).await.expect("reads");
        let due: Vec<_> = due.into_iter().map(|message| message.record.id).collect();
        // The first look finds the damaged one in the only place there is, and puts it aside.
        assert!(due.is_empty() || due == [a_message(2, at(2), at(300)).id], "{due:?}");
    }
    assert_eq!(store.due(&realm(), at(10), 1).await.expect("reads").len(), 1);
    assert_eq!(store.sweep(&realm(), at(300), 10).await, Ok(2));
}

#[tokio::test]
async fn a_damaged_request_stays_behind_when_the_others_are_swept() {
    let database = Database::new().await;
    let store = database.open().await;
    for number in [1, 2] {
        let asked = a_request(number, &[(number, number)], at(300));
        commit(&store, change().create(asked).create(a_prompt(number, number, number))).await;
    }
    let mut editor = Bystander::at(&database).await;
    let first = hex(request_key(1).digest().as_bytes());
    editor.run(&format!("UPDATE record SET document = '{{}}' WHERE kind = 'request' AND id = '\\x{first}'")).await;
    assert_eq!(store.sweep(&realm(), at(300), 10).await, Ok(1));
    assert_eq!(store.sweep(&realm(), at(300), 10).await, Ok(0));
    names(store.request(&realm(), &request_key(1)).await, "request", request_key(1).digest().as_bytes());
    assert_eq!(store.request(&realm(), &request_key(2)).await, Ok(None));
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused_and_left_as_it_is() {
    let database = Database::new().await;
    drop(database.open().await);
    let mut editor = Bystander::at(&database).await;
    editor.run("UPDATE format SET number = 2").await;
    let refused = refusal(&database).await;
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }), "{refused}");
    let looked = PostgresStore::open_existing(&database.options()).await.err();
    assert!(matches!(looked, Some(OpenError::Newer { found: 2, known: 1 })));
    assert_eq!(editor.number("SELECT number::bigint FROM format").await, 2);
}

#[tokio::test]
async fn what_a_later_version_only_added_does_no_harm() {
    let database = Database::new().await;
    commit(&database.open().await, change().create(a_client(1))).await;
    let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9999, 'an index', true, '\\x00', 0); ALTER TABLE record ADD COLUMN note text";
    Bystander::at(&database).await.run(later).await;
    let store = database.open().await;
    assert!(store.client(&realm(), &a_client(1).id).await.expect("reads").is_some());
    commit(&store, change().replace(1, a_client(1))).await;
}

#[tokio::test]
async fn a_migration_that_was_changed_or_did_not_end_is_refused() {
    let database = Database::new().await;
    drop(database.open().await);
    let mut editor = Bystander::at(&database).await;
    editor.run("UPDATE _sqlx_migrations SET success = false").await;
    assert!(matches!(refusal(&database).await, OpenError::Migration(_)));
    editor.run("UPDATE _sqlx_migrations SET success = true, checksum = '\\x00'").await;
    assert!(matches!(refusal(&database).await, OpenError::Migration(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_open_an_empty_database_at_once_one_makes_it_and_all_use_it() {
    let database = Database::new().await;
    let opening: Vec<_> = (0..10)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { database.open().await })
        })
        .collect();
    let mut stores = Vec::new();
    for opened in opening {
        stores.push(opened.await.expect("it opens"));
    }
    commit(&stores[0], change().create(a_client(1))).await;
    for store in &stores {
        assert_eq!(store.clients(&realm()).await.expect("reads").len(), 1);
    }
    let mut looker = Bystander::at(&database).await;
    assert_eq!(looker.number("SELECT count(*) FROM _sqlx_migrations").await, 1);
    assert_eq!(looker.number("SELECT count(*) FROM format").await, 1);
}
