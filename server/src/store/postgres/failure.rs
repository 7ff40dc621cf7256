//! What can go wrong between us and the server, and what follows from it.

use std::borrow::Cow;
use std::time::Duration;

use super::super::StoreError;

/// A statement that was not carried out, or of which nobody knows.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or sqlx says so.
    Told(sqlx::Error),
    /// Nothing was heard in time.
    Silent,
}

/// The function `refuse` was called by a commit whose marks were set before.
pub(super) const REPLAYED: &str = "AS001";
/// The same by one whose records have changed.
pub(super) const CONFLICT: &str = "AS002";

/// Times that a statement is tried.
const ATTEMPTS: u32 = 5;

/// Before the second attempt; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(2);

impl Failure {
    /// The SQLSTATE, where the server gave one.
    pub(super) fn state(&self) -> Option<String> {
        match self {
            Self::Told(sqlx::Error::Database(error)) => error.code().map(Cow::into_owned),
            Self::Told(_) | Self::Silent => None,
        }
    }

    /// For the log. What the server says names tables and constraints; its details, which quote rows, are left out.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Silent => "the database does not answer".to_owned(),
            Self::Told(sqlx::Error::Database(error)) => {
                format!("{} (SQLSTATE {})", error.message(), error.code().unwrap_or_default())
            }
            Self::Told(sqlx::Error::PoolTimedOut) => "no connection to the database became free in time".to_owned(),
            Self::Told(sqlx::Error::PoolClosed) => "it is closed".to_owned(),
            Self::Told(error) => error.to_string(),
        }
    }

    /// Whether nothing was done because of what others did at the same time: a serialization failure or a deadlock.
    fn is_transient(&self) -> bool {
        self.state().is_some_and(|state| state == "40001" || state == "40P01")
    }

    /// Whether the connection was at fault, so that one who only reads may ask on another.
    fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Told(error) if !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) && is_fatal(error))
    }
}

/// Whether a connection on which this happened is of no more use. What the server refuses, as opposed to what goes wrong, leaves
/// it as it was.
pub(super) fn is_fatal(error: &sqlx::Error) -> bool {
    match error {
        // 08: connection exception; 57P: the server ends or is not yet ready; 25006: it has become a standby.
        sqlx::Error::Database(error) => {
            error.code().is_none_or(|code| code.starts_with("08") || code.starts_with("57P") || code == "25006")
        }
        sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => false,
        _ => true,
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Told(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.into_text())
    }
}

/// Counts attempts and pauses between them.
pub(super) struct Attempts(u32);

impl Attempts {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// Whether a change may be tried again after this. Only if surely nothing of it was done: after a lost connection nobody
    /// knows.
    pub(super) async fn again(&mut self, failure: &Failure) -> bool {
        failure.is_transient() && self.pause().await
    }

    /// Whether a look-up may be tried again after this.
    pub(super) async fn look_again(&mut self, failure: &Failure) -> bool {
        (failure.is_transient() || failure.is_lost_connection()) && self.pause().await
    }

    /// False when it was the last attempt.
    pub(super) async fn pause(&mut self) -> bool {
        self.0 += 1;
        if self.0 >= ATTEMPTS {
            return false;
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(self.0 - 1)).await;
        true
    }
}
