//! What must not be forgotten when an old back-up is restored: revoked phones and locked users, in a file of lines of
//! JSON outside the store. [`Journaled`] writes it for any store.
//!
//! What takes a right away is on the disk before it is committed, what gives one back only afterwards: whatever fails in
//! between, the journal is never more generous than the store.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use protocol::messages::RevocationReason;
use protocol::{DeviceId, Digest, EnrolmentId, PromptId};
use serde::{Deserialize, Serialize};

use super::page::{Kept, Page, Position};
use super::{Change, CommitError, Heard, MarkKey, Record, Store, StoreError, Versioned};
use tokio::sync::broadcast;

use crate::domain::attention::{Attention, AttentionKey};
use crate::domain::audit::Event;
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::device::{Device, DeviceStatus, Enrolment, EnrolmentTicket};
use crate::domain::grant::Grant;
use crate::domain::history::{History, HistoryKey};
use crate::domain::message::Message;
use crate::domain::names::{ClientId, FamilyKey, RealmId, RegistrationKey, RequestKey, Subject, TicketKey, TokenKey};
use crate::domain::prompt::StoredPrompt;
use crate::domain::realm::Realm;
use crate::domain::refresh::RefreshFamily;
use crate::domain::registration::{Logo, RegistrationToken};
use crate::domain::time::{Clock, Timestamp};
use crate::domain::user::{Identifier, User, UserStatus};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// When.
    pub at: Timestamp,
    /// In which realm.
    pub realm: RealmId,
    /// What.
    #[serde(flatten)]
    pub note: Note,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the members are named as what they hold")]
pub enum Note {
    /// A phone is no more.
    DeviceRevoked { device: DeviceId, reason: RevocationReason },
    /// A user may, or may no longer, sign in.
    UserStatus { subject: Subject, status: UserStatus },
}

impl Note {
    const fn takes_away(&self) -> bool {
        !matches!(self, Self::UserStatus { status: UserStatus::Active, .. })
    }

    fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Device(Device { id, status: DeviceStatus::Revoked { reason, .. }, .. }) => {
                Some(Self::DeviceRevoked { device: *id, reason: *reason })
            }
            Record::User(user) => Some(Self::UserStatus { subject: user.subject.clone(), status: user.status }),
            _ => None,
        }
    }
}

/// Reads a journal from its beginning. A last line that was cut off in writing was never acknowledged.
pub fn read(path: &Path) -> io::Result<Vec<Noted>> {
    let mut noted = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        match serde_json::from_str(&line?) {
            Ok(line) => noted.push(line),
            Err(error) => tracing::warn!(%error, "a line of the journal cannot be read"),
        }
    }
    Ok(noted)
}

/// A store whose revocations are journaled.
pub struct Journaled {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    file: Arc<Mutex<File>>,
}

impl Journaled {
    /// Opens the journal, or begins one, readable to its owner only.
    pub fn open(path: &Path, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { store, clock, file: Arc::new(Mutex::new(file)) })
    }

    async fn note(&self, realm: &RealmId, notes: Vec<Note>) -> Result<(), StoreError> {
        if notes.is_empty() {
            return Ok(());
        }
        let (at, mut text) = (self.clock.now(), String::from("\n"));
        for note in notes {
            let line = Noted { at, realm: realm.clone(), note };
            text.push_str(&serde_json::to_string(&line).expect("a note is plain data"));
            text.push('\n');
        }
        let file = Arc::clone(&self.file);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // One write, behind a line end of its own: a line cut off before it spoils only itself.
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        let written = written.await.map_err(io::Error::other).and_then(|written| written);
        written.map_err(|error| StoreError::Unavailable(format!("the journal: {error}")))
    }
}

#[async_trait]
impl Store for Journaled {
    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        let notes = change.writes.iter().filter_map(|write| Note::of(&write.record));
        let (before, after): (Vec<_>, Vec<_>) = notes.partition(Note::takes_away);
        let realm = change.realm.clone();
        self.note(&realm, before).await?;
        self.store.commit(change).await?;
        // The commit stands; a journal that is too strict is mended by the next word on this user.
        if let Err(error) = self.note(&realm, after).await {
            tracing::error!(%error, "a user's status was not journaled");
        }
        Ok(())
    }

    async fn realms(&self) -> Result<Vec<Versioned<Realm>>, StoreError> {
        self.store.realms().await
    }

    async fn request(
        &self,
        realm: &RealmId,
        key: &RequestKey,
    ) -> Result<Option<Versioned<AuthenticationRequest>>, StoreError> {
        self.store.request(realm, key).await
    }

    async fn prompt(&self, realm: &RealmId, id: &PromptId) -> Result<Option<Versioned<StoredPrompt>>, StoreError> {
        self.store.prompt(realm, id).await
    }

    async fn unanswered(&self, realm: &RealmId, device: &DeviceId) -> Result<Vec<StoredPrompt>, StoreError> {
        self.store.unanswered(realm, device).await
    }

    async fn user(&self, realm: &RealmId, subject: &Subject) -> Result<Option<Versioned<User>>, StoreError> {
        self.store.user(realm, subject).await
    }

    async fn user_named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Versioned<User>>, StoreError> {
        self.store.user_named(realm, name).await
    }

    async fn client(&self, realm: &RealmId, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.store.client(realm, id).await
    }

    async fn clients(&self, realm: &RealmId) -> Result<Vec<Versioned<Client>>, StoreError> {
        self.store.clients(realm).await
    }

    async fn device(&self, realm: &RealmId, id: &DeviceId) -> Result<Option<Versioned<Device>>, StoreError> {
        self.store.device(realm, id).await
    }

    async fn devices_of(&self, realm: &RealmId, subject: &Subject) -> Result<Vec<Versioned<Device>>, StoreError> {
        self.store.devices_of(realm, subject).await
    }

    async fn ticket(&self, realm: &RealmId, key: &TicketKey) -> Result<Option<Versioned<EnrolmentTicket>>, StoreError> {
        self.store.ticket(realm, key).await
    }

    async fn enrolment(&self, realm: &RealmId, id: &EnrolmentId) -> Result<Option<Versioned<Enrolment>>, StoreError> {
        self.store.enrolment(realm, id).await
    }

    async fn grant(&self, realm: &RealmId, token: &TokenKey) -> Result<Option<Versioned<Grant>>, StoreError> {
        self.store.grant(realm, token).await
    }

    async fn family(&self, realm: &RealmId, key: &FamilyKey) -> Result<Option<Versioned<RefreshFamily>>, StoreError> {
        self.store.family(realm, key).await
    }

    async fn attention(&self, realm: &RealmId, key: &AttentionKey) -> Result<Option<Versioned<Attention>>, StoreError> {
        self.store.attention(realm, key).await
    }

    async fn history(&self, realm: &RealmId, key: &HistoryKey) -> Result<Option<Versioned<History>>, StoreError> {
        self.store.history(realm, key).await
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
