//! One atomic step: new states with the versions they were decided on, messages, audit events and marks.

use protocol::Digest;
use serde::{Deserialize, Serialize};

use super::Versioned;
use super::page::MarkName;
use crate::domain::attention::Attention;
use crate::domain::audit::{Event, What};
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::client::Client;
use crate::domain::device::{Device, Enrolment, EnrolmentTicket};
use crate::domain::grant::Grant;
use crate::domain::history::History;
use crate::domain::message::{Message, MessageId};
use crate::domain::names::{ClientId, RealmId};
use crate::domain::prompt::StoredPrompt;
use crate::domain::realm::Realm;
use crate::domain::refresh::RefreshFamily;
use crate::domain::registration::{Logo, RegistrationToken};
use crate::domain::time::Timestamp;
use crate::domain::user::User;

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing under this key.
    Absent,
    /// The record at exactly this version.
    Version(u64),
}

/// Anything that is kept, with its own key inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "record")]
#[allow(missing_docs, reason = "each variant is named as what it holds")]
pub enum Record {
    Realm(Realm),
    Client(Client),
    User(User),
    Device(Device),
    Ticket(EnrolmentTicket),
    Enrolment(Enrolment),
    Request(AuthenticationRequest),
    Prompt(StoredPrompt),
    Grant(Grant),
    Family(RefreshFamily),
    Message(Message),
    Attention(Attention),
    History(History),
    RegistrationToken(RegistrationToken),
    Logo(Logo),
}

macro_rules! record_from {
    ($($kind:ident($type:ty)),*) => {$(
        impl From<$type> for Record {
            fn from(record: $type) -> Self {
                Self::$kind(record)
            }
        }
    )*};
}

record_from!(
    Realm(Realm),
    Client(Client),
    User(User),
    Device(Device),
    Ticket(EnrolmentTicket),
    Enrolment(Enrolment),
    Request(AuthenticationRequest),
    Prompt(StoredPrompt),
    Grant(Grant),
    Family(RefreshFamily),
    Message(Message),
    Attention(Attention),
    History(History),
    RegistrationToken(RegistrationToken),
    Logo(Logo)
);

/// One record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The record.
    pub record: Record,
    /// What it replaces.
    pub expected: Expected,
}

/// The name of something that may happen once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MarkKey {
    /// A phone's proof on a changing call: (device, `jti`).
    Proof(protocol::DeviceId, protocol::Nonce),
    /// A phone's decision counter: (device, `ctr`); the value is the decision's hash.
    Counter(protocol::DeviceId, u64),
    /// A JWT that a client may use once: a client assertion, a request object, a hint. (Client, hash of kind and `jti`.)
    Jwt(ClientId, Digest),
    /// What became of a signing key was told: hash of the event.
    Told(Digest),
    /// The lifting of a block: hash of what was signed.
    Unblocking(Digest),
    /// One that was exported: of what, nobody knows any more.
    Kept(MarkName),
}

impl MarkKey {
    /// What a store keeps in place of the name: as long for every variant, and no two share it.
    #[must_use]
    pub fn name(&self) -> MarkName {
        let digest = match self {
            Self::Kept(name) => return *name,
            Self::Proof(device, nonce) => Digest::labelled("assent-mark-proof", &[device.as_bytes(), nonce.as_bytes()]),
            Self::Counter(device, counter) => {
                Digest::labelled("assent-mark-counter", &[device.as_bytes(), &counter.to_be_bytes()])
            }
            Self::Unblocking(said) => Digest::labelled("assent-mark-unblocking", &[said.as_bytes()]),
            Self::Told(event) => Digest::labelled("assent-mark-told", &[event.as_bytes()]),
            Self::Jwt(client, jti) => {
                Digest::labelled("assent-mark-jwt", &[client.as_str().as_bytes(), jti.as_bytes()])
            }
        };
        let (name, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
        MarkName::from_bytes(*name)
    }
}

/// A mark to be set; a change that finds it set already is [`super::CommitError::Replayed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What happened.
    pub key: MarkKey,
    /// With what.
    pub value: Digest,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

/// One atomic step in one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The realm of everything in it.
    pub realm: RealmId,
    /// Records written.
    pub writes: Vec<Write>,
    /// Messages taken out of the outbox, at the version they were read at.
    pub concluded: Vec<(MessageId, u64)>,
    /// Marks set.
    pub marks: Vec<Mark>,
    /// Events appended, and until when they are kept.
    pub events: Vec<(Event, Timestamp)>,
}

impl Change {
    /// Changes nothing yet.
    #[must_use]
    pub fn in_realm(realm: &RealmId) -> Self {
        Self { realm: realm.clone(), writes: Vec::new(), concluded: Vec::new(), marks: Vec::new(), events: Vec::new() }
    }

    /// Adds a record that must be new.
    #[must_use]
    pub fn create(mut self, record: impl Into<Record>) -> Self {
        self.writes.push(Write { record: record.into(), expected: Expected::Absent });
        self
    }

    /// Replaces what was read at `version`.
    #[must_use]
    pub fn replace(mut self, version: u64, record: impl Into<Record>) -> Self {
        self.writes.push(Write { record: record.into(), expected: Expected::Version(version) });
        self
    }

    /// Takes a message out of the outbox.
    #[must_use]
    pub fn conclude(mut self, message: &Versioned<Message>) -> Self {
        self.concluded.push((message.record.id, message.version));
        self
    }

    /// Sets a mark.
    #[must_use]
    pub fn mark(mut self, key: MarkKey, value: Digest, expires_at: Timestamp) -> Self {
        self.marks.push(Mark { key, value, expires_at });
        self
    }

    /// Appends an event to the audit trail.
    #[must_use]
    pub fn event(mut self, at: Timestamp, what: What, keep_days: u32) -> Self {
        let keep_until = at.plus_seconds(i64::from(keep_days) * 86_400);
        self.events.push((Event { at, what }, keep_until));
        self
    }

    /// Whether there is anything in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.concluded.is_empty() && self.marks.is_empty() && self.events.is_empty()
    }
}
