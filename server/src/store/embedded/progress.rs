//! How far the disk has got, and whether it failed. Readers wait here for what they have seen to become durable.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::store::StoreError;

/// Shared by the committer and all readers.
pub(super) struct Progress {
    /// The last durable commit group; a copy of what `announced` holds, read without a lock.
    synced: AtomicU64,
    announced: watch::Sender<u64>,
    /// The last commit group that removed anything.
    removed: AtomicU64,
    broken: OnceLock<String>,
}

impl Progress {
    pub(super) fn new(synced: u64) -> Self {
        Self {
            synced: AtomicU64::new(synced),
            announced: watch::Sender::new(synced),
            removed: AtomicU64::new(0),
            broken: OnceLock::new(),
        }
    }

    /// Before a group that removes something becomes visible.
    pub(super) fn removing(&self, group: u64) {
        self.removed.store(group, Ordering::Release);
    }

    /// A group is on the platter.
    pub(super) fn synced(&self, group: u64) {
        self.synced.store(group, Ordering::Release);
        self.announced.send_replace(group);
    }

    /// A write or a sync failed. What the kernel did with the pages is unknown from here on, and a second sync that
    /// succeeds would prove nothing, so there is none: the store is of no more use until it is opened again.
    pub(super) fn fail(&self, why: &str) {
        if self.broken.set(why.to_owned()).is_ok() {
            tracing::error!(why, "the store has failed and takes no more work");
        }
        self.announced.send_modify(|_| ());
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.broken.get() {
            Some(why) => Err(StoreError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }

    /// Returns when a group is durable; at once, without a lock, when it is already.
    pub(super) async fn durable(&self, group: u64) -> Result<(), StoreError> {
        if group > self.synced.load(Ordering::Acquire) {
            let mut announced = self.announced.subscribe();
            let arrived = announced.wait_for(|synced| *synced >= group || self.broken.get().is_some()).await;
            arrived.expect("the sender lives in self");
        }
        self.check()
    }

    /// Returns when nothing that is missing now can come back: every removal made so far is durable.
    pub(super) async fn removals_durable(&self) -> Result<(), StoreError> {
        self.durable(self.removed.load(Ordering::Acquire)).await
    }
}
