//! The look-ups, each one statement.

use async_trait::async_trait;
use protocol::{DeviceId, Digest, EnrolmentId, PromptId};
use serde::de::DeserializeOwned;
use sqlx::{query, query_as, query_scalar};
use tokio::sync::broadcast;

use super::connections::{looked_up, on};
use super::draft::value_of;
use super::row::{
    ATTENTION, CLIENT, DEVICE, ENROLMENT, FAMILY, GRANT, HISTORY, LOGO, MESSAGE, PROMPT, REALM, REGISTRATION_TOKEN,
    REQUEST, TICKET, USER,
};
use super::{PostgresStore, buckets, damaged, damaged_at};
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
use crate::store::{Change, CommitError, Heard, Hint, MarkKey, Store, StoreError, Versioned};

/// What a look-up in the table `record` finds.
pub(super) struct Found {
    pub(super) id: Vec<u8>,
    pub(super) version: i64,
    pub(super) document: String,
}

impl Found {
    pub(super) fn read<T: DeserializeOwned>(&self, kind: &str) -> Result<Versioned<T>, StoreError> {
        let version = u64::try_from(self.version).map_err(|_| damaged_at(kind, &self.id))?;
        // The parser's message could quote the record.
        let record = serde_json::from_str(&self.document).map_err(|_| damaged_at(kind, &self.id))?;
        Ok(Versioned { version, record })
    }
}

impl PostgresStore {
    async fn one<T: DeserializeOwned>(
        &self,
        realm: &RealmId,
        kind: &'static str,
        id: &[u8],
    ) -> Result<Option<Versioned<T>>, StoreError> {
        let found = looked_up!(self, |held| query_as!(
            Found,
            "SELECT id, version, document FROM record WHERE realm = $1 AND kind = $2 AND id = $3",
            realm.as_str(),
            kind,
            id
        )
        .fetch_optional(&mut *held));
        found.map(|found| found.read(kind)).transpose()
    }

    /// In the order of their creation.
    async fn listed<T: DeserializeOwned>(
        &self,
        realm: &RealmId,
        kind: &'static str,
        under: &[u8],
    ) -> Result<Vec<Versioned<T>>, StoreError> {
        let found = looked_up!(self, |held| {
            query_as!(
            Found,
            "SELECT id, version, document FROM record WHERE realm = $1 AND kind = $2 AND listed = $3 ORDER BY place, id",
            realm.as_str(),
            kind,
            under
        )
        .fetch_all(&mut *held)
        });
        found.into_iter().map(|found| found.read(kind)).collect()
    }

    /// Takes damaged messages out of the queue, in which they would come first for ever. They stay until nobody would
    /// carry them any more.
    async fn set_aside(&self, realm: &RealmId, damaged: &[Vec<u8>]) -> Result<(), StoreError> {
        if damaged.is_empty() {
            return Ok(());
        }
        let set_aside = query!(
            "UPDATE record SET due_at = NULL WHERE realm = $1 AND kind = 'message' AND id = ANY($2)",
            realm.as_str(),
            damaged
        );
        on!(self.connections, |held| set_aside.execute(&mut *held)).map(drop).map_err(StoreError::from)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, change: Change) -> Result<(), CommitError> {
        if change.is_empty() {
            return Ok(());
        }
        self.make(&change).await?;
        self.hints.tell(Hint::of(&change));
        Ok(())
    }

    async fn realms(&self) -> Result<Vec<Versioned<Realm>>, StoreError> {
        let found = looked_up!(self, |held| query_as!(
            Found,
            "SELECT id, version, document FROM record WHERE kind = 'realm' ORDER BY place, realm"
        )
        .fetch_all(&mut *held));
        found.into_iter().map(|found| found.read(REALM)).collect()
    }

    async fn request(
        &self,
        realm: &RealmId,
        key: &RequestKey,
    ) -> Result<Option<Versioned<AuthenticationRequest>>, StoreError> {
        self.one(realm, REQUEST, key.digest().as_bytes()).await
    }

    async fn prompt(&self, realm: &RealmId, id: &PromptId) -> Result<Option<Versioned<StoredPrompt>>, StoreError> {
        self.one(realm, PROMPT, id.as_bytes()).await
    }

    async fn unanswered(&self, realm: &RealmId, device: &DeviceId) -> Result<Vec<StoredPrompt>, StoreError> {
        let prompts = self.listed(realm, PROMPT, device.as_bytes()).await?;
        Ok(prompts.into_iter().map(|prompt| prompt.record).collect())
    }

    async fn user(&self, realm: &RealmId, subject: &Subject) -> Result<Option<Versioned<User>>, StoreError> {
        self.one(realm, USER, subject.as_str().as_bytes()).await
    }

    async fn user_named(&self, realm: &RealmId, name: &Identifier) -> Result<Option<Versioned<User>>, StoreError> {
        let found = looked_up!(self, |held| query_as!(
            Found,
            "SELECT id, version, document FROM identifier JOIN record
                ON record.realm = identifier.realm AND kind = 'user' AND id = subject
            WHERE identifier.realm = $1 AND name = $2",
            realm.as_str(),
            name.as_str().as_bytes()
        )
        .fetch_optional(&mut *held));
        found.map(|found| found.read(USER)).transpose()
    }

    async fn client(&self, realm: &RealmId, id: &ClientId) -> Result<Option<Versioned<Client>>, StoreError> {
        self.one(realm, CLIENT, id.as_str().as_bytes()).await
    }

    async fn clients(&self, realm: &RealmId) -> Result<Vec<Versioned<Client>>, StoreError> {
        let found = looked_up!(self, |held| query_as!(
            Found,
            "SELECT id, version, document FROM record WHERE realm = $1 AND kind = 'client' ORDER BY id",
            realm.as_str()
        )
        .fetch_all(&mut *held));
        found.into_iter().map(|found| found.read(CLIENT)).collect()
    }

    async fn device(&self, realm: &RealmId, id: &DeviceId) -> Result<Option<Versioned<Device>>, StoreError> {
        self.one(realm, DEVICE, id.as_bytes()).await
    }

    async fn devices_of(&self, realm: &RealmId, subject: &Subject) -> Result<Vec<Versioned<Device>>, StoreError> {
        self.listed(realm, DEVICE, subject.as_str().as_bytes()).await
    }

    async fn ticket(&self, realm: &RealmId, key: &TicketKey) -> Result<Option<Versioned<EnrolmentTicket>>, StoreError> {
        self.one(realm, TICKET, key.digest().as_bytes()).await
    }

    async fn enrolment(&self, realm: &RealmId, id: &EnrolmentId) -> Result<Option<Versioned<Enrolment>>, StoreError> {
        self.one(realm, ENROLMENT, id.as_bytes()).await
    }

    async fn grant(&self, realm: &RealmId, token: &TokenKey) -> Result<Option<Versioned<Grant>>, StoreError> {
        self.one(realm, GRANT, token.digest().as_bytes()).await
    }

    async fn family(&self, realm: &RealmId, key: &FamilyKey) -> Result<Option<Versioned<RefreshFamily>>, StoreError> {
        self.one(realm, FAMILY, key.digest().as_bytes()).await
    }

    async fn attention(&self, realm: &RealmId, key: &AttentionKey) -> Result<Option<Versioned<Attention>>, StoreError> {
        self.one(realm, ATTENTION, key.digest().as_bytes()).await
    }

    async fn history(&self, realm: &RealmId, key: &HistoryKey) -> Result<Option<Versioned<History>>, StoreError> {
        self.one(realm, HISTORY, key.digest().as_bytes()).await
    }

    async fn registration_token(
        &self,
        realm: &RealmId,
        key: &RegistrationKey,
    ) -> Result<Option<Versioned<RegistrationToken>>, StoreError> {
        self.one(realm, REGISTRATION_TOKEN, key.digest().as_bytes()).await
    }

    async fn logo(&self, realm: &RealmId, client: &ClientId) -> Result<Option<Versioned<Logo>>, StoreError> {
        self.one(realm, LOGO, client.as_str().as_bytes()).await
    }

    async fn mark(&self, realm: &RealmId, key: &MarkKey) -> Result<Option<Digest>, StoreError> {
        let id = key.name();
        let found = looked_up!(self, |held| query_scalar!(
            "SELECT value FROM mark WHERE realm = $1 AND id = $2",
            realm.as_str(),
            id.as_bytes()
        )
        .fetch_optional(&mut *held));
        found.map(|value| value_of(&value).ok_or_else(|| damaged_at("mark", id.as_bytes()))).transpose()
    }

    async fn due(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<Vec<Versioned<Message>>, StoreError> {
        let (buckets, most) = (buckets(), limit(most));
        let found = looked_up!(self, |held| {
            query_as!(
            Found,
            r#"SELECT id AS "id!", version AS "version!", document AS "document!" FROM UNNEST($2::smallint[]) AS part(bucket)
            CROSS JOIN LATERAL (
                SELECT version, document, due_at, id FROM record
                WHERE realm = $1 AND bucket = part.bucket AND due_at <= $3
                ORDER BY due_at LIMIT $4
            ) AS due
            ORDER BY due_at, id LIMIT $4"#,
            realm.as_str(),
            &buckets,
            now.unix_millis(),
            most
        )
        .fetch_all(&mut *held)
        });
        let (mut messages, mut damaged) = (Vec::new(), Vec::new());
        for found in found {
            match found.read(MESSAGE) {
                Ok(message) => messages.push(message),
                Err(error) => {
                    tracing::error!(%error, "a message in the outbox will not be carried");
                    damaged.push(found.id);
                }
            }
        }
        self.set_aside(realm, &damaged).await?;
        Ok(messages)
    }

    async fn audit(&self, realm: &RealmId, most: usize) -> Result<Vec<Event>, StoreError> {
        let (buckets, most) = (buckets(), limit(most));
        let newest = looked_up!(self, |held| query_scalar!(
            r#"SELECT event AS "event!" FROM UNNEST($2::smallint[]) AS part(bucket)
            CROSS JOIN LATERAL (
                SELECT event, at, place FROM audit WHERE realm = $1 AND bucket = part.bucket
                ORDER BY at DESC, place DESC LIMIT $3
            ) AS newest
            ORDER BY at DESC, place DESC LIMIT $3"#,
            realm.as_str(),
            &buckets,
            most
        )
        .fetch_all(&mut *held));
        let event = |text: &String| serde_json::from_str(text).map_err(|_| damaged("audit event"));
        newest.iter().rev().map(event).collect()
    }

    async fn sweep(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.forget(realm, now, most).await
    }

    async fn page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError> {
        self.read_page(realm, kept, after, most).await
    }

    fn is_exclusive(&self) -> bool {
        false
    }

    fn hints(&self) -> Option<broadcast::Receiver<Heard>> {
        Some(self.hear())
    }

    async fn close(&self) {
        self.hints.stop();
        self.connections.pool.close().await;
    }
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
