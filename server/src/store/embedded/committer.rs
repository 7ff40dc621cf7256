//! The one writer. It takes whatever changes are waiting as a group, writes them as one batch, brings the batch to the
//! platter, and only then tells those who wait. While changes come one by one, each is taken at once; while they come
//! faster than that, it lets a few more gather.

use std::fs::File;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Sync;
use super::draft::Draft;
use super::group::{Group, Sealed, Step};
use super::outbox::Outbox;
use super::progress::Progress;
use super::recent::Recent;
use super::sweep;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::{CommitError, StoreError};

/// A group takes no more changes than this,
pub(super) const MOST_CHANGES: usize = 256;
/// nor goes on after this many bytes. What a group makes sled write then stays below one segment, and sled cannot reuse
/// a segment whose newer copy is still on its way to the platter.
const MOST_BYTES: usize = 512 * 1024;

/// For how long changes gather. Whatever its size, a group costs three visits to the disk and the waking of a dozen threads,
/// more than its changes themselves.
const GATHERING: Duration = Duration::from_millis(1);

/// Work for the committer.
pub(super) enum Job {
    Commit { draft: Draft, done: oneshot::Sender<Result<(), CommitError>> },
    Sweep { realm: RealmId, now: Timestamp, most: usize, done: oneshot::Sender<Result<usize, StoreError>> },
}

pub(super) struct Committer {
    pub(super) recent: Arc<Recent>,
    /// sled's `db` file, opened once more. A sync reaches the file, whichever descriptor asks for it.
    pub(super) file: File,
    pub(super) sync: Sync,
    pub(super) last_group: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) progress: Arc<Progress>,
}

impl Committer {
    /// Works until every sender is gone and the channel is empty.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let _guard = FailOnPanic(self.progress.clone());
        let mut waiting = Vec::with_capacity(MOST_CHANGES);
        let mut crowded = false;
        while jobs.blocking_recv_many(&mut waiting, MOST_CHANGES) > 0 {
            if crowded {
                gather(&mut jobs, &mut waiting);
            }
            // Whoever came while the last group was on its way is not alone: more will come while this one is.
            crowded = waiting.len() > 1;
            let mut drafts = Vec::with_capacity(waiting.len());
            let mut bytes = 0;
            for job in waiting.drain(..) {
                match job {
                    Job::Commit { draft, done } => {
                        bytes += draft.bytes;
                        drafts.push((draft, done));
                        if bytes >= MOST_BYTES {
                            self.commit(drafts.drain(..));
                            bytes = 0;
                        }
                    }
                    Job::Sweep { realm, now, most, done } => {
                        self.commit(drafts.drain(..));
                        bytes = 0;
                        // Nobody left to hear it is no reason not to sweep.
                        let _ = done.send(self.sweep(&realm, now, most));
                    }
                }
            }
            self.commit(drafts.drain(..));
        }
    }

    fn commit(&mut self, drafts: impl Iterator<Item = (Draft, oneshot::Sender<Result<(), CommitError>>)>) {
        if let Err(error) = self.progress.check() {
            drafts.for_each(|(_, done)| drop(done.send(Err(error.clone().into()))));
            return;
        }
        let mut group = Group::new(&self.recent, &self.outbox, self.last_group + 1);
        let verdicts: Vec<_> = drafts.map(|(draft, done)| (group.admit(draft), done)).collect();
        // A refused change looked at what the group holds, so its caller waits for the group too.
        let sealed = group.seal();
        let written = self.write(sealed);
        for (verdict, done) in verdicts {
            let outcome = written.clone().map_err(CommitError::from).and(verdict);
            // A caller that went away has no use for the answer; what was committed stays so.
            let _ = done.send(outcome);
        }
    }

    fn sweep(&mut self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.progress.check()?;
        let mut group = Group::new(&self.recent, &self.outbox, self.last_group + 1);
        let forgotten = sweep::forget(self.recent.tree(), &mut group, realm, now, most)?;
        let sealed = group.seal();
        self.write(sealed)?;
        Ok(forgotten)
    }

    fn write(&mut self, group: Option<Sealed>) -> Result<(), StoreError> {
        let Some(Sealed { batch, steps, removes, moves }) = group else { return Ok(()) };
        let number = self.last_group + 1;
        if removes {
            self.progress.removing(number);
        }
        if let Err(why) = self.bring_to_platter(batch, steps) {
            self.progress.fail(&why);
            return self.progress.check();
        }
        self.last_group = number;
        self.outbox.advance(moves);
        self.progress.synced(number);
        Ok(())
    }

    fn bring_to_platter(&self, batch: sled::Batch, steps: Vec<Step>) -> Result<(), String> {
        self.recent.apply(batch, steps).map_err(|error| error.to_string())?;
        // Writes sled's buffers to the file. On Linux it ends in sync_file_range, which is no promise about the drive's
        // cache or the file's length; hence the second step.
        self.recent.tree().flush().map_err(|error| error.to_string())?;
        match self.sync {
            Sync::EveryCommit => self.file.sync_data().map_err(|error| error.to_string()),
            Sync::NeverForTesting => Ok(()),
        }
    }
}

/// Lets some time pass, and takes those who came meanwhile.
fn gather(jobs: &mut mpsc::Receiver<Job>, waiting: &mut Vec<Job>) {
    thread::sleep(GATHERING);
    while waiting.len() < MOST_CHANGES
        && let Ok(job) = jobs.try_recv()
    {
        waiting.push(job);
    }
}

/// Lets no reader wait for a committer that is no more.
struct FailOnPanic(Arc<Progress>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the committer has stopped");
        }
    }
}
