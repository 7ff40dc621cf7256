//! Which realms are served: those of the store. The file's are created at the first start that finds them missing.

use tracing::info;

use super::{AppError, recover};
use crate::config::drift;
use crate::domain::audit::What;
use crate::domain::random::Random;
use crate::domain::realm::Realm;
use crate::domain::time::Timestamp;
use crate::keys::KeyFile;
use crate::store::{Change, Store};

/// Creates what is missing, says where file and store differ, and returns all realms: those of the file in its order,
/// then the store's others.
pub(super) async fn settle(
    store: &dyn Store,
    keys: &mut KeyFile,
    file: Vec<Realm>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Vec<Realm>, AppError> {
    let mut stored: Vec<Realm> = store.realms().await?.into_iter().map(|realm| realm.record).collect();
    for realm in &file {
        if stored.iter().any(|stored| stored.id == realm.id) {
            continue;
        }
        if recover::is_torn(store, &realm.id).await? {
            return Err(AppError::Torn(realm.id.clone()));
        }
        // Keys first: a realm without keys could not start, keys without a realm wait for the next start.
        keys.add(realm, now, random).map_err(AppError::Keys)?;
        create(store, realm, now).await?;
        stored.push(realm.clone());
    }
    for line in drift::between(&file, &stored) {
        tracing::warn!("{line}");
    }
    stored.sort_by_key(|realm| file.iter().position(|ours| ours.id == realm.id).unwrap_or(file.len()));
    Ok(stored)
}

async fn create(store: &dyn Store, realm: &Realm, now: Timestamp) -> Result<(), AppError> {
    let change = Change::in_realm(&realm.id).create(realm.clone());
    store.commit(change.event(now, What::RealmCreated, realm.policy.audit_days)).await?;
    info!(realm = %realm.id, issuer = realm.issuer, "realm created");
    Ok(())
}
