//! Exclusion by a lock on a file.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::ports::{Lock, LockError};

/// Holds an exclusive lock on a file, which the system takes back when the process dies. Blocks while another process,
/// or another `FileLock` of this one, holds it.
#[derive(Debug)]
pub struct FileLock {
    file: PathBuf,
    held: Mutex<Option<File>>,
}

impl FileLock {
    /// By a file that is made if need be and stays empty.
    #[must_use]
    pub const fn on(file: PathBuf) -> Self {
        Self { file, held: Mutex::new(None) }
    }

    fn lock(&self) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.file)?;
        file.lock()?;
        Ok(file)
    }
}

#[async_trait]
impl Lock for FileLock {
    async fn acquire(&self) -> Result<(), LockError> {
        let file = self.lock().map_err(|error| LockError::Unexpected { detail: error.to_string() })?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// Closing the file gives the lock back.
    fn release(&self) -> Result<(), LockError> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::wait;

    fn is_free(file: &std::path::Path) -> bool {
        OpenOptions::new().write(true).open(file).unwrap().try_lock().is_ok()
    }

    #[test]
    fn a_held_lock_keeps_others_out_until_it_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lock");
        let lock = FileLock::on(file.clone());
        wait(lock.acquire()).unwrap();
        assert!(!is_free(&file));
        lock.release().unwrap();
        assert!(is_free(&file));
        wait(lock.acquire()).unwrap();
        drop(lock);
        assert!(is_free(&file), "what is dropped holds nothing");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error() {
        assert!(wait(FileLock::on("/nowhere/lock".into()).acquire()).is_err());
    }
}
