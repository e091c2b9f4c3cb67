//! Plugins' values and steps in a SQLite file of their own.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;
use units::{RequestId, TenantId, Timestamp};

use super::{beside, names, number};
use crate::{
    PluginQuota, PluginScope, PluginStore, PluginWrite, StepRecord, StoreError, StoreFuture,
    Written,
};

/// Plugins' values and steps in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqlitePlugins {
    writer: Arc<Mutex<SqliteConnection>>,
    readers: SqlitePool,
}

impl SqlitePlugins {
    /// Opens or makes the file and brings its tables up to date.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let tables = sqlx::migrate!("./migrations-plugins");
        let (writer, readers) = beside::open(path, &tables, beside::Deleted::Left).await?;
        Ok(Self { writer, readers })
    }
}

type StepRow = (String, String, String, String, i64, String);

impl PluginStore for SqlitePlugins {
    fn value(
        &self,
        scope: PluginScope,
        key: String,
        now: Timestamp,
    ) -> StoreFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let row: Option<(Vec<u8>,)> = sqlx::query_as(
                "SELECT value FROM plugin_values
                 WHERE tenant = ? AND plugin = ? AND key = ? AND (expires_ns IS NULL OR expires_ns > ?)",
            )
            .bind(scope.tenant.as_str())
            .bind(scope.plugin)
            .bind(key)
            .bind(now.unix_nanos())
            .fetch_optional(&self.readers)
            .await?;
            Ok(row.map(|(value,)| value))
        })
    }

    fn write(
        &self,
        scope: PluginScope,
        write: PluginWrite,
        quota: PluginQuota,
        now: Timestamp,
    ) -> StoreFuture<'_, Written> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
            let written = put(&mut transaction, &scope, write, quota, now).await?;
            if written == Written::Done {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(written)
        })
    }

    fn keys(
        &self,
        scope: PluginScope,
        prefix: String,
        limit: u32,
        now: Timestamp,
    ) -> StoreFuture<'_, Vec<String>> {
        Box::pin(async move {
            let rows: Vec<(String,)> = sqlx::query_as(
                "SELECT key FROM plugin_values
                 WHERE tenant = ?1 AND plugin = ?2 AND substr(key, 1, length(?3)) = ?3
                   AND (expires_ns IS NULL OR expires_ns > ?4)
                 ORDER BY key LIMIT ?5",
            )
            .bind(scope.tenant.as_str())
            .bind(scope.plugin)
            .bind(prefix)
            .bind(now.unix_nanos())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
            Ok(rows.into_iter().map(|(key,)| key).collect())
        })
    }

    fn step(
        &self,
        scope: PluginScope,
        run: String,
        key: String,
    ) -> StoreFuture<'_, Option<String>> {
        Box::pin(async move {
            let row: Option<(String,)> = sqlx::query_as(
                "SELECT value FROM plugin_steps WHERE tenant = ? AND plugin = ? AND run = ? AND key = ?",
            )
            .bind(scope.tenant.as_str())
            .bind(scope.plugin)
            .bind(run)
            .bind(key)
            .fetch_optional(&self.readers)
            .await?;
            Ok(row.map(|(value,)| value))
        })
    }

    fn record_step(&self, step: StepRecord) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            sqlx::query(
                "INSERT INTO plugin_steps (tenant, plugin, run, key, place, value, at_ns, request)
                 SELECT ?1, ?2, ?3, ?4,
                        (SELECT COUNT(*) FROM plugin_steps WHERE tenant = ?1 AND plugin = ?2 AND run = ?3),
                        ?5, ?6, ?7
                 WHERE true
                 ON CONFLICT DO NOTHING",
            )
            .bind(step.scope.tenant.as_str())
            .bind(step.scope.plugin)
            .bind(step.run)
            .bind(step.key)
            .bind(step.value)
            .bind(step.at.unix_nanos())
            .bind(step.request.to_string())
            .execute(&mut *writer)
            .await?;
            Ok(())
        })
    }

    fn steps(&self, tenant: TenantId, since: Timestamp) -> StoreFuture<'_, Vec<StepRecord>> {
        Box::pin(async move {
            let rows: Vec<StepRow> = sqlx::query_as(
                "SELECT plugin, run, key, value, at_ns, request FROM plugin_steps
                 WHERE tenant = ? AND at_ns >= ? ORDER BY plugin, run, place",
            )
            .bind(tenant.as_str())
            .bind(since.unix_nanos())
            .fetch_all(&self.readers)
            .await?;
            let record = |(plugin, run, key, value, at, request): StepRow| {
                Ok(StepRecord {
                    scope: PluginScope {
                        tenant: tenant.clone(),
                        plugin,
                    },
                    run,
                    key,
                    value,
                    at: Timestamp::from_unix_nanos(at),
                    request: names::parse(&request, str::parse::<RequestId>)?,
                })
            };
            rows.into_iter().map(record).collect()
        })
    }

    fn sweep(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            let gone = sqlx::query("DELETE FROM plugin_values WHERE expires_ns <= ?")
                .bind(now.unix_nanos())
                .execute(&mut *writer)
                .await?;
            Ok(gone.rows_affected())
        })
    }
}

/// Writes inside a transaction. The quota is looked at with the value in place.
async fn put(
    connection: &mut SqliteConnection,
    scope: &PluginScope,
    write: PluginWrite,
    quota: PluginQuota,
    now: Timestamp,
) -> Result<Written, StoreError> {
    sqlx::query("DELETE FROM plugin_values WHERE tenant = ? AND plugin = ? AND expires_ns <= ?")
        .bind(scope.tenant.as_str())
        .bind(&scope.plugin)
        .bind(now.unix_nanos())
        .execute(&mut *connection)
        .await?;
    if let Some(wanted) = &write.only_if {
        let there: Option<(Vec<u8>,)> = sqlx::query_as(
            "SELECT value FROM plugin_values WHERE tenant = ? AND plugin = ? AND key = ?",
        )
        .bind(scope.tenant.as_str())
        .bind(&scope.plugin)
        .bind(&write.key)
        .fetch_optional(&mut *connection)
        .await?;
        if there.map(|(value,)| value) != *wanted {
            return Ok(Written::Other);
        }
    }
    let Some(value) = write.value else {
        sqlx::query("DELETE FROM plugin_values WHERE tenant = ? AND plugin = ? AND key = ?")
            .bind(scope.tenant.as_str())
            .bind(&scope.plugin)
            .bind(&write.key)
            .execute(&mut *connection)
            .await?;
        return Ok(Written::Done);
    };
    sqlx::query(
        "INSERT INTO plugin_values (tenant, plugin, key, value, expires_ns) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (tenant, plugin, key) DO UPDATE SET value = excluded.value, expires_ns = excluded.expires_ns",
    )
    .bind(scope.tenant.as_str())
    .bind(&scope.plugin)
    .bind(&write.key)
    .bind(value)
    .bind(write.expires.map(Timestamp::unix_nanos))
    .execute(&mut *connection)
    .await?;
    let (keys, bytes): (i64, i64) = sqlx::query_as(
        "SELECT COUNT(*), COALESCE(SUM(length(CAST(key AS BLOB)) + length(value)), 0)
         FROM plugin_values WHERE tenant = ? AND plugin = ?",
    )
    .bind(scope.tenant.as_str())
    .bind(&scope.plugin)
    .fetch_one(&mut *connection)
    .await?;
    let fits = number::unsigned(keys) <= quota.keys && number::unsigned(bytes) <= quota.bytes;
    Ok(if fits { Written::Done } else { Written::Full })
}
