//! `assent check-config`: what is wrong with the settings, and where they differ from what is stored.

use std::path::Path;

use super::{AppError, open_store};
use crate::config::{Config, Environment, drift};
use crate::keys::KeyFile;
use crate::store::embedded::OpenError;

/// Checks the settings and every file they name; one line for each remark. A store that does not exist yet is not made.
pub async fn check(path: &Path, environment: &Environment) -> Result<Vec<String>, AppError> {
    let Config { store, key_file, wrapping_key, realms, .. } = Config::load(path, environment)?;
    let keys = KeyFile::open(&key_file, wrapping_key).map_err(AppError::Keys)?;
    if !store.directory.exists() {
        return Ok(Vec::new());
    }
    let opened = match open_store(&store).await {
        Err(AppError::Store(OpenError::InUse)) => {
            return Ok(vec!["the store is in use by a running server: not compared with it".to_owned()]);
        }
        opened => opened?,
    };
    let stored: Vec<_> = opened.realms().await?.into_iter().map(|realm| realm.record).collect();
    if let Some(realm) = stored.iter().find(|realm| !keys.holds(&realm.id)) {
        return Err(AppError::Keys(crate::keys::KeysError::UnknownRealm(realm.id.clone())));
    }
    Ok(drift::between(&realms, &stored))
}
