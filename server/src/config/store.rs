//! `[store]`: where everything is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::Section;
use crate::domain::secret::Secret;
use crate::flow::sweep::Sweep;
use crate::store::embedded::Sync;
use crate::store::postgres;

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// In which store.
    pub kind: StoreKind,
    /// Where revocations are noted beside the store, for the day an old back-up is restored.
    pub journal: PathBuf,
    /// When what is past its time is removed.
    pub sweep: Sweep,
}

/// A store of one kind.
#[derive(Debug, Clone)]
pub enum StoreKind {
    /// In a directory of this machine, for one process.
    Embedded(EmbeddedSettings),
    /// In a PostgreSQL database, which several processes may share.
    Postgres(postgres::Options),
}

/// The embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// A directory of its own.
    pub directory: PathBuf,
    /// Memory for its cache, in MiB.
    pub cache_mib: u32,
    /// No setting of the file: whoever starts the server for a test may change it.
    pub sync: Sync,
}

impl StoreSettings {
    /// Does not bring commits of the embedded store to the disk. For tests.
    pub fn never_sync(&mut self) {
        match &mut self.kind {
            StoreKind::Embedded(embedded) => embedded.sync = Sync::NeverForTesting,
            StoreKind::Postgres(_) => {}
        }
    }
}

const OF_EMBEDDED: [&str; 2] = ["directory", "cache_mib"];
const OF_POSTGRES: [&str; 6] =
    ["url", "url_file", "connections", "acquire_timeout", "statement_timeout", "lock_timeout"];

pub(super) fn store(mut section: Section, base: &Path) -> Option<StoreSettings> {
    let journal = section.text("journal").map(|file| base.join(file));
    let sweep = sweep(&mut section);
    let Some(kind) = section.word("kind") else {
        section.take_all();
        return None;
    };
    let kind = if kind == "postgres" {
        refuse(&mut section, &OF_EMBEDDED, "is for a store of kind \"embedded\", and this one is \"postgres\"");
        postgres(&mut section, base).map(StoreKind::Postgres)
    } else {
        refuse(&mut section, &OF_POSTGRES, "is for a store of kind \"postgres\", and this one is \"embedded\"");
        embedded(&mut section, base).map(StoreKind::Embedded)
    };
    Some(StoreSettings { kind: kind?, journal: journal?, sweep: sweep? })
}

fn sweep(section: &mut Section) -> Option<Sweep> {
    let (interval, rows) = (section.number("sweep_interval"), section.number("sweep_rows"));
    let every = match interval? {
        ..=-1_i64 => None,
        0 => {
            section.complain("sweep_interval", "is 0: say -1 for no sweep at all");
            return None;
        }
        seconds => Some(Duration::from_secs(seconds.unsigned_abs())),
    };
    Some(Sweep { every, rows: rows? })
}

fn refuse(section: &mut Section, names: &[&str], why: &str) {
    for name in names {
        if section.discard(name) {
            section.complain(name, why);
        }
    }
}

fn embedded(section: &mut Section, base: &Path) -> Option<EmbeddedSettings> {
    let directory = section.text("directory");
    let cache_mib = section.number("cache_mib");
    Some(EmbeddedSettings { directory: base.join(directory?), cache_mib: cache_mib?, sync: Sync::EveryCommit })
}

fn postgres(section: &mut Section, base: &Path) -> Option<postgres::Options> {
    let url = url(section, base);
    let connections = section.number("connections");
    let [acquire_timeout, statement_timeout, lock_timeout] =
        ["acquire_timeout", "statement_timeout", "lock_timeout"].map(|name| seconds(section, name));
    Some(postgres::Options {
        url: url?,
        connections: connections?,
        acquire_timeout: acquire_timeout?,
        statement_timeout: statement_timeout?,
        lock_timeout: lock_timeout?,
    })
}

fn seconds(section: &mut Section, name: &str) -> Option<Duration> {
    section.number::<u32>(name).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Never part of a complaint: a password stands in it.
fn url(section: &mut Section, base: &Path) -> Option<Secret> {
    let (name, url) = super::secret(section, base, "url", "url_file")?;
    postgres::is_private(&url).map_err(|error| section.complain(name, error)).ok()?;
    Some(url)
}
