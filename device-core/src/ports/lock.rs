//! Exclusion between the processes of one app.

use async_trait::async_trait;

/// One lock that all processes of the app share: app and notification extension keep to the same secure storage, and a
/// document is read, changed and written under it. Without one, the app promises that a single process does so.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait]
pub trait Lock: Send + Sync {
    /// Returns once no other process holds the lock, or [`LockError::Held`] after a few seconds. Where the call itself
    /// is abandoned (its future dropped, its task cancelled), the implementation gives back what it may have got.
    async fn acquire(&self) -> Result<(), LockError>;

    /// Gives the lock back; called once for every `acquire` that succeeded. It must not wait. The system gives back what
    /// a process that died has held.
    fn release(&self) -> Result<(), LockError>;
}

/// Why the lock was not got.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Error))]
pub enum LockError {
    /// Another process has held it for longer than anyone should.
    #[error("another process holds the lock")]
    Held,
    /// The implementation failed in a way it did not foresee.
    #[error("the lock failed: {detail}")]
    Unexpected {
        /// For the log.
        detail: String,
    },
}
