//! Everything of one kind, page by page.

use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};

use super::connections::looked_up;
use super::draft::value_of;
use super::read::{Found, limit};
use super::row::{
    ATTENTION, CLIENT, DEVICE, ENROLMENT, FAMILY, GRANT, HISTORY, LOGO, MESSAGE, PROMPT, REGISTRATION_TOKEN, REQUEST,
    TICKET, USER,
};
use super::{PostgresStore, buckets, damaged, damaged_at};
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::page::{Entry, Kept, MarkName, Page, Position};
use crate::store::{Record, StoreError, Versioned};

impl PostgresStore {
    pub(super) async fn read_page(
        &self,
        realm: &RealmId,
        kept: Kept,
        after: Option<&Position>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let after = after.map(|position| position.0.as_slice());
        match kept {
            Kept::Client => self.page_of_records(realm, CLIENT, after, most).await,
            Kept::User => self.page_of_records(realm, USER, after, most).await,
            Kept::Device => self.page_of_records(realm, DEVICE, after, most).await,
            Kept::Ticket => self.page_of_records(realm, TICKET, after, most).await,
            Kept::Enrolment => self.page_of_records(realm, ENROLMENT, after, most).await,
            Kept::Request => self.page_of_records(realm, REQUEST, after, most).await,
            Kept::Prompt => self.page_of_records(realm, PROMPT, after, most).await,
            Kept::Grant => self.page_of_records(realm, GRANT, after, most).await,
            Kept::Family => self.page_of_records(realm, FAMILY, after, most).await,
            Kept::History => self.page_of_records(realm, HISTORY, after, most).await,
            Kept::RegistrationToken => self.page_of_records(realm, REGISTRATION_TOKEN, after, most).await,
            Kept::Logo => self.page_of_records(realm, LOGO, after, most).await,
            Kept::Attention => self.page_of_records(realm, ATTENTION, after, most).await,
            Kept::Message => self.page_of_records(realm, MESSAGE, after, most).await,
            Kept::Mark => self.page_of_marks(realm, after, most).await,
            Kept::Event => self.page_of_events(realm, after, most).await,
        }
    }

    async fn page_of_records(
        &self,
        realm: &RealmId,
        kind: &'static str,
        after: Option<&[u8]>,
        most: usize,
    ) -> Result<Page, StoreError> {
        // No id is empty.
        let after = after.unwrap_or_default();
        let found = looked_up!(self, |held| {
            query!(
            "SELECT id, version, document FROM record WHERE realm = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4",
            realm.as_str(),
            kind,
            after,
            limit(most)
        )
        .fetch_all(&mut *held)
        });
        let next = found.last().filter(|_| found.len() >= most).map(|last| Position(last.id.clone()));
        let entries =
            found.into_iter().map(|row| record(kind, row.id, row.version, &row.document)).collect::<Result<_, _>>()?;
        Ok(Page { entries, next })
    }

    async fn page_of_marks(&self, realm: &RealmId, after: Option<&[u8]>, most: usize) -> Result<Page, StoreError> {
        let after = after.unwrap_or_default();
        let found = looked_up!(self, |held| query!(
            "SELECT id, value, forget_at FROM mark WHERE realm = $1 AND id > $2 ORDER BY id LIMIT $3",
            realm.as_str(),
            after,
            limit(most)
        )
        .fetch_all(&mut *held));
        let next = found.last().filter(|_| found.len() >= most).map(|last| Position(last.id.clone()));
        let entries = found
            .into_iter()
            .map(|row| mark(&row.id, &row.value, row.forget_at).ok_or_else(|| damaged_at("mark", &row.id)));
        Ok(Page { entries: entries.collect::<Result<_, _>>()?, next })
    }

    /// In the order of the trail, so that whoever imports them writes them in it.
    async fn page_of_events(&self, realm: &RealmId, after: Option<&[u8]>, most: usize) -> Result<Page, StoreError> {
        let after =
            after.map_or(Ok(Place::FIRST), |after| serde_json::from_slice(after).map_err(|_| damaged("position")))?;
        let (buckets, most_rows) = (buckets(), limit(most));
        let found = looked_up!(self, |held| query_as!(
            EventRow,
            r#"SELECT at AS "at!", place AS "place!", id AS "id!", event AS "event!", forget_at AS "forget_at!"
            FROM UNNEST($2::smallint[]) AS part(bucket)
            CROSS JOIN LATERAL (
                SELECT at, place, id::text, event, forget_at FROM audit
                WHERE realm = $1 AND bucket = part.bucket AND (at, place, id) > ($3, $4, $5::text::uuid)
                ORDER BY at, place, id LIMIT $6
            ) AS next
            ORDER BY at, place, id LIMIT $6"#,
            realm.as_str(),
            &buckets,
            after.at,
            after.within,
            &*after.id,
            most_rows
        )
        .fetch_all(&mut *held));
        let next = found.last().filter(|_| found.len() >= most).map(EventRow::position);
        Ok(Page { entries: found.iter().map(EventRow::entry).collect::<Result<_, _>>()?, next })
    }
}

fn record(kind: &'static str, id: Vec<u8>, version: i64, document: &str) -> Result<Entry, StoreError> {
    // Kinds are called here as in an export, so that the table of kinds need not stand here too.
    let tagged = format!(r#"{{"kind":"{kind}","record":{document}}}"#);
    let found: Versioned<Record> = Found { id, version, document: tagged }.read(kind)?;
    Ok(Entry::Record(found))
}

fn mark(id: &[u8], value: &[u8], forget_at: i64) -> Option<Entry> {
    let name = MarkName::from_bytes(id.try_into().ok()?);
    Some(Entry::Mark(name, value_of(value)?, Timestamp::from_unix_millis(forget_at)))
}

/// Of an event in the trail. UUIDs have an order, the same as that of their texts.
#[derive(Serialize, Deserialize)]
struct Place {
    at: i64,
    within: i64,
    id: std::borrow::Cow<'static, str>,
}

impl Place {
    /// Before all others.
    const FIRST: Self =
        Self { at: i64::MIN, within: i64::MIN, id: std::borrow::Cow::Borrowed("00000000-0000-0000-0000-000000000000") };
}

struct EventRow {
    at: i64,
    place: i64,
    id: String,
    event: String,
    forget_at: i64,
}

impl EventRow {
    fn position(&self) -> Position {
        let place = Place { at: self.at, within: self.place, id: self.id.clone().into() };
        Position(serde_json::to_vec(&place).expect("a place is plain data"))
    }

    fn entry(&self) -> Result<Entry, StoreError> {
        let event = serde_json::from_str(&self.event).map_err(|_| damaged("audit event"))?;
        Ok(Entry::Event(event, Timestamp::from_unix_millis(self.forget_at)))
    }
}
