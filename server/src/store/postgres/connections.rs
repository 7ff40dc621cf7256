//! Connections, and when one is still to be trusted.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

use super::failure::{Failure, is_fatal};

/// What the network may add to the time that the server is given for a statement.
const TRANSFER: Duration = Duration::from_secs(5);

/// The pool, and how long its connections are waited for.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) pool: PgPool,
    patience: Duration,
}

/// A connection in use. It goes back to the pool only by [`Held::after`]: one whose caller went away in the middle, or
/// whose answer did not come, is closed, because nobody knows what would come next on it.
pub(super) struct Held {
    connection: Option<PoolConnection<Postgres>>,
    patience: Duration,
}

impl Connections {
    pub(super) fn new(pool: PgPool, statement_timeout: Duration) -> Self {
        Self { pool, patience: statement_timeout + TRANSFER }
    }

    pub(super) async fn hold(&self) -> Result<Held, Failure> {
        let connection = self.pool.acquire().await?;
        Ok(Held { connection: Some(connection), patience: self.patience })
    }
}

impl Held {
    /// How long its server is waited for: a machine that vanished answers nothing, not even that.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// The outcome of the work on it, and back to the pool with it unless the work broke it.
    pub(super) fn after<T>(
        mut self,
        outcome: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Failure> {
        let outcome = outcome.map_err(|_| Failure::Silent)?;
        if !outcome.as_ref().is_err_and(is_fatal) {
            drop(self.connection.take());
        }
        outcome.map_err(Failure::from)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("only `after` takes it, and that consumes")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only `after` takes it, and that consumes")
    }
}

/// Does one thing on a connection of its own, within its time.
macro_rules! on {
    ($connections:expr, |$held:ident| $work:expr) => {{
        let mut $held = $connections.hold().await?;
        let outcome = tokio::time::timeout($held.patience(), $work).await;
        $held.after(outcome)
    }};
}

/// The same for a look-up, asked again where that may help: it changes nothing.
macro_rules! looked_up {
    ($store:expr, |$held:ident| $work:expr) => {{
        let mut attempts = $crate::store::postgres::failure::Attempts::new();
        loop {
            let outcome: Result<_, $crate::store::postgres::failure::Failure> =
                async { $crate::store::postgres::connections::on!($store.connections, |$held| $work) }.await;
            match outcome {
                Ok(found) => break found,
                Err(failure) if attempts.look_again(&failure).await => {}
                Err(failure) => return Err($crate::store::StoreError::from(failure)),
            }
        }
    }};
}

pub(super) use {looked_up, on};
