//! From settings to a pool of connections to a database of our format.

use std::str::FromStr as _;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, query, query_scalar};
use std::time::Duration;
use tracing::warn;

use super::Options;
use super::connections::Connections;
use super::failure::Failure;
use crate::domain::secret::Secret;

/// The format known here. A migration after which an older program would misread something raises it.
const FORMAT: i32 = 1;

/// A connection that was idle for longer is tried before it is used: its server may have gone away.
const DOUBTFUL: Duration = Duration::from_secs(1);

const IDLE: Duration = Duration::from_mins(10);
const LIFE: Duration = Duration::from_mins(30);

/// Why a store cannot be opened. The text tells the operator what to do; it never holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is no such URL, or names a file that cannot be read.
    #[error("must be a URL such as postgres://user:password@host/database?sslmode=verify-full")]
    BadUrl,
    /// The server cannot be reached, or refuses us.
    #[error("the database cannot be used: {0}")]
    Unavailable(String),
    /// Written by a later version.
    #[error("the store has format {found}, and this version knows only formats up to {known}: run a newer version")]
    Newer {
        /// The store's.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// Its tables could not be made, or made newer.
    #[error("the database could not be brought up to date: {0}")]
    Migration(String),
    /// Commits are acknowledged before they are on the disk.
    #[error(
        "synchronous_commit is off for this user: acknowledged changes could be lost; ALTER ROLE … SET synchronous_commit = on"
    )]
    NotDurable,
}

impl OpenError {
    fn of(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(_) => Self::BadUrl,
            error => Self::Unavailable(Failure::from(error).into_text()),
        }
    }
}

/// Whether a URL leads to this machine, or to a server whose certificate is verified. `Err` if it is none.
pub fn is_private(url: &Secret) -> Result<bool, OpenError> {
    let options = parse(url)?;
    let host = options.get_host();
    let is_here = options.get_socket().is_some() || host == "localhost" || host.starts_with('/');
    let is_loopback = host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let is_verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    Ok(is_here || is_loopback || is_verified)
}

fn parse(url: &Secret) -> Result<PgConnectOptions, OpenError> {
    let options = PgConnectOptions::from_str(url.reveal()).map_err(|_| OpenError::BadUrl)?;
    let options = options.application_name("assent");
    // The server can log statements, and slow ones, better than we.
    Ok(options.disable_statement_logging())
}

pub(super) async fn open(options: &Options) -> Result<Connections, OpenError> {
    let server = parse(&options.url)?;
    if !is_private(&options.url)? {
        warn!("nobody verifies the database's certificate: whoever is on the way to it can read and change everything");
    }
    let mut connection = connect(&server, options).await?;
    judge_durability(&mut connection).await?;
    bring_up_to_date(&mut connection).await?;
    judge_format(&mut connection).await?;
    connection.close().await.map_err(OpenError::of)?;
    Ok(connections(server, options))
}

pub(super) async fn open_existing(options: &Options) -> Result<Option<Connections>, OpenError> {
    let server = parse(&options.url)?;
    let mut connection = connect(&server, options).await?;
    let exists = query_scalar!(r#"SELECT to_regclass('format') IS NOT NULL AS "exists!""#).fetch_one(&mut connection);
    if !exists.await.map_err(OpenError::of)? {
        return Ok(None);
    }
    judge_format(&mut connection).await?;
    connection.close().await.map_err(OpenError::of)?;
    Ok(Some(connections(server, options)))
}

/// Without time-outs for statements: who waits for another's migration waits.
async fn connect(server: &PgConnectOptions, options: &Options) -> Result<PgConnection, OpenError> {
    let silent = |_| OpenError::Unavailable("the server does not answer".to_owned());
    tokio::time::timeout(options.acquire_timeout, server.connect()).await.map_err(silent)?.map_err(OpenError::of)
}

fn connections(server: PgConnectOptions, options: &Options) -> Connections {
    let pool = PgPoolOptions::new()
        .max_connections(options.connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(IDLE)
        .max_lifetime(LIFE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > DOUBTFUL {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(server.options([
            ("statement_timeout", options.statement_timeout.as_millis().to_string()),
            ("lock_timeout", options.lock_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", options.statement_timeout.as_millis().to_string()),
        ]));
    Connections::new(pool, options.statement_timeout)
}

/// Forward only, one process at a time.
async fn bring_up_to_date(connection: &mut PgConnection) -> Result<(), OpenError> {
    let mut migrations = sqlx::migrate!("src/store/postgres/migrations");
    // What a newer program has done is judged by the format's number.
    migrations.set_ignore_missing(true);
    migrations.run_direct(None, connection, false).await.map_err(|error| OpenError::Migration(told(error)))
}

async fn judge_format(connection: &mut PgConnection) -> Result<(), OpenError> {
    let found = query_scalar!("SELECT number FROM format").fetch_one(connection).await.map_err(OpenError::of)?;
    if found > FORMAT { Err(OpenError::Newer { found, known: FORMAT }) } else { Ok(()) }
}

fn told(error: MigrateError) -> String {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Failure::from(error).into_text(),
        error => error.to_string(),
    }
}

async fn judge_durability(connection: &mut PgConnection) -> Result<(), OpenError> {
    let settings =
        query!(r#"SELECT current_setting('synchronous_commit') AS "commit!", current_setting('fsync') AS "fsync!""#);
    let settings = settings.fetch_one(connection).await.map_err(OpenError::of)?;
    if settings.fsync == "off" {
        warn!(
            "NOTHING IS DURABLE: the database has fsync off, so acknowledged changes are lost with its machine. For tests only."
        );
    }
    if settings.commit == "off" { Err(OpenError::NotDurable) } else { Ok(()) }
}
