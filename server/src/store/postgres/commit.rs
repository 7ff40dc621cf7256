//! The one write. A change is one statement and so one round trip; it ends in an error, and leaves nothing behind, if it
//! finds anything other than the change was decided on. Only a change that writes a user needs a transaction around it.

use sqlx::{Connection as _, PgConnection, query, query_scalar};

use super::PostgresStore;
use super::connections::on;
use super::draft::{Draft, Marks, Names, value_of};
use super::failure::{Attempts, CONFLICT, Failure, REPLAYED};
use crate::domain::names::RealmId;
use crate::store::{Change, CommitError, StoreError};

/// What became of an attempt.
enum Outcome {
    Done,
    IdentifierTaken,
}

impl PostgresStore {
    /// Makes the change. Tried again only when surely nothing of it was done.
    pub(super) async fn make(&self, change: &Change) -> Result<(), CommitError> {
        let draft = Draft::of(change)?;
        let mut attempts = Attempts::new();
        loop {
            let failure = match self.attempt(&draft).await {
                Ok(Outcome::Done) => return Ok(()),
                Ok(Outcome::IdentifierTaken) => return Err(CommitError::IdentifierTaken),
                Err(failure) => failure,
            };
            match failure.state().as_deref() {
                Some(CONFLICT) => return Err(CommitError::Conflict),
                // A mark that is gone again was swept in between: what was refused for its sake is tried again.
                Some(REPLAYED) => match self.replayed(&draft.realm, &draft.marks).await? {
                    Some(replayed) => return Err(replayed),
                    None if attempts.pause().await => {}
                    None => return Err(CommitError::Conflict),
                },
                _ if attempts.again(&failure).await => {}
                _ => return Err(StoreError::from(failure).into()),
            }
        }
    }

    async fn attempt(&self, draft: &Draft) -> Result<Outcome, Failure> {
        on!(self.connections, |held| async {
            if draft.names.owners.is_empty() {
                write(&mut held, draft).await.map(|()| Outcome::Done)
            } else {
                write_with_names(&mut held, draft).await
            }
        })
    }

    /// The first of the marks that was set before.
    async fn replayed(&self, realm: &RealmId, marks: &Marks) -> Result<Option<CommitError>, StoreError> {
        let look_up =
            query!("SELECT id, value FROM mark WHERE realm = $1 AND id = ANY($2)", realm.as_str(), &marks.ids);
        let found = on!(self.connections, |held| look_up.fetch_all(&mut *held))?;
        for (key, id) in marks.keys.iter().zip(&marks.ids) {
            if let Some(set) = found.iter().find(|set| set.id == *id) {
                let value = value_of(&set.value).ok_or_else(|| super::damaged_at("mark", id))?;
                return Ok(Some(CommitError::Replayed(key.clone(), value)));
            }
        }
        Ok(None)
    }
}

/// Every `WITH` clause sees the tables as they were when the statement began, and all of them are carried out, whatever
/// the last line reads. Somebody else's commit in between shows in the number of rows: `ON CONFLICT DO NOTHING` waits for it
/// and then inserts less, and an `UPDATE` waits for it and then compares the version again.
async fn write(connection: &mut PgConnection, draft: &Draft) -> Result<(), sqlx::Error> {
    let Draft { realm, marks, records, concluded, events, names: _ } = draft;
    query_scalar!(
        r#"
        WITH marked AS (
            INSERT INTO mark (realm, id, value, bucket, forget_at)
            SELECT $1, * FROM UNNEST($2::bytea[], $3::bytea[], $4::smallint[], $5::bigint[])
            ON CONFLICT DO NOTHING
            RETURNING 1
        ), draft AS (
            SELECT * FROM UNNEST(
                $6::text[], $7::bytea[], $8::bigint[], $9::text[], $10::bytea[], $11::bigint[], $12::smallint[],
                $13::bigint[], $14::bigint[]
            ) AS draft(kind, id, expected, document, listed, place, bucket, due_at, forget_at)
        ), created AS (
            INSERT INTO record (realm, kind, id, version, document, listed, place, bucket, due_at, forget_at)
            SELECT $1, kind, id, 1, document, listed, microseconds() + place, bucket, due_at, forget_at
            FROM draft WHERE expected IS NULL
            ON CONFLICT DO NOTHING
            RETURNING 1
        ), replaced AS (
            UPDATE record
            SET version = record.version + 1, document = draft.document, listed = draft.listed,
                due_at = draft.due_at, forget_at = draft.forget_at
            FROM draft
            WHERE record.realm = $1 AND record.kind = draft.kind AND record.id = draft.id
                AND record.version = draft.expected
            RETURNING 1
        ), concluded AS (
            DELETE FROM record USING UNNEST($15::bytea[], $16::bigint[]) AS message(id, version)
            WHERE record.realm = $1 AND record.kind = 'message' AND record.id = message.id
                AND record.version = message.version
            RETURNING 1
        ), told AS (
            INSERT INTO audit (realm, bucket, at, place, event, forget_at)
            SELECT $1, bucket, at, microseconds() + place, event, forget_at
            FROM UNNEST($17::smallint[], $18::bigint[], $19::text[], $20::bigint[])
                WITH ORDINALITY AS event(bucket, at, event, forget_at, place)
        )
        SELECT CASE
            WHEN (SELECT count(*) FROM marked) < cardinality($2) THEN refuse('AS001', 'assent: a mark was set before')
            WHEN (SELECT count(*) FROM created) + (SELECT count(*) FROM replaced) < cardinality($6)
                OR (SELECT count(*) FROM concluded) < cardinality($15) THEN refuse('AS002', 'assent: a record has changed')
        END
        "#,
        realm.as_str(),
        &marks.ids,
        &marks.values,
        &marks.buckets,
        &marks.forget_ats,
        &records.kinds as _,
        &records.ids,
        &records.expected as _,
        &records.documents,
        &records.listed as _,
        &records.places,
        &records.buckets,
        &records.due_ats as _,
        &records.forget_ats as _,
        &concluded.ids,
        &concluded.versions,
        &events.buckets,
        &events.ats,
        &events.texts,
        &events.forget_ats,
    )
    .fetch_one(connection)
    .await
    .map(drop)
}

/// Identifiers are rows of their own, freed and taken in a second and third statement: users are seldom written.
async fn write_with_names(connection: &mut PgConnection, draft: &Draft) -> Result<Outcome, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    write(&mut transaction, draft).await?;
    if !take_names(&mut transaction, &draft.realm, &draft.names).await? {
        transaction.rollback().await?;
        return Ok(Outcome::IdentifierTaken);
    }
    transaction.commit().await?;
    Ok(Outcome::Done)
}

/// Whether all of them are theirs now. An update that changes nothing says that a name was theirs before.
async fn take_names(connection: &mut PgConnection, realm: &RealmId, names: &Names) -> Result<bool, sqlx::Error> {
    query!(
        "DELETE FROM identifier WHERE realm = $1 AND subject = ANY($2) AND name <> ALL($3)",
        realm.as_str(),
        &names.owners,
        &names.canonical
    )
    .execute(&mut *connection)
    .await?;
    let theirs = query_scalar!(
        "INSERT INTO identifier (realm, name, subject)
        SELECT $1, * FROM UNNEST($2::bytea[], $3::bytea[])
        ON CONFLICT (realm, name) DO UPDATE SET subject = excluded.subject WHERE identifier.subject = excluded.subject
        RETURNING 1",
        realm.as_str(),
        &names.canonical,
        &names.subjects
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(theirs.len() == names.canonical.len())
}
