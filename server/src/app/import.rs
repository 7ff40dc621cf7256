//! `assent import`: an export into an empty store.
//!
//! The file is read twice: once to see that it is whole, and once to write it. Realms come last, so that a store whose
//! import was cut off holds none, and a server refuses to start on it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use protocol::base64url;
use serde::de::DeserializeOwned;

use crate::domain::names::RealmId;
use crate::flow::export::{FORMAT, Header, Item, Line, Trailer};
use crate::store::page::Kept;
use crate::store::{Change, CommitError, Mark, MarkKey, Store, StoreError};

/// No line is longer: a record has at most 16 KiB.
const MOST_LINE_BYTES: u64 = 64 * 1024;

/// Lines written at once.
const MOST_PER_CHANGE: usize = 50;

/// Why nothing, or not all, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no export, or not all of one. Nothing was written.
    #[error("{path}, line {line}: {why}", path = path.display())]
    NotWhole {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// It was written by a later version. Nothing was written.
    #[error("the export has format {0}, and this version knows only format {FORMAT}: run a newer version")]
    Newer(u32),
    /// Nothing is merged. Nothing was written.
    #[error("the store is not empty: imports go into a new store")]
    NotEmpty,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store refused a record; what was written before it stays, without its realm.
    #[error("line {0}: {1}; empty the store before you import again")]
    Refused(u64, CommitError),
}

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The export's first line.
    pub header: Header,
    /// Its lines, but the first and the last.
    pub lines: u64,
}

/// Imports a file into an empty store.
pub async fn import(store: &dyn Store, path: &Path) -> Result<Imported, ImportError> {
    let (header, realms) = examine(path)?;
    if !is_empty(store, &realms).await? {
        return Err(ImportError::NotEmpty);
    }
    let mut lines = Lines::open(path)?;
    let _: Header = lines.next()?;
    let mut batch = Batch { store, change: None, lines: 0 };
    while !lines.at_trailer()? {
        let line: Line = lines.next()?;
        batch.take(line, lines.number).await?;
    }
    batch.write(lines.number).await?;
    Ok(Imported { header, lines: lines.number - 1 })
}

/// Reads all of it: format, hash, count, and every line.
fn examine(path: &Path) -> Result<(Header, BTreeSet<RealmId>), ImportError> {
    let mut lines = Lines::open(path)?;
    let header: Header = lines.next()?;
    if header.assent_export != FORMAT {
        return Err(ImportError::Newer(header.assent_export));
    }
    let mut realms = BTreeSet::new();
    while !lines.at_trailer()? {
        let line: Line = lines.next()?;
        realms.insert(line.realm);
    }
    let (before, hash) = (lines.number, base64url::encode(lines.hash.clone().finish().as_ref()));
    let trailer: Trailer = lines.next()?;
    if trailer.lines != before {
        return Err(lines.wrong("lines are missing, or there are too many"));
    }
    if trailer.sha256 != hash {
        return Err(lines.wrong("the hash of the lines before does not hold: the file was changed"));
    }
    if !lines.at_end()? {
        return Err(lines.wrong("there is more behind the last line"));
    }
    Ok((header, realms))
}

async fn is_empty(store: &dyn Store, realms: &BTreeSet<RealmId>) -> Result<bool, StoreError> {
    if !store.realms().await?.is_empty() {
        return Ok(false);
    }
    for realm in realms {
        for kept in Kept::ALL {
            if !store.page(realm, kept, None, 1).await?.entries.is_empty() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A file line by line, hashed on the way.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    /// Lines read so far.
    number: u64,
    hash: Context,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: BufReader::new(file), number: 0, hash: Context::new(&SHA256) })
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<T, ImportError> {
        let mut text = Vec::new();
        self.number += 1;
        let read = self.file.by_ref().take(MOST_LINE_BYTES).read_until(b'\n', &mut text);
        read.map_err(|source| self.io(source))?;
        if text.last() != Some(&b'\n') {
            return Err(self.wrong("the file ends here, or the line is too long"));
        }
        self.hash.update(&text);
        // The parser's message could quote the record.
        serde_json::from_slice(&text).map_err(|_| self.wrong("this is no line of an export"))
    }

    /// Whether the last line comes next. No other line begins like it.
    fn at_trailer(&mut self) -> Result<bool, ImportError> {
        let next = self.file.fill_buf().map_err(|source| ImportError::Io { path: self.path.clone(), source })?;
        Ok(next.starts_with(br#"{"lines""#) || next.is_empty())
    }

    fn at_end(&mut self) -> Result<bool, ImportError> {
        let next = self.file.fill_buf().map_err(|source| ImportError::Io { path: self.path.clone(), source })?;
        Ok(next.is_empty())
    }

    fn io(&self, source: io::Error) -> ImportError {
        ImportError::Io { path: self.path.clone(), source }
    }

    fn wrong(&self, why: &'static str) -> ImportError {
        ImportError::NotWhole { path: self.path.clone(), line: self.number, why }
    }
}

/// Lines of one realm that are written together.
struct Batch<'s> {
    store: &'s dyn Store,
    change: Option<Change>,
    lines: usize,
}

impl Batch<'_> {
    async fn take(&mut self, line: Line, number: u64) -> Result<(), ImportError> {
        if self.lines >= MOST_PER_CHANGE || self.change.as_ref().is_some_and(|change| change.realm != line.realm) {
            self.write(number).await?;
        }
        let change = self.change.take().unwrap_or_else(|| Change::in_realm(&line.realm));
        self.change = Some(with(change, line.item));
        self.lines += 1;
        Ok(())
    }

    async fn write(&mut self, number: u64) -> Result<(), ImportError> {
        self.lines = 0;
        let Some(change) = self.change.take() else { return Ok(()) };
        self.store.commit(change).await.map_err(|error| ImportError::Refused(number, error))
    }
}

fn with(mut change: Change, item: Item) -> Change {
    match item {
        Item::Record(record) => return change.create(record),
        Item::Mark { name, value, expires_at } => {
            change.marks.push(Mark { key: MarkKey::Kept(name), value, expires_at });
        }
        Item::Event { event, keep_until } => change.events.push((event, keep_until)),
    }
    change
}
