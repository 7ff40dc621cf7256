//! Documents in memory or as files.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{read_file, replace_file};
use crate::ports::{SecureStore, StoreError};

/// Documents that live as long as this does.
#[derive(Debug, Default)]
pub struct MemoryStore {
    documents: Mutex<HashMap<String, Vec<u8>>>,
}

impl MemoryStore {
    fn documents(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SecureStore for MemoryStore {
    async fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.documents().get(&name).cloned())
    }

    async fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError> {
        self.documents().insert(name, content);
        Ok(())
    }

    async fn delete(&self, name: String) -> Result<(), StoreError> {
        self.documents().remove(&name);
        Ok(())
    }
}

/// Documents as files of one directory, readable by their owner. Blocks while it writes.
#[derive(Debug)]
pub struct FileStore {
    directory: PathBuf,
}

impl FileStore {
    /// Uses a directory that exists.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain {
            return Err(StoreError::Failed { detail: "the name is no file name".into() });
        }
        Ok(self.directory.join(name).with_extension("json"))
    }
}

#[async_trait]
impl SecureStore for FileStore {
    async fn load(&self, name: String) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.path(&name)?).map_err(|error| failed(&error))
    }

    async fn save(&self, name: String, content: Vec<u8>) -> Result<(), StoreError> {
        replace_file(&self.path(&name)?, &content).map_err(|error| failed(&error))
    }

    async fn delete(&self, name: String) -> Result<(), StoreError> {
        match std::fs::remove_file(self.path(&name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }
}

fn failed(error: &io::Error) -> StoreError {
    StoreError::Failed { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::wait;

    #[test]
    fn both_stores_keep_replace_and_delete() {
        let directory = tempfile::tempdir().unwrap();
        let file = FileStore::new(directory.path().to_path_buf());
        let stores: [&dyn SecureStore; 2] = [&MemoryStore::default(), &file];
        for store in stores {
            assert_eq!(wait(store.load("a-1".into())), Ok(None));
            wait(store.save("a-1".into(), b"one".to_vec())).unwrap();
            wait(store.save("a-1".into(), b"two".to_vec())).unwrap();
            assert_eq!(wait(store.load("a-1".into())), Ok(Some(b"two".to_vec())));
            wait(store.delete("a-1".into())).unwrap();
            wait(store.delete("a-1".into())).unwrap();
            assert_eq!(wait(store.load("a-1".into())), Ok(None));
        }
    }

    #[test]
    fn a_name_never_leaves_the_directory() {
        let store = FileStore::new("/nowhere".into());
        for name in ["", "../a", "/etc/passwd", "a.b", "a/b"] {
            let refused = wait(store.save(name.into(), Vec::new()));
            assert_eq!(refused, Err(StoreError::Failed { detail: "the name is no file name".into() }));
        }
    }
}
