//! Which realms are served: those of the store. The file's are created at the first start that finds them missing.
//!
//! Servers that share a store may start at the same moment: one of them creates, the others find. All of them must have
//! the same keys, or each would sign what the others do not publish.

use tracing::info;

use super::{AppError, recover};
use crate::config::drift;
use crate::domain::audit::What;
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::realm::Realm;
use crate::domain::time::Timestamp;
use crate::keys::KeyFile;
use crate::store::{Change, CommitError, Store, Versioned};

/// Creates what is missing, says where file and store differ, and returns all realms: those of the file in its order,
/// then the store's others.
pub(super) async fn settle(
    store: &dyn Store,
    keys: &mut KeyFile,
    file: Vec<Realm>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Vec<Realm>, AppError> {
    for realm in &file {
        if found(store, &realm.id).await?.is_none() {
            create(store, keys, realm, now, random).await?;
        }
    }
    let mut stored: Vec<Realm> = store.realms().await?.into_iter().map(|realm| realm.record).collect();
    for realm in &stored {
        agree(store, keys, &realm.id).await?;
        note_list(store, keys, &realm.id, now).await?;
    }
    for line in drift::between(&file, &stored) {
        tracing::warn!("{line}");
    }
    stored.sort_by_key(|realm| file.iter().position(|ours| ours.id == realm.id).unwrap_or(file.len()));
    Ok(stored)
}

/// Makes this key file the one of its store, whatever the store was begun with. The realms it was not the one of before.
pub(super) async fn adopt(store: &dyn Store, keys: &KeyFile) -> Result<Vec<RealmId>, AppError> {
    let mut adopted = Vec::new();
    for realm in store.realms().await? {
        let ours = keys.fingerprint(&realm.record.id).map_err(AppError::Keys)?;
        if realm.record.keys != Some(ours) {
            let id = realm.record.id.clone();
            let device_list = Some(keys.list_mark(&id).map_err(AppError::Keys)?);
            let replaced = Realm { keys: Some(ours), device_list, ..realm.record };
            store.commit(Change::in_realm(&id).replace(realm.version, replaced)).await?;
            adopted.push(id);
        }
    }
    Ok(adopted)
}

async fn found(store: &dyn Store, id: &RealmId) -> Result<Option<Versioned<Realm>>, AppError> {
    Ok(store.realms().await?.into_iter().find(|realm| realm.record.id == *id))
}

async fn create(
    store: &dyn Store,
    keys: &mut KeyFile,
    realm: &Realm,
    now: Timestamp,
    random: &dyn Random,
) -> Result<(), AppError> {
    if recover::is_torn(store, &realm.id).await? {
        // Or another server created it after we had looked.
        let created = found(store, &realm.id).await?.is_some();
        return if created { Ok(()) } else { Err(AppError::Torn(realm.id.clone())) };
    }
    // Keys first: a realm without keys could not start, keys without a realm wait for the next start.
    keys.add(realm, now, random).map_err(AppError::Keys)?;
    let device_list = Some(keys.list_mark(&realm.id).map_err(AppError::Keys)?);
    let keys = Some(keys.fingerprint(&realm.id).map_err(AppError::Keys)?);
    let change = Change::in_realm(&realm.id).create(Realm { keys, device_list, ..realm.clone() });
    match store.commit(change.event(now, What::RealmCreated, realm.policy.audit_days)).await {
        Ok(()) => info!(realm = %realm.id, issuer = realm.issuer, "realm created"),
        // Another server was faster, and has all that we would have written.
        Err(CommitError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Refuses keys that are not those of the servers before us. A realm of an older version has no fingerprint: whoever
/// starts first gives it one.
async fn agree(store: &dyn Store, keys: &KeyFile, id: &RealmId) -> Result<(), AppError> {
    let ours = keys.fingerprint(id).map_err(AppError::Keys)?;
    loop {
        let Some(Versioned { version, record }) = found(store, id).await? else { return Ok(()) };
        match record.keys {
            Some(theirs) if theirs == ours => return Ok(()),
            Some(_) => return Err(AppError::OtherKeys(id.clone())),
            None => {}
        }
        let marked = Realm { keys: Some(ours), ..record };
        match store.commit(Change::in_realm(id).replace(version, marked)).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Remembers the list of device signing keys that is served, so that no server ever goes back behind it: a key file from a
/// back-up is refused, whose list phones would refuse.
pub(super) async fn note_list(store: &dyn Store, keys: &KeyFile, id: &RealmId, now: Timestamp) -> Result<(), AppError> {
    let ours = keys.list_mark(id).map_err(AppError::Keys)?;
    loop {
        let Some(Versioned { version, record }) = found(store, id).await? else { return Ok(()) };
        match record.device_list {
            Some(seen) if seen == ours => return Ok(()),
            Some(seen) if !ours.follows(seen) => {
                return Err(AppError::OldList { realm: id.clone(), ours: ours.sequence, seen: seen.sequence });
            }
            Some(_) | None => {}
        }
        let (days, what) = (record.policy.audit_days, What::DeviceKeysListed { sequence: ours.sequence });
        let noted = Realm { device_list: Some(ours), ..record };
        match store.commit(Change::in_realm(id).replace(version, noted).event(now, what, days)).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
