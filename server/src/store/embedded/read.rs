//! The look-ups, and the way to the committer.

use async_trait::async_trait;
use protocol::{DeviceId, Digest, EnrolmentId, PromptId};
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, oneshot};

use super::committer::Job;
use super::draft::Draft;
use super::keys::{self, Kind};
use super::value;
use super::{EmbeddedStore, closed};
use crate::domain::attention::{Attention, AttentionKey};
use crate::domain::audit::Event;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::device::{Device, Enrolment, EnrolmentTicket};
use crate::domain::grant::Grant;
use crate::domain::history::{History, HistoryKey};
use crate::domain::message::Message;
use crate::domain::names::{ClientId, FamilyKey, RealmId, RegistrationKey, RequestKey, Subject, TicketKey, TokenKey};
use crate::domain::prompt::StoredPrompt;
use crate::domain::realm::Realm;
use crate::domain::refresh::RefreshFamily;
use crate::domain::registration::{Logo, RegistrationToken};
use crate::domain::time::Timestamp;
use crate::domain::user::{Identifier, User};
use crate::store::page::{Kept, Page, Position};
use crate::store::{Change, CommitError, Heard, MarkKey, Store, StoreError, Versioned};

/// Something read, and the commit group that wrote it.
#[derive(Clone)]
struct Found<T> {
    group: u64,
    versioned: Versioned<T>,
}

/// A record, as far as reading goes.
trait Readable: DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> Readable for T {}

fn decode<T: DeserializeOwned>(kind: Kind, key: &[u8], bytes: &[u8]) -> Result<Found<T>, StoreError> {
    let (header, json) = value::open(kind, key, bytes)?;
    let record = value::parse(kind, json)?;
    Ok(Found { group: header.group, versioned: Versioned { version: header.version, record } })
}

impl EmbeddedStore {
    fn found<T: Readable>(&self, kind: Kind, key: &[u8]) -> Result<Option<Found<T>>, StoreError> {
        self.recent.parsed(key, |bytes| decode(kind, key, bytes))
    }

    /// One record, when it is durable that it is so.
    async fn one<T: Readable>(
        &self,
        realm: &RealmId,
        kind: Kind,
        id: &[u8],
    ) -> Result<Option<Versioned<T>>, StoreError> {
        let found = self.found(kind, &keys::record(realm, kind, id))?;
        self.settled(found).await
    }

    async fn settled<T: Send>(&self, found: Option<Found<T>>) -> Result<Option<Versioned<T>>, StoreError> {
        match found {
            Some(found) => self.progress.durable(found.group).await.map(|()| Some(found.versioned)),
            None => self.progress.removals_durable().await.map(|()| None),
        }
    }

    async fn all_settled<T: Send>(&self, found: Vec<Found<T>>) -> Result<Vec<Versioned<T>>, StoreError> {
        let newest = found.iter().map(|found| found.group).max().unwrap_or_default();
        self.progress.durable(newest).await?;
        Ok(found.into_iter().map(|found| found.versioned).collect())
    }

    /// Records led to by the entries under a prefix, whose rest is their id and whose value their order.
    fn indexed<T: Readable>(&self, realm: &RealmId, kind: Kind, prefix: &[u8]) -> Result<Vec<Found<T>>, StoreError> {
        let mut entries = Vec::new();
        for entry in self.db.scan_prefix(prefix) {
            let (key, order) = entry?;
            entries.push((order, keys::record(realm, kind, &key[prefix.len()..])));
        }
        entries.sort_unstable();
        // An entry whose record is gone was read just before a sweep took both.
        entries.into_iter().filter_map(|(_, key)| self.found(kind, &key).transpose()).collect()
    }

    fn named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Found<User>>, StoreError> {
        let Some(subject) = self.recent.get(&keys::identifier(realm, name.as_str()))? else {
            return Ok(None);
        };
        let user = self.found::<User>(Kind::User, &keys::record(realm, Kind::User, &subject))?;
        // Between the two reads the name may have been taken away.
        Ok(user.filter(|user| user.versioned.record.identifiers().contains(name)))
    }

    fn due_now(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<Vec<Found<Message>>, StoreError> {
        let mut due = Vec::new();
        for place in self.outbox.due(realm, now, most) {
            let message =
                self.found::<Message>(Kind::Message, &keys::record(realm, Kind::Message, place.id.as_bytes()))?;
            // Meanwhile it may have been leased or concluded.
            due.extend(message.filter(|message| message.versioned.record.due_at <= now));
        }
        Ok(due)
    }

    /// Newest first: at least `most`, if there are as many, and the second of the last one in full.
    fn newest_events(&self, realm: &RealmId, most: usize) -> Result<Vec<Found<Vec<Event>>>, StoreError> {
        let (mut newest, mut events, mut second) = (Vec::new(), 0, None);
        for entry in self.db.scan_prefix(keys::all(realm, Kind::Audit)).rev() {
            let (key, bytes) = entry?;
            if events >= most && second != keys::second_of(&key) {
                break;
            }
            second = keys::second_of(&key);
            let found: Found<Vec<Event>> = decode(Kind::Audit, &key, &bytes)?;
            events += found.versioned.record.len();
            newest.push(found);
        }
        Ok(newest)
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        let jobs = self.jobs()?;
        if change.is_empty() {
            return Ok(());
        }
        let (done, outcome) = oneshot::channel();
        let draft = Draft::of(change)?;
        jobs.send(Job::Commit { draft, done }).await.map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }

    async fn realms(&self) -> Result<Vec<Versioned<Realm>>, StoreError> {
        let mut realms = Vec::new();
        for entry in self.db.scan_prefix(keys::realms()) {
            let (_, id) = entry?;
            let id = RealmId::new(String::from_utf8_lossy(&id));
            realms.extend(self.found(Kind::Realm, &keys::record(&id, Kind::Realm, b""))?);
        }
        self.all_settled(realms).await
    }

    async fn request(
        &self,
        realm: &RealmId,
        key: &RequestKey,
    ) -> Result<Option<Versioned<AuthenticationRequest>>, StoreError> {
        let found: Option<Versioned<AuthenticationRequest>> =
            self.one(realm, Kind::Request, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn prompt(&self, realm: &RealmId, id: &PromptId) -> Result<Option<Versioned<StoredPrompt>>, StoreError> {
        self.one(realm, Kind::Prompt, id.as_bytes()).await
    }

    async fn unanswered(&self, realm: &RealmId, device: &DeviceId) -> Result<Vec<StoredPrompt>, StoreError> {
        let found = self.indexed(realm, Kind::Prompt, &keys::unanswered(realm, device))?;
        let prompts = self.all_settled(found).await?.into_iter().map(|prompt| prompt.record);
        Ok(prompts.filter(|prompt: &StoredPrompt| prompt.device == *device).collect())
    }

    async fn user(&self, realm: &RealmId, subject: &Subject) -> Result<Option<Versioned<User>>, StoreError> {
        self.one(realm, Kind::User, subject.as_str().as_bytes()).await
    }

    async fn user_named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Versioned<User>>, StoreError> {
        let found = self.named(realm, name)?;
        self.settled(found).await
    }

    async fn client(&self, realm: &RealmId, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.one(realm, Kind::Client, id.as_str().as_bytes()).await
    }

    async fn clients(&self, realm: &RealmId) -> Result<Vec<Versioned<Client>>, StoreError> {
        let mut found = Vec::new();
        for entry in self.db.scan_prefix(keys::all(realm, Kind::Client)) {
            let (key, bytes) = entry?;
            found.push(decode(Kind::Client, &key, &bytes)?);
        }
        self.all_settled(found).await
    }

    async fn device(&self, realm: &RealmId, id: &DeviceId) -> Result<Option<Versioned<Device>>, StoreError> {
        self.one(realm, Kind::Device, id.as_bytes()).await
    }

    async fn devices_of(&self, realm: &RealmId, subject: &Subject) -> Result<Vec<Versioned<Device>>, StoreError> {
        let found = self.indexed(realm, Kind::Device, &keys::devices_of(realm, subject))?;
        let mut devices = self.all_settled(found).await?;
        devices.retain(|device: &Versioned<Device>| device.record.subject == *subject);
        Ok(devices)
    }

    async fn ticket(&self, realm: &RealmId, key: &TicketKey) -> Result<Option<Versioned<EnrolmentTicket>>, StoreError> {
        let found: Option<Versioned<EnrolmentTicket>> =
            self.one(realm, Kind::Ticket, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn enrolment(&self, realm: &RealmId, id: &EnrolmentId) -> Result<Option<Versioned<Enrolment>>, StoreError> {
        self.one(realm, Kind::Enrolment, id.as_bytes()).await
    }

    async fn grant(&self, realm: &RealmId, token: &TokenKey) -> Result<Option<Versioned<Grant>>, StoreError> {
        let found: Option<Versioned<Grant>> = self.one(realm, Kind::Grant, keys::hashed(token.digest())).await?;
        Ok(found.filter(|found| found.record.token == *token))
    }

    async fn family(&self, realm: &RealmId, key: &FamilyKey) -> Result<Option<Versioned<RefreshFamily>>, StoreError> {
        let found: Option<Versioned<RefreshFamily>> = self.one(realm, Kind::Family, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn attention(&self, realm: &RealmId, key: &AttentionKey) -> Result<Option<Versioned<Attention>>, StoreError> {
        let found: Option<Versioned<Attention>> = self.one(realm, Kind::Attention, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn history(&self, realm: &RealmId, key: &HistoryKey) -> Result<Option<Versioned<History>>, StoreError> {
        let found: Option<Versioned<History>> = self.one(realm, Kind::History, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn registration_token(
        &self,
        realm: &RealmId,
        key: &RegistrationKey,
    ) -> Result<Option<Versioned<RegistrationToken>>, StoreError> {
        let found: Option<Versioned<RegistrationToken>> =
            self.one(realm, Kind::RegistrationToken, keys::hashed(key.digest())).await?;
        Ok(found.filter(|found| found.record.key == *key))
    }

    async fn logo(&self, realm: &RealmId, client: &ClientId) -> Result<Option<Versioned<Logo>>, StoreError> {
        self.one(realm, Kind::Logo, client.as_str().as_bytes()).await
    }

    async fn mark(&self, realm: &RealmId, key: &MarkKey) -> Result<Option<Digest>, StoreError> {
        let found = self.found(Kind::Mark, &keys::mark(realm, key))?;
        Ok(self.settled(found).await?.map(|mark| mark.record))
    }

    async fn due(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<Vec<Versioned<Message>>, StoreError> {
        let due = self.due_now(realm, now, most)?;
        self.all_settled(due).await
    }

    async fn audit(&self, realm: &RealmId, most: usize) -> Result<Vec<Event>, StoreError> {
        let newest = self.newest_events(realm, most)?;
        let lists = self.all_settled(newest).await?;
        let mut events: Vec<Event> = lists.into_iter().rev().flat_map(|list| list.record).collect();
        // Lists of one second come in the order of their commits, and so do the events of one instant.
        events.sort_by_key(|event| event.at);
        Ok(events.split_off(events.len().saturating_sub(most)))
    }

    async fn sweep(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let jobs = self.jobs()?;
        let (done, outcome) = oneshot::channel();
        jobs.send(Job::Sweep { realm: realm.clone(), now, most, done }).await.map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }

    async fn page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let (page, newest) = self.read_page(realm, kept, after, most)?;
        self.progress.durable(newest).await?;
        Ok(page)
    }

    fn is_exclusive(&self) -> bool {
        true
    }

    fn hints(&self) -> Option<broadcast::Receiver<Heard>> {
        None
    }

    async fn close(&self) {
        if let Some(running) = self.take_running()
            && tokio::task::spawn_blocking(|| running.finish()).await.is_err()
        {
            tracing::warn!("the store did not close well");
        }
    }
}
