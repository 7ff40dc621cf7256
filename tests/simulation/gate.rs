//! What stands between the servers of a simulated world and their store: it stops one call before any of its steps, so
//! that another one, or the end of the process, comes in between. And it can be faulty, to show that it would be noticed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use protocol::{DeviceId, Digest, EnrolmentId, PromptId};
use server::domain::attention::{Attention, AttentionKey};
use server::domain::audit::Event;
use server::domain::authentication_request::AuthenticationRequest;
use server::domain::client::Client;
use server::domain::device::{Device, Enrolment, EnrolmentTicket};
use server::domain::grant::Grant;
use server::domain::history::{History, HistoryKey};
use server::domain::message::Message;
use server::domain::names::{ClientId, FamilyKey, RealmId, RegistrationKey, RequestKey, Subject, TicketKey, TokenKey};
use server::domain::prompt::StoredPrompt;
use server::domain::realm::Realm;
use server::domain::refresh::RefreshFamily;
use server::domain::registration::{Logo, RegistrationToken};
use server::domain::time::Timestamp;
use server::domain::user::{Identifier, User};
use server::store::page::{Kept, Page, Position};
use server::store::{Change, CommitError, Expected, Heard, MarkKey, Record, Store, StoreError, Versioned};
use tokio::sync::{broadcast, oneshot};

/// A fault that is planted below the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    /// None.
    Sound,
    /// A commit does not look at the versions of what it replaces.
    VersionsUnchecked,
    /// What is to be told is committed after the reason for it, not with it.
    ToldApart,
    /// Tokens are issued, and the request stays approved.
    NotMarkedRedeemed,
    /// A phone that is revoked stays enrolled.
    NotRevoked,
}

/// The one gate of a world; it outlives its servers.
pub(crate) struct Gate {
    plant: Plant,
    stop: Mutex<Option<Stop>>,
}

struct Stop {
    /// So many steps go through first.
    steps: u32,
    reached: oneshot::Sender<()>,
    release: oneshot::Receiver<()>,
}

/// A stop that is set.
pub(crate) struct Stopping {
    /// Comes when a step is being held.
    pub(crate) reached: oneshot::Receiver<()>,
    /// Lets it go on; so does dropping it.
    pub(crate) release: oneshot::Sender<()>,
}

impl Gate {
    pub(crate) fn new(plant: Plant) -> Arc<Self> {
        Arc::new(Self { plant, stop: Mutex::new(None) })
    }

    /// Holds the step that comes after so many others.
    pub(crate) fn stop_after(&self, steps: u32) -> Stopping {
        let (reach, reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        *self.lock() = Some(Stop { steps, reached: reach, release: released });
        Stopping { reached, release }
    }

    /// Takes the stop away.
    pub(crate) fn open(&self) {
        *self.lock() = None;
    }

    async fn step(&self) {
        let stop = {
            let mut stop = self.lock();
            match stop.as_mut() {
                Some(Stop { steps: 0, .. }) => stop.take(),
                Some(stop) => {
                    stop.steps -= 1;
                    None
                }
                None => None,
            }
        };
        if let Some(Stop { reached, release, .. }) = stop {
            // Nobody waits for it where the call has ended meanwhile.
            let _ = reached.send(());
            let _ = release.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store behind the gate.
pub(crate) struct Gated {
    store: Arc<dyn Store>,
    gate: Arc<Gate>,
}

impl Gated {
    pub(crate) fn new(store: Arc<dyn Store>, gate: Arc<Gate>) -> Self {
        Self { store, gate }
    }

    async fn sound(&self, change: Change) -> Result<(), CommitError> {
        self.gate.step().await;
        self.store.commit(change).await
    }

    /// As if the store did not compare versions.
    async fn unchecked(&self, mut change: Change) -> Result<(), CommitError> {
        for write in &mut change.writes {
            let Record::Request(request) = &write.record else { continue };
            let found = self.store.request(&change.realm, &request.key).await?;
            if let (Some(found), Expected::Version(_)) = (found, write.expected) {
                write.expected = Expected::Version(found.version);
            }
        }
        self.sound(change).await
    }

    /// First the new state, then what is told of it.
    async fn told_apart(&self, mut change: Change) -> Result<(), CommitError> {
        let is_reason = |record: &Record| matches!(record, Record::Request(_));
        if !change.writes.iter().any(|write| is_reason(&write.record)) {
            return self.sound(change).await;
        }
        let mut told = Change::in_realm(&change.realm);
        let is_told = |record: &Record| matches!(record, Record::Message(_));
        (told.writes, change.writes) = change.writes.into_iter().partition(|write| is_told(&write.record));
        self.sound(change).await?;
        if told.is_empty() { Ok(()) } else { self.sound(told).await }
    }
}

#[async_trait]
impl Store for Gated {
    async fn commit(&self, mut change: Change) -> Result<(), CommitError> {
        let issues = change.writes.iter().any(|write| matches!(write.record, Record::Grant(_)));
        match self.gate.plant {
            Plant::VersionsUnchecked => return self.unchecked(change).await,
            Plant::ToldApart => return self.told_apart(change).await,
            Plant::NotMarkedRedeemed if issues => {
                change.writes.retain(|write| !matches!(write.record, Record::Request(_)));
            }
            Plant::NotRevoked => {
                let stays = |record: &Record| matches!(record, Record::Device(device) if !device.is_active());
                change.writes.retain(|write| !stays(&write.record));
            }
            Plant::Sound | Plant::NotMarkedRedeemed => {}
        }
        self.sound(change).await
    }

    async fn realms(&self) -> Result<Vec<Versioned<Realm>>, StoreError> {
        self.store.realms().await
    }

    async fn request(
        &self,
        realm: &RealmId,
        key: &RequestKey,
    ) -> Result<Option<Versioned<AuthenticationRequest>>, StoreError> {
        self.gate.step().await;
        self.store.request(realm, key).await
    }

    async fn prompt(&self, realm: &RealmId, id: &PromptId) -> Result<Option<Versioned<StoredPrompt>>, StoreError> {
        self.gate.step().await;
        self.store.prompt(realm, id).await
    }

    async fn unanswered(&self, realm: &RealmId, device: &DeviceId) -> Result<Vec<StoredPrompt>, StoreError> {
        self.gate.step().await;
        self.store.unanswered(realm, device).await
    }

    async fn user(&self, realm: &RealmId, subject: &Subject) -> Result<Option<Versioned<User>>, StoreError> {
        self.gate.step().await;
        self.store.user(realm, subject).await
    }

    async fn user_named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Versioned<User>>, StoreError> {
        self.gate.step().await;
        self.store.user_named(realm, name).await
    }

    async fn client(&self, realm: &RealmId, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.store.client(realm, id).await
    }

    async fn clients(&self, realm: &RealmId) -> Result<Vec<Versioned<Client>>, StoreError> {
        self.store.clients(realm).await
    }

    async fn device(&self, realm: &RealmId, id: &DeviceId) -> Result<Option<Versioned<Device>>, StoreError> {
        self.gate.step().await;
        self.store.device(realm, id).await
    }

    async fn devices_of(&self, realm: &RealmId, subject: &Subject) -> Result<Vec<Versioned<Device>>, StoreError> {
        self.gate.step().await;
        self.store.devices_of(realm, subject).await
    }

    async fn ticket(&self, realm: &RealmId, key: &TicketKey) -> Result<Option<Versioned<EnrolmentTicket>>, StoreError> {
        self.gate.step().await;
        self.store.ticket(realm, key).await
    }

    async fn enrolment(&self, realm: &RealmId, id: &EnrolmentId) -> Result<Option<Versioned<Enrolment>>, StoreError> {
        self.gate.step().await;
        self.store.enrolment(realm, id).await
    }

    async fn grant(&self, realm: &RealmId, token: &TokenKey) -> Result<Option<Versioned<Grant>>, StoreError> {
        self.gate.step().await;
        self.store.grant(realm, token).await
    }

    async fn family(&self, realm: &RealmId, key: &FamilyKey) -> Result<Option<Versioned<RefreshFamily>>, StoreError> {
        self.gate.step().await;
        self.store.family(realm, key).await
    }

    async fn history(&self, realm: &RealmId, key: &HistoryKey) -> Result<Option<Versioned<History>>, StoreError> {
        self.gate.step().await;
        self.store.history(realm, key).await
    }

    async fn attention(&self, realm: &RealmId, key: &AttentionKey) -> Result<Option<Versioned<Attention>>, StoreError> {
        self.gate.step().await;
        self.store.attention(realm, key).await
    }

    async fn registration_token(
        &self,
        realm: &RealmId,
        key: &RegistrationKey,
    ) -> Result<Option<Versioned<RegistrationToken>>, StoreError> {
        self.store.registration_token(realm, key).await
    }

    async fn logo(&self, realm: &RealmId, client: &ClientId) -> Result<Option<Versioned<Logo>>, StoreError> {
        self.store.logo(realm, client).await
    }

    async fn mark(&self, realm: &RealmId, key: &MarkKey) -> Result<Option<Digest>, StoreError> {
        self.store.mark(realm, key).await
    }

    async fn due(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<Vec<Versioned<Message>>, StoreError> {
        self.gate.step().await;
        self.store.due(realm, now, most).await
    }

    async fn audit(&self, realm: &RealmId, most: usize) -> Result<Vec<Event>, StoreError> {
        self.store.audit(realm, most).await
    }

    async fn sweep(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.store.sweep(realm, now, most).await
    }

    async fn page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError> {
        self.store.page(realm, kept, after, most).await
    }

    fn is_exclusive(&self) -> bool {
        self.store.is_exclusive()
    }

    fn hints(&self) -> Option<broadcast::Receiver<Heard>> {
        self.store.hints()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
