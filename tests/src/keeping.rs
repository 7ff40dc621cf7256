//! Where a story's store is kept: the same story must hold on each kind.

use std::path::Path;
use std::sync::Arc;

use server::store::Store;
use server::store::embedded::{EmbeddedStore, Options, Sync};
use tempfile::TempDir;

use crate::postgres::Database;

/// Names the kind of store that all stories are told on: `embedded`, which is the default, or `postgres`.
const KIND: &str = "ASSENT_STORY_STORE";

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the story's directory, every commit synced.
    Embedded,
    /// The same without a sync, and in memory where the system has a place for files there: for tests that make worlds
    /// by the thousand.
    Unsynced,
    /// In a database of the story's own.
    Postgres,
}

impl Kind {
    /// The kind that this run of the tests is for.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "tests are told by their environment which store they are for")]
    pub fn of_this_run() -> Self {
        match std::env::var(KIND).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            Ok("postgres") => Self::Postgres,
            Ok(other) => panic!("{KIND} is {other}: it must be embedded or postgres"),
        }
    }
}

impl Kind {
    /// An empty directory for a story.
    pub(crate) fn directory(self) -> TempDir {
        let in_memory = Path::new("/dev/shm");
        let made = match self {
            Self::Unsynced if in_memory.is_dir() => tempfile::tempdir_in(in_memory),
            Self::Embedded | Self::Unsynced | Self::Postgres => tempfile::tempdir(),
        };
        made.expect("a temporary directory")
    }
}

/// The one place where a story's store is kept.
#[derive(Debug)]
pub(crate) enum Keeping {
    Embedded(Options),
    Postgres(Database),
}

impl Keeping {
    /// An empty one; in this database, if one is given.
    pub(crate) async fn new(kind: Kind, database: Option<Database>) -> Self {
        match (kind, database) {
            (Kind::Embedded, _) => Self::Embedded(Options::default()),
            (Kind::Unsynced, _) => Self::Embedded(Options { sync: Sync::NeverForTesting, ..Options::default() }),
            (Kind::Postgres, Some(database)) => Self::Postgres(database),
            (Kind::Postgres, None) => Self::Postgres(Database::new().await),
        }
    }

    /// Opens the store: empty the first time, then with all that was committed.
    pub(crate) async fn open(&self, directory: &Path) -> Arc<dyn Store> {
        match self {
            Self::Embedded(options) => {
                let store = EmbeddedStore::open(&directory.join("store"), *options);
                Arc::new(store.expect("the store opens"))
            }
            Self::Postgres(database) => Arc::new(database.open().await),
        }
    }

    /// The same place for another process.
    pub(crate) fn shared(&self) -> Self {
        Self::Postgres(self.database().clone())
    }

    pub(crate) fn database(&self) -> &Database {
        match self {
            Self::Embedded(_) => panic!("an embedded store is one process's: tell this story `on(Kind::Postgres)`"),
            Self::Postgres(database) => database,
        }
    }

    /// The same store for use in another runtime: connections belong to the one they were made in.
    pub(crate) async fn elsewhere(&self, open: &Arc<dyn Store>) -> Arc<dyn Store> {
        match self {
            Self::Embedded(_) => Arc::clone(open),
            Self::Postgres(database) => Arc::new(database.open().await),
        }
    }
}
