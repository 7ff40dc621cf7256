//! Read, decide, commit; and when somebody else was faster, read and decide again. At most three times.

use super::Unavailable;
use crate::store::CommitError;

const ATTEMPTS: u32 = 3;

/// What one attempt came to.
pub(super) enum Attempt<T> {
    /// It is decided, and committed where there was something to commit.
    Done(T),
    /// The commit was refused.
    Lost(CommitError),
}

/// Runs `attempt` until it is done. A conflict starts it again; any other refusal of the store ends it.
pub(super) async fn until_decided<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<Attempt<T>, E>>,
    E: From<Unavailable>,
{
    for _ in 0..ATTEMPTS {
        match attempt().await? {
            Attempt::Done(outcome) => return Ok(outcome),
            Attempt::Lost(CommitError::Conflict) => {}
            Attempt::Lost(error) => return Err(Unavailable::from(error).into()),
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
