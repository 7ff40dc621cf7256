//! What the benchmarks share: a server under test with its users, and how times are counted.
//!
//! `cargo run --release -p benches -- load` runs whole [`flow`]s, `pending` fills a server with requests that nobody answers,
//! `held` with polls that are held, `phones` with phones that wait, and `primitives` times what no flow can do without.
//! `benches/README.md` has the targets, the figures and how they were measured.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use protocol::messages::PushTarget;
use serde_json::Value;
use server::domain::algorithm::Algorithm;
use simulator::client_key::ClientKey;
use tests::process::http::{Connection, Lost};
use tests::process::party::{Operator, Party};
use tests::process::phone::Phone;
use tests::process::{ISSUER, Server, now};

pub mod flow;
pub mod notified;

/// How long one endpoint took, each time.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Times a call.
    pub async fn of<T>(&mut self, call: impl Future<Output = T>) -> T {
        let begun = now();
        let outcome = call.await;
        self.0.push(now().duration_since(begun));
        outcome
    }

    /// Adds a time that was taken elsewhere.
    pub fn note(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Whether nothing was timed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what another worker counted.
    pub fn add(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// The time that this share (in percent) of all calls did not exceed, in milliseconds; 0 if there were none.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut times = self.0.clone();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// One line: how many, and 50, 95 and 99 percent of them.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| self.percentile(percent));
        format!("{name:<34} {:>8} {p50:>9.2} {p95:>9.2} {p99:>9.2}", self.0.len())
    }

    /// What stands above such lines.
    #[must_use]
    pub fn heading() -> String {
        format!("{:<34} {:>8} {:>9} {:>9} {:>9}", "endpoint", "calls", "p50 ms", "p95 ms", "p99 ms")
    }
}

/// Where the server under test is.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its public listener.
    pub public: SocketAddr,
    /// Its admin listener.
    pub admin: SocketAddr,
    /// The operators' bearer token.
    pub token: String,
}

impl Target {
    /// A server that we started.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self { public: server.public, admin: server.admin, token: server.admin_token().to_owned() }
    }

    /// A connection for the operator.
    pub async fn operator(&self) -> Result<Operator, Lost> {
        Ok(Operator::new(Connection::open(self.admin).await?, &self.token))
    }

    /// Registers a client under a name that no other run has used, with further metadata: an object.
    pub async fn client(&self, run: &str, auth: Auth, metadata: &Value) -> Result<Party, Lost> {
        let (mut operator, id) = (self.operator().await?, format!("bench-{run}"));
        match auth {
            Auth::ClientSecretBasic => operator.create_client_with(&id, metadata).await,
            Auth::PrivateKeyJwt => {
                let key = ClientKey::generate(Algorithm::Es256);
                operator.create_client_by_key(&id, key, ISSUER, metadata).await
            }
        }
    }

    /// Creates users, each with a phone, over several connections at once.
    pub async fn users(&self, run: &str, count: usize, workers: usize) -> Result<Vec<User>, Lost> {
        let enrolling: Vec<_> = (0..workers)
            .map(|worker| {
                let (target, run) = (self.clone(), run.to_owned());
                let names = (worker..count).step_by(workers).map(move |number| format!("{run}-{number}"));
                tokio::spawn(async move { target.enrol(names).await })
            })
            .collect();
        let mut users = Vec::with_capacity(count);
        for enrolled in enrolling {
            users.append(&mut enrolled.await.expect("enrolling does not panic")?);
        }
        Ok(users)
    }

    async fn enrol(&self, names: impl Iterator<Item = String>) -> Result<Vec<User>, Lost> {
        let mut operator = self.operator().await?;
        let mut connection = Connection::open(self.public).await?;
        let mut users = Vec::new();
        for name in names {
            operator.create_user(&name).await?;
            let phone = Phone::enrol(&mut operator, &mut connection, &name, PushTarget::None).await?;
            users.push(User { name, phone });
        }
        Ok(users)
    }
}

/// Until the server has nothing left to do: a whole half-second without work.
pub async fn idle(server: &Server) {
    loop {
        let before = server.usage().cpu_seconds;
        tokio::time::sleep(Duration::from_millis(500)).await;
        if server.usage().cpu_seconds - before < 0.05 {
            return;
        }
    }
}

/// How the client authenticates, at every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Auth {
    /// By a secret in the header.
    ClientSecretBasic,
    /// By an assertion, signed anew for every call in ES256.
    PrivateKeyJwt,
}

/// A person with a phone.
pub struct User {
    /// What a relying party calls them.
    pub name: String,
    /// Their phone.
    pub phone: Phone,
}

#[cfg(test)]
mod percentiles {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times = Times((1..=200).map(Duration::from_millis).collect());
        let found = [50, 95, 99, 100].map(|percent| times.percentile(percent).to_string());
        assert_eq!(found, ["100", "190", "198", "200"]);
        assert_eq!(Times::default().percentile(50).to_string(), "0");
    }
}
