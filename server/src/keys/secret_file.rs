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
    write_new(path, text).and_then(|_| sync_directory(path)).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists(path.to_owned()),
        _ => failed(path, source),
    })
}

/// Puts a new content in place of the old one. After a crash there is the one or the other.
pub fn replace(path: &Path, text: &str) -> Result<(), KeysError> {
    let beside = beside(path, ".new");
    let replaced = remove_if_there(&beside)
        .and_then(|()| write_new(&beside, text))
        .and_then(|file| keep_owner(path, &file))
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
    options.write(true).mode(OWNER_ONLY);
    let file = match options.clone().create_new(true).open(&beside) {
        Ok(made) => keep_owner(path, &made).map(|()| made),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => found_lock(path, &beside, &options),
        Err(error) => Err(error),
    };
    let locked = file.and_then(|file| file.lock().map(|()| file));
    locked.map(|file| Lock { _file: file }).map_err(|source| failed(&beside, source))
}

fn write_new(path: &Path, text: &str) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
    // The umask may have taken away more than others' rights.
    file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(file)
}

/// Root may change what a server of another user reads: what it made belongs to the owner of `path` then. By its handle, never by its
/// name: that user may put a link to one of root's own files under any name in the directory.
fn keep_owner(path: &Path, made: &File) -> io::Result<()> {
    let owner = match fs::metadata(path) {
        Ok(owner) => owner,
        // The first content of a file: nobody owned one before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if made.metadata()?.uid() != 0 || owner.uid() == 0 {
        return Ok(());
    }
    std::os::unix::fs::fchown(made, Some(owner.uid()), Some(owner.gid()))
}

/// The lock that is there already, and may have been root's own until the directory was given to the server's user. Whose it
/// is only changes if it is what we make as a lock: empty, and no link of either kind to a file elsewhere.
fn found_lock(path: &Path, beside: &Path, options: &OpenOptions) -> io::Result<File> {
    let file = options.open(beside)?;
    let (opened, entry) = (file.metadata()?, fs::symlink_metadata(beside)?);
    let is_the_entry = (opened.dev(), opened.ino()) == (entry.dev(), entry.ino());
    if is_the_entry && opened.is_file() && opened.nlink() == 1 && opened.len() == 0 {
        keep_owner(path, &file)?;
    }
    Ok(file)
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
