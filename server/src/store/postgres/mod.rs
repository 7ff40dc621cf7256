//! The shared store: several processes on one PostgreSQL. See decision 0011.
//!
//! A commit is one statement ([`commit`]), and so is a look-up ([`read`]): no lock outlives a round trip. A connection
//! whose answer did not come, or came broken, is closed and never used again ([`connections`]). What one process
//! commits may wake those that wait in another ([`hints`]); nothing relies on that. Nothing of sqlx is visible outside this
//! folder.

mod commit;
mod connections;
mod draft;
mod failure;
mod hints;
mod open;
mod pages;
mod read;
mod row;
mod sweep;

use std::time::Duration;

use tokio::sync::broadcast;

use self::connections::Connections;
use self::hints::Hints;
use super::{Heard, StoreError};
use crate::domain::secret::Secret;

pub use open::{OpenError, is_private};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// `postgres://user:password@host/database?sslmode=verify-full&sslrootcert=…`
    pub url: Secret,
    /// Connections of this process at most, one of them for hints; at least 3.
    pub connections: u32,
    /// How long a call waits for one of them, and how long the server may take to be reached.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long it may wait for another's lock.
    pub lock_timeout: Duration,
}

impl Options {
    /// Sixteen connections, 5 seconds for one, 10 for a statement, 5 for a lock.
    #[must_use]
    pub const fn at(url: Secret) -> Self {
        Self {
            url,
            connections: 16,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
        }
    }
}

/// A store in a PostgreSQL database, which other processes may be using too.
pub struct PostgresStore {
    connections: Connections,
    hints: Hints,
}

impl PostgresStore {
    /// Opens the store in a database, or creates one there; brings an older one up to date.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        Ok(Self::over(open::open(options).await?))
    }

    /// Opens the store in a database as it is; `None` if there is none.
    pub async fn open_existing(options: &Options) -> Result<Option<Self>, OpenError> {
        Ok(open::open_existing(options).await?.map(Self::over))
    }

    fn over(connections: Connections) -> Self {
        let hints = Hints::exchange(connections.clone());
        Self { connections, hints }
    }

    fn hear(&self) -> broadcast::Receiver<Heard> {
        self.hints.hear()
    }
}

/// Rows that are ordered by time are spread over so many parts of their index.
const BUCKETS: u32 = 8;

/// The part of an id; of the same id always the same.
fn bucket(id: &[u8]) -> i16 {
    i16::try_from(crc32fast::hash(id) % BUCKETS).expect("it is below 8")
}

fn buckets() -> Vec<i16> {
    (0..i16::try_from(BUCKETS).expect("it is 8")).collect()
}

fn damaged(kind: &str) -> StoreError {
    StoreError::Damaged(format!("a {kind} cannot be read"))
}

/// The same of a row with an id, which is told as SQL writes it, so that whoever mends it finds it.
fn damaged_at(kind: &str, id: &[u8]) -> StoreError {
    let id = id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    StoreError::Damaged(format!("a {kind} cannot be read: id = '\\x{id}'"))
}
