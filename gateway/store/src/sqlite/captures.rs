//! Captured features in a file of their own. Deleted rows are overwritten, and the log is cut after each deletion.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;
use units::{DecisionId, ExpertId, TenantId, Timestamp};

use super::{beside, names, number};
use crate::{
    CaptureRecord, CaptureStore, CaptureUsage, Forget, ShadowRecord, ShadowSummary, StoreError,
    StoreFuture,
};

/// Captured features in one SQLite file. Several processes may open it; writers wait for each other up to 5 s.
#[derive(Debug, Clone)]
pub struct SqliteCaptures {
    writer: Arc<Mutex<SqliteConnection>>,
    readers: SqlitePool,
}

impl SqliteCaptures {
    /// Opens or makes the file and brings its tables up to date.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let tables = sqlx::migrate!("./migrations-capture");
        let (writer, readers) = beside::open(path, &tables, beside::Deleted::Overwritten).await?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
    }
}

impl CaptureStore for SqliteCaptures {
    fn keep(
        &self,
        captures: Vec<CaptureRecord>,
        shadows: Vec<ShadowRecord>,
    ) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
            for record in &captures {
                capture(&mut transaction, record).await?;
            }
            for record in &shadows {
                shadow(&mut transaction, record).await?;
            }
            Ok(transaction.commit().await?)
        })
    }

    fn features(
        &self,
        tenant: TenantId,
        decisions: Vec<DecisionId>,
    ) -> StoreFuture<'_, Vec<Option<Vec<u8>>>> {
        Box::pin(async move {
            let mut reader = self.readers.acquire().await?;
            let mut found = Vec::with_capacity(decisions.len());
            for decision in decisions {
                let row: Option<(Vec<u8>,)> = sqlx::query_as(
                    "SELECT features FROM captures WHERE tenant = ? AND decision = ?",
                )
                .bind(tenant.as_str())
                .bind(decision.uuid().into_bytes().to_vec())
                .fetch_optional(&mut *reader)
                .await?;
                found.push(row.map(|(features,)| features));
            }
            Ok(found)
        })
    }

    fn shadowed(&self, tenant: Option<TenantId>, shadow: String) -> StoreFuture<'_, ShadowSummary> {
        Box::pin(async move {
            let rows: Vec<(String, String, i64)> = sqlx::query_as(
                "SELECT live_choice, choice, COUNT(*) FROM shadows
                 WHERE shadow = ?1 AND (?2 IS NULL OR tenant = ?2)
                 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            )
            .bind(shadow)
            .bind(tenant.as_ref().map(TenantId::as_str))
            .fetch_all(&self.readers)
            .await?;
            let mut summary = ShadowSummary::default();
            for (live, choice, count) in rows {
                let count = number::unsigned(count);
                summary.decisions = summary.decisions.saturating_add(count);
                if live == choice {
                    summary.same = summary.same.saturating_add(count);
                } else {
                    let live = names::parse(&live, ExpertId::new)?;
                    let choice = names::parse(&choice, ExpertId::new)?;
                    summary.changes.push((live, choice, count));
                }
            }
            Ok(summary)
        })
    }

    fn forget(&self, tenant: TenantId, what: Forget) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let gone = forget(&mut writer, &tenant, &what).await?;
            if gone > 0 {
                // What was deleted stands in the log until it is cut.
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(&mut *writer)
                    .await?;
            }
            Ok(gone)
        })
    }

    fn usage(&self) -> StoreFuture<'_, Vec<CaptureUsage>> {
        Box::pin(async move {
            let rows: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
                "SELECT tenant, SUM(captures), SUM(bytes), SUM(shadows), MIN(oldest) FROM (
                     SELECT tenant, COUNT(*) AS captures, SUM(LENGTH(features)) AS bytes, 0 AS shadows,
                         MIN(at) AS oldest FROM captures GROUP BY tenant
                     UNION ALL
                     SELECT tenant, 0, 0, COUNT(*), MIN(at) FROM shadows GROUP BY tenant
                 ) GROUP BY tenant ORDER BY tenant",
            )
            .fetch_all(&self.readers)
            .await?;
            let usage = rows
                .into_iter()
                .map(|(tenant, captures, bytes, shadows, oldest)| {
                    Ok(CaptureUsage {
                        tenant: names::parse(&tenant, TenantId::new)?,
                        captures: number::unsigned(captures),
                        bytes: number::unsigned(bytes),
                        shadows: number::unsigned(shadows),
                        oldest: Timestamp::from_unix_nanos(oldest),
                    })
                });
            usage.collect()
        })
    }
}

async fn capture(
    connection: &mut SqliteConnection,
    record: &CaptureRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR IGNORE INTO captures (tenant, decision, at, features) VALUES (?, ?, ?, ?)",
    )
    .bind(record.tenant.as_str())
    .bind(record.decision.uuid().as_bytes().as_slice())
    .bind(record.at.unix_nanos())
    .bind(record.features.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

async fn shadow(
    connection: &mut SqliteConnection,
    record: &ShadowRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR IGNORE INTO shadows
             (tenant, shadow, decision, at, live, live_choice, choice, quality, live_quality)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.tenant.as_str())
    .bind(&*record.shadow)
    .bind(record.decision.uuid().as_bytes().as_slice())
    .bind(record.at.unix_nanos())
    .bind(&*record.live)
    .bind(record.live_choice.as_str())
    .bind(record.choice.as_str())
    .bind(i64::from(record.quality.get()))
    .bind(i64::from(record.live_quality.get()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes in one transaction; how many rows went.
async fn forget(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    what: &Forget,
) -> Result<u64, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut gone = 0_u64;
    let statements: [&'static str; 2] = match what {
        Forget::All => [
            "DELETE FROM captures WHERE tenant = ?",
            "DELETE FROM shadows WHERE tenant = ?",
        ],
        Forget::Before(_) => [
            "DELETE FROM captures WHERE tenant = ? AND at < ?",
            "DELETE FROM shadows WHERE tenant = ? AND at < ?",
        ],
        Forget::Decision(_) => [
            "DELETE FROM captures WHERE tenant = ? AND decision = ?",
            "DELETE FROM shadows WHERE tenant = ? AND decision = ?",
        ],
    };
    for statement in statements {
        let query = sqlx::query(statement).bind(tenant.as_str());
        let query = match what {
            Forget::All => query,
            Forget::Before(at) => query.bind(at.unix_nanos()),
            Forget::Decision(id) => query.bind(id.uuid().into_bytes().to_vec()),
        };
        let done = query.execute(&mut *transaction).await?;
        gone = gone.saturating_add(done.rows_affected());
    }
    transaction.commit().await?;
    Ok(gone)
}
