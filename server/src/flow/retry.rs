//! Read, decide, commit; and when somebody else was faster, read and decide again. At most three times.
//!
//! What is kept of a user's attention and of their answers changes with every request to them and every answer of theirs,
//! and a phone may change what is kept of itself as often as it likes. Who loses a race for that stands in line with the
//! others here that change something of the same user: a crowd is served, it neither spins nor is told to come again. No
//! client that asks without end keeps a user from answering, and no phone that calls without end keeps anybody from ending it.

use tokio::sync::{Mutex, MutexGuard};

use super::Unavailable;
use crate::domain::attention::AttentionKey;
use crate::domain::names::Subject;
use crate::store::CommitError;

const ATTEMPTS: u32 = 3;

/// Attempts of who may stand in line: losing so often, they met a storm on other nodes, too.
pub(super) const ATTEMPTS_IN_LINE: u32 = 16;

/// Where those stand in line who lost a race, by user.
pub(super) struct Lines([Mutex<()>; 64]);

impl Default for Lines {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Lines {
    /// Waits until nobody else in line changes something of this user.
    pub(super) async fn stand(&self, subject: &Subject) -> MutexGuard<'_, ()> {
        let first = AttentionKey::of(subject, None).digest().as_bytes()[0];
        self.0[usize::from(first) % self.0.len()].lock().await
    }
}

/// What one attempt came to.
pub(super) enum Attempt<T> {
    /// It is decided, and committed where there was something to commit.
    Done(T),
    /// The commit was refused.
    Lost(CommitError),
}

/// Runs `attempt` until it is done. A conflict starts it again; any other refusal of the store ends it.
pub(super) async fn until_decided<T, E, F>(attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<Attempt<T>, E>>,
    E: From<Unavailable>,
{
    decided(ATTEMPTS, None, attempt).await
}

/// The same where a crowd may be changing what is kept of one user: in line after the first loss.
pub(super) async fn until_decided_of<T, E, F>(
    lines: &Lines,
    subject: &Subject,
    attempt: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Attempt<T>, E>>,
    E: From<Unavailable>,
{
    decided(ATTEMPTS_IN_LINE, Some((lines, subject)), attempt).await
}

async fn decided<T, E, F>(
    attempts: u32,
    line: Option<(&Lines, &Subject)>,
    mut attempt: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Attempt<T>, E>>,
    E: From<Unavailable>,
{
    let mut turn = None;
    for _ in 0..attempts {
        match attempt().await? {
            Attempt::Done(outcome) => return Ok(outcome),
            Attempt::Lost(CommitError::Conflict) => {}
            Attempt::Lost(error) => return Err(Unavailable::from(error).into()),
        }
        if let (None, Some((lines, subject))) = (&turn, line) {
            turn = Some(lines.stand(subject).await);
        }
    }
    Err(Unavailable::Contended.into())
}

impl<T> Attempt<T> {
    /// The outcome, if the commit went through.
    pub(super) fn after(commit: Result<(), CommitError>, outcome: T) -> Self {
        match commit {
            Ok(()) => Self::Done(outcome),
            Err(error) => Self::Lost(error),
        }
    }
}
