//! Hints by LISTEN and NOTIFY: an accelerator, and no part of any commit. A NOTIFY takes a lock that makes all commits of
//! the database wait for each other, so hints are handed to a task that says many of them in one short transaction after the
//! commits they come from. What does not fit, or is not heard while a connection is renewed, is lost, and nothing is missed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{query, query_scalar};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tracing::warn;

use super::connections::{Connections, on};
use super::failure::Failure;
use crate::store::{Heard, Hint};

/// Hints waiting to be said, and heard ones waiting to be read.
const MOST_WAITING: usize = 1024;

/// Said in one transaction.
const MOST_AT_ONCE: usize = 64;

/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A hint on its way, with the name of the process that it comes from and that need not hear it.
#[derive(Serialize, Deserialize)]
struct Said<H> {
    by: String,
    hint: H,
}

/// Both directions.
pub(super) struct Hints {
    say: mpsc::Sender<Hint>,
    heard: broadcast::Sender<Heard>,
    exchanging: JoinHandle<()>,
}

impl Hints {
    /// Begins to listen and to speak.
    pub(super) fn exchange(connections: Connections) -> Self {
        let (say, to_say) = mpsc::channel(MOST_WAITING);
        let (heard, _) = broadcast::channel(MOST_WAITING);
        let exchanging = tokio::spawn(exchange(connections, to_say, heard.clone()));
        Self { say, heard, exchanging }
    }

    /// Tells the others, soon.
    pub(super) fn tell(&self, hints: Vec<Hint>) {
        for hint in hints {
            let _ = self.say.try_send(hint);
        }
    }

    pub(super) fn hear(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Gives back the connections.
    pub(super) fn stop(&self) {
        self.exchanging.abort();
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn exchange(connections: Connections, to_say: mpsc::Receiver<Hint>, heard: broadcast::Sender<Heard>) {
    let (channel, us) = loop {
        match introduce(&connections).await {
            Ok(names) => break names,
            Err(failure) => trouble(failure).await,
        }
    };
    tokio::join!(listen(&connections, &channel, &us, &heard), speak(&connections, &channel, &us, to_say));
}

async fn trouble(failure: Failure) {
    let error = crate::store::StoreError::from(failure);
    warn!(%error, "other processes are not woken, or do not wake us: what waits will wait for its next look");
    tokio::time::sleep(PAUSE).await;
}

/// The channel's name, which is this schema's alone, and ours.
async fn introduce(connections: &Connections) -> Result<(String, String), Failure> {
    let look_up = query!(r#"SELECT 'assent_' || current_schema() AS "channel!", gen_random_uuid()::text AS "us!""#);
    let names = on!(connections, |held| look_up.fetch_one(&mut *held))?;
    Ok((names.channel, names.us))
}

async fn listen(connections: &Connections, channel: &str, us: &str, heard: &broadcast::Sender<Heard>) {
    loop {
        let Err(error) = listen_until_it_fails(connections, channel, us, heard).await;
        trouble(Failure::from(error)).await;
    }
}

async fn listen_until_it_fails(
    connections: &Connections,
    channel: &str,
    us: &str,
    heard: &broadcast::Sender<Heard>,
) -> Result<std::convert::Infallible, sqlx::Error> {
    let mut listener = PgListener::connect_with(&connections.pool).await?;
    listener.listen(channel).await?;
    loop {
        // Here, and wherever `try_recv` has found the connection lost and made another one.
        let _ = heard.send(Heard::Gap);
        while let Some(notification) = listener.try_recv().await? {
            pass_on(&notification, us, heard);
        }
    }
}

fn pass_on(notification: &PgNotification, us: &str, heard: &broadcast::Sender<Heard>) {
    // From a later version there may come what we do not know.
    if let Ok(said) = serde_json::from_str::<Said<Hint>>(notification.payload())
        && said.by != us
    {
        let _ = heard.send(Heard::Hint(said.hint));
    }
}

async fn speak(connections: &Connections, channel: &str, us: &str, mut to_say: mpsc::Receiver<Hint>) {
    let mut hints = Vec::new();
    while to_say.recv_many(&mut hints, MOST_AT_ONCE).await > 0 {
        let said = hints.drain(..).map(|hint| serde_json::to_string(&Said { by: us.to_owned(), hint }));
        let said: Vec<String> = said.map(|said| said.expect("a hint is plain data")).collect();
        if let Err(failure) = say(connections, channel, &said).await {
            trouble(failure).await;
        }
    }
}

async fn say(connections: &Connections, channel: &str, said: &[String]) -> Result<(), Failure> {
    let statement = query_scalar!("SELECT count(pg_notify($1, hint)) FROM UNNEST($2::text[]) AS hint", channel, said);
    on!(connections, |held| statement.fetch_one(&mut *held)).map(drop)
}
