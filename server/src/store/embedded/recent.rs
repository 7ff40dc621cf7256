//! The tree, and in front of it the values of records that were read or written lately: one flow reads the same few
//! records five times, and each descent through sled's pages costs as much as hashing a kilobyte. What was made of a value
//! by its first reader is kept beside it: parsing costs more than the descent.
//!
//! The committer is the only writer. It raises `epoch` to an odd number before a batch becomes visible and to the next even
//! one after this memory has followed. A reader that found a value in the tree keeps it here only if no batch began
//! since it looked, judged under the same lock that the committer needs: an old value never stays behind a new one.
//! While a batch is being applied, one look may find the new value in the tree and the next the old one here. Nobody
//! outside sees that: a value is shown only when its group is durable, and that is after.

use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lru::LruCache;
use sled::{Batch, IVec, Tree};

use super::group::Step;
use super::keys::{self, Kind};

/// Locks, so that readers seldom meet.
const SHARDS: usize = 16;

/// Values kept behind each of them: 16,384 in all, about 20 MiB of requests and prompts, and as much again once they were
/// all parsed.
const KEPT: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");

/// Larger values are left to sled.
const LARGEST: usize = 4096;

/// The tree and what is remembered of it.
pub(super) struct Recent {
    tree: Tree,
    epoch: AtomicU64,
    shards: [Mutex<LruCache<IVec, Arc<Kept>>>; SHARDS],
}

/// A value, and what was made of it.
struct Kept {
    value: IVec,
    parsed: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Kept {
    fn new(value: IVec) -> Arc<Self> {
        Arc::new(Self { value, parsed: OnceLock::new() })
    }
}

impl Recent {
    pub(super) fn over(tree: Tree) -> Self {
        Self { tree, epoch: AtomicU64::new(0), shards: std::array::from_fn(|_| Mutex::new(LruCache::new(KEPT))) }
    }

    /// The tree itself, for scans.
    pub(super) const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &[u8]) -> sled::Result<Option<IVec>> {
        Ok(self.kept(key)?.map(|kept| kept.value.clone()))
    }

    /// What `parse` makes of the value under a key, or made of it before. Every key must be asked for one type only: of
    /// another one nothing would be remembered.
    pub(super) fn parsed<T, E>(&self, key: &[u8], parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Result<Option<T>, E>
    where
        T: Clone + Send + Sync + 'static,
        E: From<sled::Error>,
    {
        let Some(kept) = self.kept(key)? else { return Ok(None) };
        if let Some(parsed) = kept.parsed.get().and_then(|parsed| parsed.downcast_ref::<T>()) {
            return Ok(Some(parsed.clone()));
        }
        let parsed = parse(&kept.value)?;
        if is_read_soon(key) {
            // Another reader may have been faster; of the same value both made the same.
            let _ = kept.parsed.set(Box::new(parsed.clone()));
        }
        Ok(Some(parsed))
    }

    fn kept(&self, key: &[u8]) -> sled::Result<Option<Arc<Kept>>> {
        if let Some(kept) = self.shard(key).get(key) {
            return Ok(Some(Arc::clone(kept)));
        }
        let before = self.epoch.load(Ordering::SeqCst);
        let Some(value) = self.tree.get(key)? else { return Ok(None) };
        let kept = Kept::new(value);
        if before.is_multiple_of(2) && kept.value.len() <= LARGEST {
            let mut shard = self.shard(key);
            if self.epoch.load(Ordering::SeqCst) == before {
                shard.put(key.into(), Arc::clone(&kept));
            }
        }
        Ok(Some(kept))
    }

    /// Applies a batch, whose steps are these, to the tree and to what is remembered.
    pub(super) fn apply(&self, batch: Batch, steps: Vec<Step>) -> sled::Result<()> {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let applied = self.tree.apply_batch(batch);
        for (key, value) in steps {
            let mut shard = self.shard(&key);
            match value {
                Some(value) if value.len() <= LARGEST && (is_read_soon(&key) || shard.contains(&key)) => {
                    shard.put(key, Kept::new(value));
                }
                _ => {
                    shard.pop(&key);
                }
            }
        }
        self.epoch.fetch_add(1, Ordering::SeqCst);
        applied
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, LruCache<IVec, Arc<Kept>>> {
        let shard = crc32fast::hash(key) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is written is mostly not read again; these are, and within seconds.
fn is_read_soon(key: &[u8]) -> bool {
    matches!(keys::kind(key), Some(Kind::Request | Kind::Prompt | Kind::Device | Kind::User | Kind::Client))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(key: &[u8], value: Option<&[u8]>) -> (Batch, Vec<Step>) {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
        (batch, vec![(key.into(), value.map(IVec::from))])
    }

    fn recent() -> (tempfile::TempDir, Recent) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = sled::open(dir.path()).expect("the directory is empty");
        (dir, Recent::over((*db).clone()))
    }

    #[test]
    fn what_was_written_or_removed_is_seen_at_once() {
        let (_dir, recent) = recent();
        for key in [&b"main\0Q\0request"[..], b"main\0i\0alice"] {
            assert_eq!(recent.get(key).expect("sled reads"), None);
            for value in [Some(&b"one"[..]), Some(b"two"), None, Some(b"three")] {
                let (batch, steps) = step(key, value);
                recent.apply(batch, steps).expect("sled writes");
                for _ in 0..2 {
                    assert_eq!(recent.get(key).expect("sled reads").as_deref(), value);
                }
            }
        }
    }

    #[test]
    fn a_large_value_takes_the_place_of_a_remembered_one() {
        let (_dir, recent) = recent();
        let (key, large) = (b"main\0Q\0request", vec![1; LARGEST + 1]);
        for value in [&b"small"[..], &large] {
            let (batch, steps) = step(key, Some(value));
            recent.apply(batch, steps).expect("sled writes");
            assert_eq!(recent.get(key).expect("sled reads").as_deref(), Some(value));
        }
    }

    #[test]
    fn a_value_is_parsed_once_until_it_is_replaced() {
        let (_dir, recent) = recent();
        let key = b"main\0Q\0request";
        let times = AtomicU64::new(0);
        let read = || {
            recent.parsed(key, |value| {
                times.fetch_add(1, Ordering::SeqCst);
                Ok::<_, sled::Error>(value.to_vec())
            })
        };
        for (value, so_far) in [(b"old", 1), (b"new", 2)] {
            let (batch, steps) = step(key, Some(value));
            recent.apply(batch, steps).expect("sled writes");
            for _ in 0..2 {
                assert_eq!(read().expect("sled reads").as_deref(), Some(&value[..]));
            }
            assert_eq!(times.load(Ordering::SeqCst), so_far);
        }
    }

    #[test]
    fn what_cannot_be_parsed_is_tried_again() {
        let (_dir, recent) = recent();
        let key = b"main\0Q\0request";
        let (batch, steps) = step(key, Some(b"value"));
        recent.apply(batch, steps).expect("sled writes");
        let failed = recent.parsed(key, |_| Err::<u8, _>(sled::Error::Unsupported("not now".to_owned())));
        assert!(failed.is_err());
        assert_eq!(recent.parsed(key, |_| Ok::<_, sled::Error>(7)).expect("sled reads"), Some(7));
    }

    #[test]
    fn a_value_that_was_replaced_never_comes_back() {
        let (_dir, recent) = recent();
        let (key, replaced) = (b"main\0T\0ticket", AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while replaced.load(Ordering::SeqCst) < 2_000 {
                        let at_least = replaced.load(Ordering::SeqCst);
                        let value = recent.get(key).expect("sled reads");
                        let seen = value
                            .map_or(0, |value| u64::from_be_bytes(value.as_ref().try_into().expect("eight bytes")));
                        assert!(seen >= at_least, "{seen} after {at_least}");
                    }
                });
            }
            for n in 1..=2_000_u64 {
                let (batch, steps) = step(key, Some(&n.to_be_bytes()));
                recent.apply(batch, steps).expect("sled writes");
                replaced.store(n, Ordering::SeqCst);
            }
        });
    }
}
