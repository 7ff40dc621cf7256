//! Ports in software, for tests, simulators and desktop tools. Nothing here protects a key from the machine it is on:
//! a phone brings its own ports.

mod clock;
mod extension;
mod lock;
mod store;
mod transport;
mod vault;

pub use clock::SystemClock;
pub use extension::Extension;
pub use lock::FileLock;
pub use store::{FileStore, MemoryStore};
pub use transport::PlainTransport;
pub use vault::SoftwareVault;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Replaces a file as a whole: written beside, synced, then renamed over the old one. Readable by its owner alone.
fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The new name itself must survive a power cut too.
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The file's content, `None` if there is no such file.
fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
