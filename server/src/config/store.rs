//! `[store]`: where everything is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::Section;
use crate::domain::secret::Secret;
use crate::store::embedded::Sync;
use crate::store::postgres;

/// Where everything is kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// In which store.
    pub kind: StoreKind,
    /// Where revocations are noted beside the store, for the day an old back-up is restored.
    pub journal: PathBuf,
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

/// Beside the settings file, unless it says otherwise.
const JOURNAL: &str = "revocations.journal";

const OF_EMBEDDED: [&str; 2] = ["directory", "cache_mib"];
const OF_POSTGRES: [&str; 6] =
    ["url", "url_file", "connections", "acquire_timeout", "statement_timeout", "lock_timeout"];

pub(super) fn store(mut section: Section, base: &Path) -> Option<StoreSettings> {
    let journal = base.join(section.text("journal").unwrap_or_else(|| JOURNAL.to_owned()));
    let kind = match section.text("kind").as_deref() {
        None | Some("embedded") => {
            refuse(&mut section, &OF_POSTGRES, "is for a store of kind \"postgres\", and this one is \"embedded\"");
            embedded(&mut section, base).map(StoreKind::Embedded)
        }
        Some("postgres") => {
            refuse(&mut section, &OF_EMBEDDED, "is for a store of kind \"embedded\", and this one is \"postgres\"");
            postgres(&mut section, base).map(StoreKind::Postgres)
        }
        Some(_) => {
            section.take_all();
            section.complain("kind", "must be \"embedded\" or \"postgres\"");
            None
        }
    };
    Some(StoreSettings { kind: kind?, journal })
}

fn refuse(section: &mut Section, names: &[&str], why: &str) {
    for name in names {
        if section.discard(name) {
            section.complain(name, why);
        }
    }
}

fn embedded(section: &mut Section, base: &Path) -> Option<EmbeddedSettings> {
    let directory = section.required_text("directory");
    let cache_mib = section.integer("cache_mib", 1..=65_536, 64);
    Some(EmbeddedSettings { directory: base.join(directory?), cache_mib: cache_mib?, sync: Sync::EveryCommit })
}

fn postgres(section: &mut Section, base: &Path) -> Option<postgres::Options> {
    let url = url(section, base);
    let defaults = postgres::Options::at(Secret::new(String::new()));
    let connections = section.integer("connections", 3..=1_000, defaults.connections);
    let acquire_timeout = seconds(section, "acquire_timeout", defaults.acquire_timeout);
    let statement_timeout = seconds(section, "statement_timeout", defaults.statement_timeout);
    let lock_timeout = seconds(section, "lock_timeout", defaults.lock_timeout);
    Some(postgres::Options {
        url: url?,
        connections: connections?,
        acquire_timeout: acquire_timeout?,
        statement_timeout: statement_timeout?,
        lock_timeout: lock_timeout?,
    })
}

fn seconds(section: &mut Section, name: &str, default: Duration) -> Option<Duration> {
    let default = u32::try_from(default.as_secs()).expect("defaults are short");
    section.integer(name, 1..=300, default).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Never part of a complaint: a password stands in it.
fn url(section: &mut Section, base: &Path) -> Option<Secret> {
    let (name, url) = super::secret(section, base, "url", "url_file")?;
    postgres::is_private(&url).map_err(|error| section.complain(name, error)).ok()?;
    Some(url)
}
