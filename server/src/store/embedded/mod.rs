//! The single-machine store: everything in one directory, kept by sled, made durable by ourselves. See decisions 0002
//! and 0004.
//!
//! One thread commits ([`committer`]); it takes whatever is waiting as a group, so that one sync of the disk serves them
//! all. Reads go straight to sled, in the caller's task: nearly all of them find their page in memory within a few
//! microseconds, which handing them to another thread would multiply. What a read finds is held back until the group
//! that wrote it is durable ([`progress`]); a look-up that finds nothing waits for removals alike. Nothing of sled is
//! visible outside this folder.

mod admission;
mod committer;
mod draft;
mod files;
mod group;
mod header;
mod keys;
mod lists;
mod outbox;
mod pages;
mod progress;
mod read;
mod recent;
mod sweep;
mod value;

use std::fs::File;
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use self::committer::{Committer, Job};
use self::outbox::Outbox;
use self::progress::Progress;
use self::recent::Recent;
use super::StoreError;

/// Whether commits are brought to the platter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Always.
    EveryCommit,
    /// Never: a power cut loses acknowledged commits. For the tests which prove that our durability test would notice,
    /// and for those that open hundreds of stores.
    NeverForTesting,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much of the store sled keeps in memory, in bytes.
    pub cache_bytes: u64,
    /// Whether commits are brought to the platter.
    pub sync: Sync,
}

impl Default for Options {
    /// 64 MiB of cache, every commit durable.
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024, sync: Sync::EveryCommit }
    }
}

/// Why a store cannot be opened. The text tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store is in use by another process: stop that one first, or give this one a directory of its own")]
    InUse,
    /// The directory holds something else.
    #[error("the directory holds files that are not a store of Assent: choose an empty directory")]
    Foreign,
    /// Written by a later version.
    #[error("the store has format {found}, and this version knows only formats up to {known}: run a newer version")]
    Newer {
        /// The store's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It is not as it was written.
    #[error("the store is damaged ({0}): restore a back-up, and keep the damaged directory for examination")]
    Damaged(String),
    /// The file system refused.
    #[error("the store cannot be opened: {0}")]
    Io(String),
}

/// A store in one directory. Dropping it, or [`Store::close`](super::Store::close), finishes the commits that are waiting.
pub struct EmbeddedStore {
    db: sled::Db,
    recent: Arc<Recent>,
    outbox: Arc<Outbox>,
    progress: Arc<Progress>,
    running: Mutex<Option<Running>>,
}

struct Running {
    jobs: mpsc::Sender<Job>,
    thread: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Opens the store in `dir`, or creates one there. Blocks while it reads the log.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let opened = panic::catch_unwind(|| {
            let db = files::open(dir, options)?;
            let (file, last_group) = files::make_durable(dir, &db, options.sync)?;
            Self::start(db, file, last_group, options.sync)
        });
        // Over pages that a disk lost sled panics rather than say so. Nothing of what it had begun is used after that.
        opened.unwrap_or_else(|_| Err(OpenError::Damaged("there are gaps in its log".to_owned())))
    }

    fn start(db: sled::Db, file: File, last_group: u64, sync: Sync) -> Result<Self, OpenError> {
        let progress = Arc::new(Progress::new(last_group));
        let outbox = Arc::new(Outbox::load(&db)?);
        let (jobs, waiting) = mpsc::channel(2 * committer::MOST_CHANGES);
        let recent = Arc::new(Recent::over((*db).clone()));
        let shared = recent.clone();
        let committer =
            Committer { recent: shared, file, sync, last_group, outbox: outbox.clone(), progress: progress.clone() };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || committer.run(waiting))
            .map_err(|error| OpenError::Io(error.to_string()))?;
        Ok(Self { db, recent, outbox, progress, running: Mutex::new(Some(Running { jobs, thread })) })
    }

    /// Ends the committer once it has done what waits; `None` if that was asked for before.
    fn take_running(&self) -> Option<Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn jobs(&self) -> Result<mpsc::Sender<Job>, StoreError> {
        self.progress.check()?;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|running| running.jobs.clone()).ok_or_else(closed)
    }
}

impl Running {
    /// Blocks until all that is waiting is durable.
    fn finish(self) {
        drop(self.jobs);
        // A panic there has made the store unavailable and was logged.
        let _ = self.thread.join();
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Some(running) = self.take_running() {
            running.finish();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::RealmId;
    use crate::store::contract::samples::{a_user, subject};
    use crate::store::{Change, CommitError, Store};

    #[tokio::test]
    async fn a_failed_sync_ends_the_store_for_everybody_and_for_good() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = Options { cache_bytes: 1 << 20, sync: Sync::EveryCommit };
        let db = files::open(dir.path(), options).expect("the directory is empty");
        // No null device can be synced.
        let file = File::open("/dev/null").expect("every Unix has one");
        let store = EmbeddedStore::start(db, file, 0, Sync::EveryCommit).expect("the store is empty");
        let realm = RealmId::new("main");
        let change = |n| Change::in_realm(&realm).create(a_user(n));

        let (one, other) = tokio::join!(store.commit(change(1)), store.commit(change(1)));
        for outcome in [one, other, store.commit(change(2)).await, store.commit(Change::in_realm(&realm)).await] {
            assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
        }
        let read = store.user(&realm, &subject(1)).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "what is not durable was shown");
        let sweep = store.sweep(&realm, crate::domain::time::Timestamp::from_unix_seconds(0), 1).await;
        assert!(matches!(sweep, Err(StoreError::Unavailable(_))));
    }
}
