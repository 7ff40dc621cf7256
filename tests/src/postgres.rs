//! PostgreSQL databases for tests: a schema for each, in the server that `ASSENT_TEST_POSTGRES` names or, if it names none,
//! in one that `tests/postgres` starts for this process and ends with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use server::domain::secret::Secret;
use server::store::postgres::{Options, PostgresStore};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// What a server needs to be for us: its URL, of somebody who may create schemas.
const SERVER: &str = "ASSENT_TEST_POSTGRES";

/// A place for one store.
#[derive(Debug, Clone)]
pub struct Database {
    url: String,
    schema: String,
}

impl Database {
    /// An empty one, nobody else's.
    pub async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server();
        let schema = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let mut connection = connect(server).await;
        let create = format!("CREATE SCHEMA {schema}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.expect("a schema can be created");
        let separator = if server.contains('?') { '&' } else { '?' };
        Self { url: format!("{server}{separator}options=-csearch_path%3D{schema}"), schema }
    }

    /// A database of its own rather than a schema: all connections to it are its store's.
    pub async fn alone() -> Self {
        let Self { schema, .. } = Self::new().await;
        let mut connection = connect(server()).await;
        let create = format!("CREATE DATABASE {schema}");
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut connection).await.expect("a database can be created");
        let (place, options) = server().split_once('?').unwrap_or((server(), ""));
        let (place, _) = place.rsplit_once('/').expect("the URL names a database");
        Self { url: format!("{place}/{schema}?{options}&options=-csearch_path%3Dpublic"), schema: "public".to_owned() }
    }

    /// The same place, for connections with other settings, such as `deadlock_timeout=1s`.
    #[must_use]
    pub fn set(&self, setting: &str) -> Self {
        let (name, value) = setting.split_once('=').expect("a name and a value");
        Self { url: format!("{}&options=-c{name}%3D{value}", self.url), schema: self.schema.clone() }
    }

    /// Its URL: whoever connects by it finds its own tables and no other's.
    #[must_use]
    pub fn url(&self) -> Secret {
        Secret::new(self.url.clone())
    }

    /// How a test opens a store: with few connections, as many tests run at once.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { connections: 6, ..Options::at(self.url()) }
    }

    /// Opens the store in it; also when others have it open.
    pub async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.options()).await.expect("the store opens")
    }

    /// A connection past the store.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url).await
    }

    /// Where its tables are.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the test database answers")
}

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the database is")]
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| std::env::var(SERVER).unwrap_or_else(|_| hold()))
}

/// Starts a server that ends when our end of its standard input is closed, be it by our own end.
fn hold() -> String {
    static HELD: OnceLock<Child> = OnceLock::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres");
    let mut child = Command::new(script)
        .arg("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/postgres can be run");
    let mut url = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut url).expect("tests/postgres prints a line");
    HELD.get_or_init(|| child);
    let url = url.trim().to_owned();
    assert!(!url.is_empty(), "tests/postgres started no server: install PostgreSQL, or set {SERVER} to the URL of one");
    url
}

/// Somebody else at the database, who holds locks.
pub struct Bystander {
    connection: PgConnection,
    pid: i32,
    /// Looks on while the other one waits.
    watch: PgConnection,
}

impl Bystander {
    /// Comes to this database.
    pub async fn at(database: &Database) -> Self {
        let (mut connection, watch) = (database.connect().await, database.connect().await);
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await;
        Self { connection, pid: pid.expect("a backend has a number"), watch }
    }

    /// Does this.
    pub async fn run(&mut self, sql: &str) {
        run(&mut self.connection, sql).await;
    }

    /// Waits until so many connections wait for its locks: their numbers.
    pub async fn is_waited_for(&mut self, count: usize) -> Vec<i32> {
        loop {
            let waiting: Vec<i32> =
                sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))")
                    .bind(self.pid)
                    .fetch_all(&mut self.watch)
                    .await
                    .expect("the server tells");
            if waiting.len() >= count {
                return waiting;
            }
        }
    }

    /// The backends that listen for hints of this database's stores, once there are so many and none of these.
    pub async fn listeners(&mut self, database: &Database, count: usize, but: &[i32]) -> Vec<i32> {
        loop {
            let listening: Vec<i32> = sqlx::query_scalar(
                "SELECT pid FROM pg_stat_activity WHERE starts_with(query, $1) AND datname = current_database() AND pid <> ALL($2)",
            )
            .bind(format!("LISTEN \"assent_{}\"", database.schema()))
            .bind(but)
            .fetch_all(&mut self.watch)
            .await
            .expect("the server tells");
            if listening.len() >= count {
                return listening;
            }
        }
    }

    /// Cuts these connections.
    pub async fn cut(&mut self, backends: &[i32]) {
        let cut = sqlx::query("SELECT pg_terminate_backend(pid) FROM UNNEST($1) AS cut(pid)").bind(backends);
        cut.execute(&mut self.watch).await.expect("the server does it");
    }

    /// One number that a query gives.
    pub async fn number(&mut self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.watch).await.expect("a number")
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
