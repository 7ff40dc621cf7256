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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_reader_waits_for_the_group_it_has_seen_and_for_no_other() {
        let progress = Progress::new(4);
        assert_eq!(poll(pin!(progress.durable(4))), Poll::Ready(Ok(())));
        let mut waiting = pin!(progress.durable(6));
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        progress.synced(5);
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        progress.synced(6);
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn whoever_finds_nothing_waits_for_the_removals_on_their_way() {
        let progress = Progress::new(4);
        assert_eq!(poll(pin!(progress.removals_durable())), Poll::Ready(Ok(())));
        progress.removing(5);
        let mut waiting = pin!(progress.removals_durable());
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        progress.synced(5);
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_failure_wakes_all_who_wait_and_refuses_all_who_come() {
        let progress = Progress::new(4);
        let mut waiting = pin!(progress.durable(5));
        assert_eq!(poll(waiting.as_mut()), Poll::Pending);
        progress.fail("the disk is gone");
        let gone = Err(StoreError::Unavailable("the disk is gone".to_owned()));
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(gone.clone()));
        assert_eq!(poll(pin!(progress.durable(1))), Poll::Ready(gone.clone()));
        progress.fail("something else");
        assert_eq!(progress.check(), gone);
    }
}
