//! The directory: whose it is, how sled is opened on it, and how its creation becomes durable.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::header;
use super::keys;
use super::{OpenError, Options, Sync};

/// Present once the store's header is durable. A store that lost its header is thereby told from one that never had it.
const MARKER: &str = "assent-store";

/// sled reads and writes its log by segments of this size, and moves a page larger than a quarter of one into a file of
/// its own, which it never syncs. Two MiB keep every page that our values can make below that.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

const LOCK_ATTEMPTS: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

impl OpenError {
    pub(super) fn of(error: sled::Error) -> Self {
        match error {
            // sled has no error of its own for a lock that is taken.
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => Self::InUse,
            sled::Error::Io(error) => Self::Io(error.to_string()),
            sled::Error::Corruption { .. } => Self::Damaged("a page does not match its checksum".to_owned()),
            sled::Error::Unsupported(_) => Self::Foreign,
            error => Self::Damaged(error.to_string()),
        }
    }

    fn io(error: &io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// Opens sled on the directory, which is created if need be.
pub(super) fn open(dir: &Path, options: Options) -> Result<sled::Db, OpenError> {
    fs::create_dir_all(dir).map_err(|error| OpenError::io(&error))?;
    let mut entries = fs::read_dir(dir).map_err(|error| OpenError::io(&error))?;
    let has_store = dir.join(MARKER).exists() || (dir.join("conf").exists() && dir.join("db").exists());
    if entries.next().is_some() && !has_store {
        return Err(OpenError::Foreign);
    }
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(options.cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .mode(sled::Mode::HighThroughput)
        // The committer flushes, nobody else.
        .flush_every_ms(None)
        .use_compression(false)
        .print_profile_on_drop(false);
    open_when_free(&config)
}

/// A store that this very process has just dropped is still locked for as long as sled's own threads need to let go of
/// it, which nobody can wait for. Another process keeps its lock for longer than this.
fn open_when_free(config: &sled::Config) -> Result<sled::Db, OpenError> {
    for _ in 0..LOCK_ATTEMPTS {
        match config.open().map_err(OpenError::of) {
            Err(OpenError::InUse) => thread::sleep(LOCK_PAUSE),
            outcome => return outcome,
        }
    }
    Err(OpenError::InUse)
}

/// Checks the header, writes it into a new store, and syncs everything found: after a crash of the process alone, sled
/// reads back what never reached the platter. Returns sled's `db` file and the number of the last commit group.
pub(super) fn make_durable(dir: &Path, db: &sled::Db, sync: Sync) -> Result<(File, u64), OpenError> {
    let is_new = !dir.join(MARKER).exists();
    let last_group = match header::verify(db)? {
        Some(group) => group,
        None if is_new && db.is_empty() => create(db)?,
        None if is_new => return Err(OpenError::Foreign),
        None => return Err(OpenError::Damaged("its header is missing".to_owned())),
    };
    let file = File::open(dir.join("db")).map_err(|error| OpenError::io(&error))?;
    if sync == Sync::EveryCommit {
        file.sync_data().map_err(|error| OpenError::io(&error))?;
    }
    if is_new {
        mark(dir).map_err(|error| OpenError::io(&error))?;
    }
    Ok((file, last_group))
}

fn create(db: &sled::Db) -> Result<u64, OpenError> {
    db.insert(keys::header(), header::describe(0, &std::collections::HashMap::new())).map_err(OpenError::of)?;
    db.flush().map_err(OpenError::of)?;
    Ok(0)
}

/// sled syncs neither its settings file nor the directory it creates.
fn mark(dir: &Path) -> io::Result<()> {
    File::open(dir.join("conf"))?.sync_all()?;
    let marker = dir.join(MARKER);
    fs::write(&marker, "An embedded store of Assent. Every file here belongs to it; copy all of them or none.\n")?;
    File::open(marker)?.sync_all()?;
    File::open(dir)?.sync_all()?;
    match dir.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
