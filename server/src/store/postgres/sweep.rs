//! Forgetting what is past its time, in batches. Several processes may sweep at once: each takes what no other is taking.

use sqlx::{Connection as _, PgConnection, query};

use super::connections::on;
use super::failure::{Attempts, Failure};
use super::row::{PROMPT, REQUEST};
use super::{PostgresStore, buckets, damaged_at};
use crate::domain::authentication_request::AuthenticationRequest;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;
use crate::store::StoreError;

/// How far a sweep goes.
struct Batch<'a> {
    realm: &'a str,
    now: i64,
    buckets: Vec<i16>,
    most: i64,
}

impl PostgresStore {
    pub(super) async fn forget(&self, realm: &RealmId, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut batch = Batch { realm: realm.as_str(), now: now.unix_millis(), buckets: buckets(), most };
        let mut forgotten = 0;
        let mut attempts = Attempts::new();
        for forget in [Table::Record, Table::Mark, Table::Audit] {
            loop {
                match self.forget_from(forget, &batch).await {
                    Ok(count) => {
                        forgotten += count;
                        batch.most = batch.most.saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
                        break;
                    }
                    Err(failure) if attempts.again(&failure).await => {}
                    Err(failure) => return Err(failure.into()),
                }
            }
        }
        Ok(forgotten)
    }

    async fn forget_from(&self, table: Table, batch: &Batch<'_>) -> Result<usize, Failure> {
        on!(self.connections, |held| async {
            match table {
                Table::Record => records(&mut held, batch).await,
                Table::Mark => marks(&mut held, batch).await,
                Table::Audit => events(&mut held, batch).await,
            }
        })
    }
}

#[derive(Clone, Copy)]
enum Table {
    Record,
    Mark,
    Audit,
}

/// Records, and messages that nobody needs to carry any more and nobody is carrying. A request takes its prompts along.
async fn records(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<usize, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let found = query!(
        "SELECT kind, id, CASE WHEN kind = 'request' THEN document END AS document FROM record
        WHERE realm = $1 AND bucket = ANY($2) AND forget_at <= $3 AND (due_at IS NULL OR due_at <= $3)
        LIMIT $4 FOR UPDATE SKIP LOCKED",
        batch.realm,
        &batch.buckets,
        batch.now,
        batch.most
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut doomed = Rows::default();
    let mut spared = Rows::default();
    let mut forgotten = 0;
    for row in found {
        match prompts_of(&row.kind, &row.id, row.document.as_deref()) {
            Ok(prompts) => {
                forgotten += 1;
                doomed.add(row.kind, row.id);
                for prompt in prompts {
                    doomed.add(PROMPT.to_owned(), prompt);
                }
            }
            Err(error) => {
                tracing::error!(%error, "what should be forgotten is damaged and stays behind");
                spared.add(row.kind, row.id);
            }
        }
    }
    delete(&mut transaction, batch.realm, &doomed).await?;
    spare(&mut transaction, batch.realm, &spared).await?;
    transaction.commit().await?;
    Ok(forgotten)
}

#[derive(Default)]
struct Rows {
    kinds: Vec<String>,
    ids: Vec<Vec<u8>>,
}

impl Rows {
    fn add(&mut self, kind: String, id: Vec<u8>) {
        self.kinds.push(kind);
        self.ids.push(id);
    }
}

/// The ids of a request's prompts; other records have none.
fn prompts_of(kind: &str, id: &[u8], document: Option<&str>) -> Result<Vec<Vec<u8>>, StoreError> {
    let Some(document) = document.filter(|_| kind == REQUEST) else {
        return Ok(Vec::new());
    };
    let request: AuthenticationRequest = serde_json::from_str(document).map_err(|_| damaged_at(REQUEST, id))?;
    Ok(request.prompts.iter().map(|(_, prompt)| prompt.as_bytes().to_vec()).collect())
}

async fn delete(connection: &mut PgConnection, realm: &str, rows: &Rows) -> Result<(), sqlx::Error> {
    if rows.ids.is_empty() {
        return Ok(());
    }
    let delete = query!(
        "DELETE FROM record USING UNNEST($2::text[], $3::bytea[]) AS doomed(kind, id)
        WHERE record.realm = $1 AND record.kind = doomed.kind AND record.id = doomed.id",
        realm,
        &rows.kinds,
        &rows.ids
    );
    delete.execute(connection).await.map(drop)
}

/// Kept as evidence, and out of the way of later sweeps.
async fn spare(connection: &mut PgConnection, realm: &str, rows: &Rows) -> Result<(), sqlx::Error> {
    if rows.ids.is_empty() {
        return Ok(());
    }
    let spare = query!(
        "UPDATE record SET forget_at = NULL FROM UNNEST($2::text[], $3::bytea[]) AS spared(kind, id)
        WHERE record.realm = $1 AND record.kind = spared.kind AND record.id = spared.id",
        realm,
        &rows.kinds,
        &rows.ids
    );
    spare.execute(connection).await.map(drop)
}

async fn marks(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<usize, sqlx::Error> {
    let delete = query!(
        "DELETE FROM mark WHERE realm = $1 AND id IN (
            SELECT id FROM mark WHERE realm = $1 AND bucket = ANY($2) AND forget_at <= $3
            LIMIT $4 FOR UPDATE SKIP LOCKED
        )",
        batch.realm,
        &batch.buckets,
        batch.now,
        batch.most
    );
    delete.execute(connection).await.map(|done| counted(done.rows_affected()))
}

async fn events(connection: &mut PgConnection, batch: &Batch<'_>) -> Result<usize, sqlx::Error> {
    let delete = query!(
        "DELETE FROM audit USING (
            SELECT bucket, at, place, id FROM audit WHERE realm = $1 AND bucket = ANY($2) AND forget_at <= $3
            LIMIT $4 FOR UPDATE SKIP LOCKED
        ) AS old
        WHERE audit.realm = $1 AND audit.bucket = old.bucket AND audit.at = old.at AND audit.place = old.place
            AND audit.id = old.id",
        batch.realm,
        &batch.buckets,
        batch.now,
        batch.most
    );
    delete.execute(connection).await.map(|done| counted(done.rows_affected()))
}

fn counted(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
