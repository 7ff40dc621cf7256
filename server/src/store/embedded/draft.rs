//! A change turned into keys and values. Done by the caller, so that the one committer only compares and copies.

use serde::Serialize;

use super::keys::{self, Kind};
use super::value;
use crate::domain::audit::Event;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::domain::user::User;
use crate::store::{Change, CommitError, Expected, MAX_EVENT_BYTES, MAX_ID_BYTES, MarkKey, Record, StoreError};
use protocol::Digest;

/// A change as the committer wants it.
pub(super) struct Draft {
    pub(super) realm: RealmId,
    pub(super) records: Vec<RecordDraft>,
    /// Key and version of each message that leaves the outbox.
    pub(super) concluded: Vec<(Vec<u8>, u64)>,
    pub(super) marks: Vec<MarkDraft>,
    pub(super) events: Vec<EventDraft>,
    /// About as many bytes as it writes.
    pub(super) bytes: usize,
}

/// One record.
pub(super) struct RecordDraft {
    pub(super) kind: Kind,
    pub(super) key: Vec<u8>,
    pub(super) expected: Expected,
    pub(super) time: Option<Timestamp>,
    pub(super) value: Vec<u8>,
    pub(super) index: Index,
}

/// What must be found by other than its key.
pub(super) enum Index {
    Nothing,
    /// By all of these, which belong to nobody else. The `User` is there to free what it no longer has.
    Identifiers(Box<User>),
    /// By this key, under which the order of creation stands. Written once: such a record never changes its owner.
    Fixed(Vec<u8>),
    /// No longer by this key.
    Dropped(Vec<u8>),
    /// By this prefix and the order of creation, under which the realm stands.
    Ordered(Vec<u8>),
    /// Message: by its due time, with `give_up_at`.
    Due(Timestamp),
}

pub(super) struct MarkDraft {
    pub(super) name: MarkKey,
    pub(super) key: Vec<u8>,
    pub(super) expires_at: Timestamp,
    pub(super) value: Vec<u8>,
}

pub(super) struct EventDraft {
    pub(super) at: Timestamp,
    pub(super) keep_until: Timestamp,
    pub(super) json: Vec<u8>,
}

impl Draft {
    /// Refuses what is too large; judges nothing else.
    pub(super) fn of(change: Change) -> Result<Self, CommitError> {
        let Change { realm, writes, concluded, marks, events } = change;
        let records = writes
            .iter()
            .map(|write| RecordDraft::of(&realm, &write.record, write.expected))
            .collect::<Result<Vec<_>, _>>()?;
        let concluded = concluded
            .into_iter()
            .map(|(id, version)| (keys::record(&realm, Kind::Message, id.as_bytes()), version))
            .collect();
        let marks = marks
            .into_iter()
            .map(|mark| MarkDraft::of(&realm, mark.key, &mark.value, mark.expires_at))
            .collect::<Result<Vec<_>, _>>()?;
        let events = events
            .into_iter()
            .map(|(event, keep_until)| EventDraft::of(&event, keep_until))
            .collect::<Result<Vec<_>, _>>()?;
        let bytes = records.iter().map(|record| record.value.len()).sum::<usize>()
            + events.iter().map(|event| event.json.len()).sum::<usize>();
        Ok(Self { realm, records, concluded, marks, events, bytes })
    }
}

impl RecordDraft {
    fn of(realm: &RealmId, record: &Record, expected: Expected) -> Result<Self, CommitError> {
        let Place { kind, id, time, index } = Place::of(realm, record);
        if let Some(long) = too_long(id, &index) {
            return Err(CommitError::TooLarge(kind.name(), long));
        }
        let value = match record {
            Record::Realm(it) => text(kind, expected, time, it),
            Record::Client(it) => text(kind, expected, time, it),
            Record::User(it) => text(kind, expected, time, it),
            Record::Device(it) => text(kind, expected, time, it),
            Record::Ticket(it) => text(kind, expected, time, it),
            Record::Enrolment(it) => text(kind, expected, time, it),
            Record::Request(it) => text(kind, expected, time, it),
            Record::Prompt(it) => text(kind, expected, time, it),
            Record::Grant(it) => text(kind, expected, time, it),
            Record::Family(it) => text(kind, expected, time, it),
            Record::Message(it) => text(kind, expected, time, it),
            Record::Attention(it) => text(kind, expected, time, it),
            Record::History(it) => text(kind, expected, time, it),
            Record::RegistrationToken(it) => text(kind, expected, time, it),
            Record::Logo(it) => text(kind, expected, time, it),
        }?;
        Ok(Self { kind, key: keys::record(realm, kind, id), expected, time, value, index })
    }
}

/// Where a record stands and how it is found.
struct Place<'r> {
    kind: Kind,
    id: &'r [u8],
    time: Option<Timestamp>,
    index: Index,
}

impl<'r> Place<'r> {
    fn of(realm: &RealmId, record: &'r Record) -> Self {
        let plain = |kind, id| Self { kind, id, time: None, index: Index::Nothing };
        let until = |kind, id, time| Self { kind, id, time: Some(time), index: Index::Nothing };
        match record {
            Record::Realm(_) => Self { index: Index::Ordered(keys::realms()), ..plain(Kind::Realm, b"") },
            Record::Client(it) => Self { time: it.forget_at, ..plain(Kind::Client, it.id.as_str().as_bytes()) },
            Record::User(it) => Self {
                index: Index::Identifiers(Box::new(it.clone())),
                ..plain(Kind::User, it.subject.as_str().as_bytes())
            },
            Record::Device(it) => {
                let entry = keys::under(&keys::devices_of(realm, &it.subject), it.id.as_bytes());
                Self { index: Index::Fixed(entry), ..plain(Kind::Device, it.id.as_bytes()) }
            }
            Record::Ticket(it) => until(Kind::Ticket, keys::hashed(it.key.digest()), it.expires_at),
            Record::Enrolment(it) => until(Kind::Enrolment, it.id.as_bytes(), it.expires_at),
            Record::Request(it) => until(Kind::Request, keys::hashed(it.key.digest()), it.keep_until),
            Record::Prompt(it) => {
                let entry = keys::under(&keys::unanswered(realm, &it.device), it.id.as_bytes());
                let index = if it.answer.is_none() { Index::Fixed(entry) } else { Index::Dropped(entry) };
                Self { index, time: it.keep_until(), ..plain(Kind::Prompt, it.id.as_bytes()) }
            }
            Record::Grant(it) => until(Kind::Grant, keys::hashed(it.token.digest()), it.expires_at),
            Record::Family(it) => until(Kind::Family, keys::hashed(it.key.digest()), it.expires_at),
            Record::Attention(it) => {
                Self { time: it.forget_at(), ..plain(Kind::Attention, keys::hashed(it.key.digest())) }
            }
            Record::History(it) => until(Kind::History, keys::hashed(it.key.digest()), it.forget_at()),
            Record::RegistrationToken(it) => {
                until(Kind::RegistrationToken, keys::hashed(it.key.digest()), it.expires_at)
            }
            Record::Logo(it) => Self { time: it.forget_at, ..plain(Kind::Logo, it.client.as_str().as_bytes()) },
            Record::Message(it) => {
                Self { index: Index::Due(it.give_up_at), ..until(Kind::Message, it.id.as_bytes(), it.due_at) }
            }
        }
    }
}

fn too_long(id: &[u8], index: &Index) -> Option<usize> {
    let longest = match index {
        Index::Identifiers(user) => user.identifiers().iter().map(|name| name.as_str().len()).max().unwrap_or_default(),
        _ => 0,
    };
    Some(longest.max(id.len())).filter(|length| *length > MAX_ID_BYTES)
}

impl MarkDraft {
    fn of(realm: &RealmId, name: MarkKey, value: &Digest, expires_at: Timestamp) -> Result<Self, CommitError> {
        let key = keys::mark(realm, &name);
        let value = text(Kind::Mark, Expected::Absent, Some(expires_at), value)?;
        Ok(Self { name, key, expires_at, value })
    }
}

impl EventDraft {
    fn of(event: &Event, keep_until: Timestamp) -> Result<Self, CommitError> {
        let json = serde_json::to_vec(event).expect("an event is plain data");
        if json.len() > MAX_EVENT_BYTES {
            return Err(CommitError::TooLarge(Kind::Audit.name(), json.len()));
        }
        Ok(Self { at: event.at, keep_until, json })
    }
}

fn text(
    kind: Kind,
    expected: Expected,
    time: Option<Timestamp>,
    record: &impl Serialize,
) -> Result<Vec<u8>, CommitError> {
    let version = match expected {
        Expected::Absent => 1,
        Expected::Version(version) => version + 1,
    };
    value::draft(kind, version, time, record).map_err(|bytes| CommitError::TooLarge(kind.name(), bytes))
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Corruption { .. } => Self::Damaged("a page does not match its checksum".to_owned()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}
