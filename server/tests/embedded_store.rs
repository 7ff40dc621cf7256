//! The embedded store keeps the contract of every store.

use std::sync::Arc;

use async_trait::async_trait;
use server::store::Store;
use server::store::contract::Ground;
use server::store::embedded::{EmbeddedStore, Options, Sync};
use server::store_contract;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }
}

#[async_trait]
impl Ground for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        let options = Options { sync: Sync::NeverForTesting, cache_bytes: 1 << 20 };
        Arc::new(EmbeddedStore::open(self.0.path(), options).expect("the store opens"))
    }
}

store_contract!(Directory::new());

/// A disk that lost pages of what it was given, as after a power failure without a sync.
mod lost_pages {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use server::domain::names::RealmId;
    use server::store::contract::samples::{a_user, subject};
    use server::store::embedded::OpenError;
    use server::store::{Change, Store as _};

    use super::{EmbeddedStore, Options, Sync};

    const PAGE: usize = 4096;
    const USERS: u64 = 4_000;

    fn open(dir: &Path) -> Result<EmbeddedStore, OpenError> {
        EmbeddedStore::open(dir, Options { sync: Sync::NeverForTesting, cache_bytes: 1 << 20 })
    }

    async fn fill(dir: &Path, realm: &RealmId) {
        let store = open(dir).expect("a new store");
        for first in (0..USERS).step_by(40) {
            let users = (first..first + 40).map(a_user);
            store.commit(users.fold(Change::in_realm(realm), Change::create)).await.expect("committed");
        }
        store.close().await;
    }

    /// Some runs of pages of zeros, other ones each time.
    fn lose(database: &mut [u8], time: u64) {
        let (mut state, pages) = (time, database.len() / PAGE);
        let mut next = |below: usize| {
            // Knuth's MMIX generator; its upper bits are good enough.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        for _ in 0..3 {
            let from = next(pages);
            let to = (from + 1 + next(200)).min(pages);
            database[from * PAGE..to * PAGE].fill(0);
        }
    }

    #[tokio::test]
    async fn a_store_that_lost_pages_says_that_it_is_damaged_and_ends_no_process() {
        let (whole, left) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let realm = RealmId::new("main");
        fill(whole.path(), &realm).await;
        let database = fs::read(whole.path().join("db")).expect("sled's log");
        let mut told = BTreeMap::<&str, usize>::new();
        for time in 0..40 {
            let dir = left.path().join(time.to_string());
            fs::create_dir(&dir).expect("a directory");
            for file in ["conf", "assent-store"] {
                fs::copy(whole.path().join(file), dir.join(file)).expect("copied");
            }
            let mut damaged = database.clone();
            lose(&mut damaged, time);
            fs::write(dir.join("db"), damaged).expect("written");
            let word = match open(&dir) {
                Ok(store) => {
                    for number in (0..USERS).step_by(100) {
                        let _whether_it_is_there = store.user(&realm, &subject(number)).await;
                    }
                    "opens"
                }
                Err(OpenError::Damaged(_)) => "damaged",
                Err(other) => panic!("{time}: {other}"),
            };
            *told.entry(word).or_default() += 1;
        }
        assert!(told["damaged"] > 20, "{told:?}");
    }
}
