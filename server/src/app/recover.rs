//! Recovery: what was true when an old back-up was taken may be true no more. Open requests are cancelled, refresh
//! tokens issued before are refused (`Realm::recovered_at`), nothing of the outbox is sent, and what was revoked since
//! is revoked again, from the journal that is kept outside the store.

use std::collections::HashMap;

use tracing::info;

use crate::domain::audit::What;
use crate::domain::authentication_request::{CancelledBy, Event, Transition};
use crate::domain::device::DeviceStatus;
use crate::domain::names::RealmId;
use crate::domain::realm::Realm;
use crate::domain::time::Timestamp;
use crate::store::journal::{Note, Noted};
use crate::store::page::{Entry, Kept, Position};
use crate::store::{Change, CommitError, Record, Store, StoreError, Versioned};

/// Records looked at at once.
const MOST_PER_PAGE: usize = 200;

/// What a recovery did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Requests cancelled.
    pub requests: usize,
    /// Messages taken out of the outbox.
    pub messages: usize,
    /// Phones and users that the journal revoked or locked again.
    pub revocations: usize,
}

/// Recovers every realm in place. Nobody else may be using the store. Doing it again changes nothing more.
pub async fn recover(store: &dyn Store, journal: &[Noted], now: Timestamp) -> Result<Recovered, CommitError> {
    let mut done = Recovered::default();
    for realm in store.realms().await? {
        let id = realm.record.id.clone();
        done.requests += each(store, &id, Kept::Request, |change, found| cancel(change, found, now)).await?;
        done.messages += each(store, &id, Kept::Message, conclude).await?;
        done.revocations += revoke(store, &id, journal).await?;
        let days = realm.record.policy.audit_days;
        let recovered = Realm { recovered_at: Some(now), ..realm.record };
        let change = Change::in_realm(&id).replace(realm.version, recovered);
        store.commit(change.event(now, What::RealmRecovered, days)).await?;
        info!(realm = %id, ?done, "realm recovered");
    }
    Ok(done)
}

/// Walks over all records of a kind; how many `edit` had something to do with.
async fn each(
    store: &dyn Store,
    realm: &RealmId,
    kept: Kept,
    edit: impl Fn(Change, Versioned<Record>) -> (Change, usize),
) -> Result<usize, CommitError> {
    let (mut position, mut count): (Option<Position>, usize) = (None, 0);
    loop {
        let page = store.page(realm, kept, position.as_ref(), MOST_PER_PAGE).await?;
        let mut change = Change::in_realm(realm);
        for entry in page.entries {
            if let Entry::Record(found) = entry {
                let (next, edited) = edit(change, found);
                change = next;
                count += edited;
            }
        }
        if !change.is_empty() {
            store.commit(change).await?;
        }
        match page.next {
            Some(next) => position = Some(next),
            None => return Ok(count),
        }
    }
}

fn cancel(change: Change, found: Versioned<Record>, now: Timestamp) -> (Change, usize) {
    let Record::Request(request) = found.record else { return (change, 0) };
    match request.apply(Event::Cancel(CancelledBy::Operator), now) {
        Ok(Transition::Changed(cancelled, _)) => (change.replace(found.version, *cancelled), 1),
        Ok(Transition::Unchanged) | Err(_) => (change, 0),
    }
}

fn conclude(change: Change, found: Versioned<Record>) -> (Change, usize) {
    let Record::Message(message) = found.record else { return (change, 0) };
    (change.conclude(&Versioned { version: found.version, record: message }), 1)
}

/// The last word of the journal on each phone and user.
async fn revoke(store: &dyn Store, realm: &RealmId, journal: &[Noted]) -> Result<usize, CommitError> {
    let mut devices = HashMap::new();
    let mut users = HashMap::new();
    for noted in journal.iter().filter(|noted| noted.realm == *realm) {
        match &noted.note {
            Note::DeviceRevoked { device, reason } => drop(devices.insert(*device, (*reason, noted.at))),
            Note::UserStatus { subject, status } => drop(users.insert(subject.clone(), *status)),
        }
    }
    let mut count = 0;
    for (device, (reason, at)) in devices {
        let Some(found) = store.device(realm, &device).await?.filter(|found| found.record.is_active()) else {
            continue;
        };
        let mut record = found.record;
        record.status = DeviceStatus::Revoked { reason, at };
        record.push = protocol::messages::PushTarget::None;
        store.commit(Change::in_realm(realm).replace(found.version, record)).await?;
        count += 1;
    }
    for (subject, status) in users {
        let Some(found) = store.user(realm, &subject).await?.filter(|found| found.record.status != status) else {
            continue;
        };
        let mut record = found.record;
        record.status = status;
        store.commit(Change::in_realm(realm).replace(found.version, record)).await?;
        count += 1;
    }
    Ok(count)
}

/// Whether a realm's records are there without the realm: an import that was cut off.
pub(super) async fn is_torn(store: &dyn Store, realm: &RealmId) -> Result<bool, StoreError> {
    for kept in Kept::ALL {
        if !store.page(realm, kept, None, 1).await?.entries.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
