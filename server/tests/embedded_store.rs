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
