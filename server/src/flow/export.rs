//! Everything a deployment holds, as lines of JSON, from any store to any store: the way to move, and the back-up.
//!
//! ```text
//! {"assent_export":1,"at":1800000000000,"serving":true}        at: milliseconds; serving: commits went on meanwhile
//! {"realm":"main","record":{"kind":"user","record":{…}}}       records, marks and events of every realm,
//! {"realm":"main","record":{"kind":"realm","record":{…}}}      and last the realms themselves
//! {"lines":1234,"sha256":"…"}                                  how many lines stand before, and their hash
//! ```
//!
//! It holds no secret in clear: tokens and secrets are hashes, and what is sealed opens only with the key file, which is
//! not part of it.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use protocol::base64url;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::domain::audit::Event;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::page::{Entry, Kept, MarkName, Position};
use crate::store::{Record, Store, StoreError};

/// The format of this version.
pub const FORMAT: u32 = 1;

/// Records read at once.
const MOST_PER_PAGE: usize = 200;

/// Pages that wait for whoever takes them.
const MOST_WAITING: usize = 4;

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`]
    pub assent_export: u32,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether commits went on meanwhile: such an export is a back-up, to be recovered from.
    pub serving: bool,
}

/// A line in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Of which realm.
    pub realm: RealmId,
    /// What.
    #[serde(flatten)]
    pub item: Item,
}

/// What is in a line.
#[allow(clippy::large_enum_variant, reason = "nearly all items are records")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the members are those of a store's page")]
pub enum Item {
    Record(Record),
    Mark { name: MarkName, value: protocol::Digest, expires_at: Timestamp },
    Event { event: Event, keep_until: Timestamp },
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// Lines before this one.
    pub lines: u64,
    /// Of all their bytes, line ends included; base64url.
    pub sha256: String,
}

/// Some lines, or why there are no more.
pub type Chunk = Result<Vec<u8>, StoreError>;

/// Reads everything in a task of its own. An export that ends without its last line is not whole.
pub fn export(store: Arc<dyn Store>, at: Timestamp, serving: bool) -> mpsc::Receiver<Chunk> {
    let (chunks, taken) = mpsc::channel(MOST_WAITING);
    tokio::spawn(async move {
        let mut writer = Writer { chunks, lines: 0, hash: Context::new(&SHA256) };
        // Whoever took the chunks went away: nobody is left to tell.
        let _ = writer.write_all(&*store, at, serving).await;
    });
    taken
}

struct Writer {
    chunks: mpsc::Sender<Chunk>,
    lines: u64,
    hash: Context,
}

/// Nobody takes the chunks any more, or they were told of a failure.
struct Over;

impl Writer {
    async fn write_all(&mut self, store: &dyn Store, at: Timestamp, serving: bool) -> Result<(), Over> {
        self.send(&[Header { assent_export: FORMAT, at, serving }]).await?;
        let realms = self.read(store.realms()).await?;
        for realm in &realms {
            for kept in Kept::ALL {
                self.write(store, &realm.record.id, kept).await?;
            }
        }
        let lines: Vec<_> = realms
            .into_iter()
            .map(|realm| Line { realm: realm.record.id.clone(), item: Item::Record(Record::Realm(realm.record)) })
            .collect();
        self.send(&lines).await?;
        let sha256 = base64url::encode(self.hash.clone().finish().as_ref());
        let trailer = Trailer { lines: self.lines, sha256 };
        self.send(&[trailer]).await
    }

    async fn write(&mut self, store: &dyn Store, realm: &RealmId, kept: Kept) -> Result<(), Over> {
        let mut position: Option<Position> = None;
        loop {
            let page = self.read(store.page(realm, kept, position.as_ref(), MOST_PER_PAGE)).await?;
            let lines: Vec<_> =
                page.entries.into_iter().map(|entry| Line { realm: realm.clone(), item: entry.into() }).collect();
            self.send(&lines).await?;
            match page.next {
                Some(next) => position = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn read<T>(&self, reading: impl Future<Output = Result<T, StoreError>>) -> Result<T, Over> {
        match reading.await {
            Ok(read) => Ok(read),
            Err(error) => {
                let _ = self.chunks.send(Err(error)).await;
                Err(Over)
            }
        }
    }

    async fn send(&mut self, lines: &[impl Serialize]) -> Result<(), Over> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut chunk = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut chunk, line).expect("lines are plain data and a vector takes every write");
            chunk.push(b'\n');
            self.lines += 1;
        }
        self.hash.update(&chunk);
        self.chunks.send(Ok(chunk)).await.map_err(|_| Over)
    }
}

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Record(found) => Self::Record(found.record),
            Entry::Mark(name, value, expires_at) => Self::Mark { name, value, expires_at },
            Entry::Event(event, keep_until) => Self::Event { event, keep_until },
        }
    }
}
