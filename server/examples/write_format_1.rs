//! Writes the store of format 1 that `tests/format.rs` opens, anew. Only before the first release, or as the pattern for
//! writing a new format beside it: `cargo run -p server --example write_format_1`.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::Digest;
use server::domain::names::RealmId;
use server::store::contract::samples::{
    a_client, a_device, a_grant, a_mark, a_message, a_prompt, a_realm, a_request, a_ticket, a_user, an_answer,
    an_enrolment, an_event, at,
};
use server::store::embedded::{EmbeddedStore, Options, Sync};
use server::store::{Change, Store as _};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format/1")
}

#[tokio::main]
async fn main() {
    fs::remove_dir_all(committed()).unwrap_or_default();
    let options = Options { cache_bytes: 1 << 20, sync: Sync::EveryCommit };
    let store = EmbeddedStore::open(&committed(), options).expect("the store opens");
    let change = Change::in_realm(&RealmId::new("main"))
        .create(a_realm("main"))
        .create(a_client(1))
        .create(a_user(1))
        .create(a_device(1, 1))
        .create(a_ticket(1, at(300)))
        .create(an_enrolment(1, at(300)))
        .create(a_request(1, &[(1, 1), (1, 2)], at(300)))
        .create(a_prompt(1, 1, 1))
        .create(a_prompt(2, 1, 1))
        .create(a_grant(1, at(300)))
        .create(a_message(1, at(10), at(300)))
        .mark(a_mark(1), Digest::of(b"value"), at(300))
        .event(at(0), an_event(1), 1);
    store.commit(change).await.expect("the change is in order");
    let mut answered = a_prompt(2, 1, 1);
    answered.answer = Some(an_answer());
    let last = Change::in_realm(&RealmId::new("main")).replace(1, answered).event(at(1), an_event(2), 1);
    store.commit(last).await.expect("the change is in order");
    drop(store);
    for entry in fs::read_dir(committed()).expect("it was just written") {
        let path = entry.expect("it was just written").path();
        // Snapshots and the folder for large pages are made again by whoever opens the store.
        if path.is_dir() {
            fs::remove_dir(path).expect("no page is large");
        } else if !["assent-store", "conf", "db"].iter().any(|file| path.ends_with(file)) {
            fs::remove_file(path).expect("it was just written");
        }
    }
}
