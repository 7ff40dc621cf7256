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
