//! A change turned into the columns that one statement takes.

use super::super::MAX_EVENT_BYTES;
use super::bucket;
use super::row::Row;
use crate::domain::audit::Event;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::{Change, CommitError, Expected, Mark, MarkKey, Write};
use protocol::Digest;

/// A change, column by column.
pub(super) struct Draft {
    pub(super) realm: RealmId,
    pub(super) marks: Marks,
    pub(super) records: Records,
    pub(super) concluded: Concluded,
    pub(super) events: Events,
    pub(super) names: Names,
}

/// Rows of the table `mark`, and what each is called.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) keys: Vec<MarkKey>,
    pub(super) ids: Vec<Vec<u8>>,
    pub(super) values: Vec<Vec<u8>>,
    pub(super) buckets: Vec<i16>,
    pub(super) forget_ats: Vec<i64>,
}

/// Rows of the table `record`, and the version that each is to replace.
#[derive(Default)]
pub(super) struct Records {
    pub(super) kinds: Vec<&'static str>,
    pub(super) ids: Vec<Vec<u8>>,
    pub(super) expected: Vec<Option<i64>>,
    pub(super) documents: Vec<String>,
    pub(super) listed: Vec<Option<Vec<u8>>>,
    /// Place in the change.
    pub(super) places: Vec<i64>,
    pub(super) buckets: Vec<i16>,
    pub(super) due_ats: Vec<Option<i64>>,
    pub(super) forget_ats: Vec<Option<i64>>,
}

/// Messages that leave the outbox, and their versions.
#[derive(Default)]
pub(super) struct Concluded {
    pub(super) ids: Vec<Vec<u8>>,
    pub(super) versions: Vec<i64>,
}

/// Rows of the table `audit`.
#[derive(Default)]
pub(super) struct Events {
    pub(super) ats: Vec<i64>,
    pub(super) texts: Vec<String>,
    pub(super) buckets: Vec<i16>,
    pub(super) forget_ats: Vec<i64>,
}

/// All identifiers of the users in the change, with their subjects; `owners` has each subject once.
#[derive(Default)]
pub(super) struct Names {
    pub(super) owners: Vec<Vec<u8>>,
    pub(super) canonical: Vec<Vec<u8>>,
    pub(super) subjects: Vec<Vec<u8>>,
}

impl Draft {
    /// Refuses what is too large, and what is replayed within the change itself; judges nothing else.
    pub(super) fn of(change: &Change) -> Result<Self, CommitError> {
        let mut draft = Self {
            realm: change.realm.clone(),
            marks: Marks::default(),
            records: Records::default(),
            concluded: Concluded::default(),
            events: Events::default(),
            names: Names::default(),
        };
        for mark in &change.marks {
            draft.marks.add(mark)?;
        }
        let mut rows = (0..).zip(&change.writes).map(row).collect::<Result<Vec<_>, _>>()?;
        // Every commit takes its locks in the same order, so that few ever wait for each other in a circle.
        rows.sort_by(|(_, one, _), (_, other, _)| (one.kind, &one.id).cmp(&(other.kind, &other.id)));
        for (place, row, expected) in rows {
            draft.names.add(&row)?;
            draft.records.add(place, row, expected);
        }
        for (id, version) in &change.concluded {
            draft.concluded.ids.push(id.as_bytes().to_vec());
            draft.concluded.versions.push(number(*version)?);
        }
        for (event, keep_until) in &change.events {
            draft.events.add(event, *keep_until)?;
        }
        Ok(draft)
    }
}

fn row((place, write): (i64, &Write)) -> Result<(i64, Row, Option<i64>), CommitError> {
    let expected = match write.expected {
        Expected::Absent => None,
        Expected::Version(version) => Some(number(version)?),
    };
    Ok((place, Row::of(&write.record)?, expected))
}

/// A version that fits no column was never given out.
fn number(version: u64) -> Result<i64, CommitError> {
    i64::try_from(version).map_err(|_| CommitError::Conflict)
}

impl Marks {
    fn add(&mut self, mark: &Mark) -> Result<(), CommitError> {
        let id = mark.key.name().as_bytes().to_vec();
        if let Some(before) = self.ids.iter().position(|before| *before == id) {
            let value = value_of(&self.values[before]).expect("it was a digest when it was put there");
            return Err(CommitError::Replayed(mark.key.clone(), value));
        }
        self.keys.push(mark.key.clone());
        self.buckets.push(bucket(&id));
        self.ids.push(id);
        self.values.push(mark.value.as_bytes().to_vec());
        self.forget_ats.push(mark.expires_at.unix_millis());
        Ok(())
    }
}

/// The value of a mark as it is stored.
pub(super) fn value_of(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::from_bytes)
}

impl Records {
    fn add(&mut self, place: i64, row: Row, expected: Option<i64>) {
        self.places.push(place);
        self.kinds.push(row.kind);
        self.buckets.push(bucket(&row.id));
        self.ids.push(row.id);
        self.expected.push(expected);
        self.documents.push(row.document);
        self.listed.push(row.listed);
        self.due_ats.push(row.due_at.map(Timestamp::unix_millis));
        self.forget_ats.push(row.forget_at.map(Timestamp::unix_millis));
    }
}

impl Events {
    fn add(&mut self, event: &Event, keep_until: Timestamp) -> Result<(), CommitError> {
        let text = serde_json::to_string(event).expect("an event is plain data");
        if text.len() > MAX_EVENT_BYTES {
            return Err(CommitError::TooLarge("audit event", text.len()));
        }
        self.ats.push(event.at.unix_millis());
        self.buckets.push(bucket(text.as_bytes())); // it has no id that we could name
        self.texts.push(text);
        self.forget_ats.push(keep_until.unix_millis());
        Ok(())
    }
}

impl Names {
    fn add(&mut self, row: &Row) -> Result<(), CommitError> {
        if row.names.is_empty() {
            return Ok(());
        }
        self.owners.push(row.id.clone());
        for name in &row.names {
            let name = name.as_str().as_bytes().to_vec();
            if self.canonical.contains(&name) {
                return Err(CommitError::IdentifierTaken);
            }
            self.canonical.push(name);
            self.subjects.push(row.id.clone());
        }
        Ok(())
    }
}
