//! Files that hold secrets: nobody but their owner may read or write them, and they are replaced whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::KeysError;

const OWNER_ONLY: u32 = 0o600;
/// Where the service manager puts the secrets that it hands over (systemd: `LoadCredential`), on the path to each.
const CREDENTIALS: &str = "/run/credentials/";
const OWNER_AND_READING_GROUP: u32 = 0o640;

/// Reads a file, unless others than its owner can, too. What a service manager hands over is root's, and lets the service
/// in by an access list, which shows as the rights of the group.
pub fn read(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    read_within(path, widest(path))
}

fn widest(path: &Path) -> u32 {
    if path.starts_with(CREDENTIALS) { OWNER_AND_READING_GROUP } else { OWNER_ONLY }
}

/// Reads a file that its group may read besides its owner, and nobody else.
pub fn read_shared(path: &Path) -> Result<Zeroizing<String>, KeysError> {
    read_within(path, OWNER_AND_READING_GROUP)
}

fn read_within(path: &Path, widest: u32) -> Result<Zeroizing<String>, KeysError> {
    let mut file = File::open(path).map_err(|source| failed(path, source))?;
    // Of the open file, not of the path, which somebody may point elsewhere in between.
    let mode = file.metadata().map_err(|source| failed(path, source))?.permissions().mode() & 0o777;
    if mode & !widest & 0o077 != 0 {
        return Err(KeysError::Exposed(path.display().to_string(), mode, widest));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(|source| failed(path, source))?;
    Ok(text)
}

/// Makes a new file; one that exists is left as it is.
pub fn create(path: &Path, text: &str) -> Result<(), KeysError> {
    write_new(path, text).and_then(|()| sync_directory(path)).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists(path.to_owned()),
        _ => failed(path, source),
    })
}

/// Puts a new content in place of the old one. After a crash there is the one or the other.
pub fn replace(path: &Path, text: &str) -> Result<(), KeysError> {
    let beside = beside(path, ".new");
    let replaced = remove_if_there(&beside)
        .and_then(|()| write_new(&beside, text))
        .and_then(|()| keep_owner(path, &beside))
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| sync_directory(path));
    replaced.map_err(|source| failed(path, source))
}

/// Tells one content of a file from the next, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    length: u64,
    written: (i64, i64),
}

/// The stamp of what stands there now.
pub fn stamp(path: &Path) -> Result<Stamp, KeysError> {
    let metadata = fs::metadata(path).map_err(|source| failed(path, source))?;
    let (file, written) = ((metadata.dev(), metadata.ino()), (metadata.mtime(), metadata.mtime_nsec()));
    Ok(Stamp { file, length: metadata.len(), written })
}

/// Held by whoever changes the file beside which it stands; the system lets go of it when its holder ends, however.
pub struct Lock {
    _file: File,
}

/// Waits until nobody else changes this file.
pub fn lock(path: &Path) -> Result<Lock, KeysError> {
    // Beside it, because the file itself is replaced by another one under the same name.
    let beside = beside(path, ".lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(OWNER_ONLY).open(&beside);
    let file = file.and_then(|file| keep_owner(path, &beside).map(|()| file));
    let locked = file.and_then(|file| file.lock().map(|()| file));
    locked.map(|file| Lock { _file: file }).map_err(|source| failed(&beside, source))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    // The umask may have taken away more than others' rights.
    file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Root may change what a server of another user reads: what it makes belongs to the owner of `path` then.
fn keep_owner(path: &Path, made: &Path) -> io::Result<()> {
    let owner = match fs::metadata(path) {
        Ok(owner) => owner,
        // The first content of a file: nobody owned one before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let made_by = fs::metadata(made)?;
    if made_by.uid() != 0 || owner.uid() == 0 {
        return Ok(());
    }
    std::os::unix::fs::chown(made, Some(owner.uid()), Some(owner.gid()))
}

/// What an earlier attempt left behind when it was interrupted.
fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A rename is durable only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path, source: io::Error) -> KeysError {
    KeysError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// The demo writes its clients' secrets so at its first start.
    #[test]
    fn a_file_that_is_not_there_yet_is_put_there_and_then_replaced() {
        let home = TempDir::new().expect("a directory");
        let path = home.path().join("secrets.json");
        for text in ["first", "second"] {
            replace(&path, text).expect("it is written");
            assert_eq!(read(&path).expect("it is read").as_str(), text);
        }
    }

    #[test]
    fn only_what_a_service_manager_hands_over_may_be_a_groups() {
        assert_eq!(widest(Path::new("/run/credentials/assent.service/admin.token")), 0o640);
        for elsewhere in ["/run/credentials.d/x", "run/credentials/x", "/etc/assent/admin.token", "admin.token"] {
            assert_eq!(widest(Path::new(elsewhere)), 0o600, "{elsewhere}");
        }
    }
}
