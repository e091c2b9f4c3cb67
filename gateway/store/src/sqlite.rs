//! The embedded store: one SQLite file in WAL mode, one writer, a few readers.

mod apply;
mod beside;
mod bulk;
mod candidates;
mod captures;
mod charges;
mod judged;
mod keys;
mod names;
mod number;
mod outcomes;
mod plugins;
mod reports;
mod rollup;
mod rows;
mod samples;
mod settle;
mod verify;

pub use captures::SqliteCaptures;
pub use plugins::SqlitePlugins;

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::Mutex;
use units::{RequestId, TenantId, Timestamp};
use uuid::Uuid;

use crate::{
    Applied, EventBatch, LedgerStore, Pricing, SettleReport, StoreError, StoreFuture, VerifyReport,
    backstage,
};
use names::Names;

/// The books in one SQLite file. Several processes may open it; writers wait for each other up to 5 s.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: Arc<Mutex<Writer>>,
    readers: SqlitePool,
    pricing: Arc<Pricing>,
}

/// The only connection that writes, with the names it has seen.
#[derive(Debug)]
struct Writer {
    connection: SqliteConnection,
    names: Names,
}

impl SqliteStore {
    /// Opens or makes the file, brings its tables up to date, and registers the price lists.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
    pub async fn open(path: &Path, pricing: Pricing) -> Result<Self, StoreError> {
        own(path).map_err(|why| StoreError::Unavailable(sqlx::Error::Io(why)))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", "-16000")
            .pragma("temp_store", "MEMORY")
            // Pages that change in every batch go to the file once in a while, not each time: 16 MiB of log.
            .pragma("wal_autocheckpoint", "4000")
            .disable_statement_logging();
        let mut connection = backstage::connect(options.clone()).await?;
        let migrator = sqlx::migrate!("./migrations");
        migrator
            .run(&mut connection)
            .await
            .map_err(StoreError::Schema)?;
        register_rates(&mut connection, &pricing).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(0)
            .idle_timeout(Duration::from_secs(30))
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(
                options
                    .pragma("query_only", "ON")
                    .pragma("cache_size", "-1000"),
            );
        let writer = Writer {
            connection,
            names: Names::default(),
        };
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            readers,
            pricing: Arc::new(pricing),
        })
    }

    /// Closes every connection after a last checkpoint.
    ///
    /// # Errors
    /// `Unavailable` when the checkpoint fails; nothing is lost then, the next open replays the WAL.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.checkpoint().await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let (busy, log, copied): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
            .fetch_one(&mut writer.connection)
            .await?;
        // Busy means that a reader still needs the log; it was synced before anything was copied.
        tracing::debug!(busy, log, copied, "write-ahead log was copied");
        Ok(())
    }
}

/// Makes the file where it is missing, for its owner only: SQLite gives its log the same permissions.
fn own(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(path).map(drop)
}

async fn register_rates(
    connection: &mut SqliteConnection,
    pricing: &Pricing,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (id, rate) in pricing.rates.rows() {
        sqlx::query(
            "INSERT OR IGNORE INTO rates (rate, subject, meter, pico, per, effective, currency, source)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(number::rate(*id))
        .bind(rate.subject.to_string())
        .bind(i64::from(rate.meter.code()))
        .bind(rate.price.pico().to_i64().map_err(ledger::LedgerError::from)?)
        .bind(number::signed(rate.price.per()))
        .bind(rate.from.unix_nanos())
        .bind(pricing.rates.currency().as_str().to_owned())
        .bind(rate.source.to_string())
        .execute(&mut *transaction)
        .await?;
    }
    Ok(transaction.commit().await?)
}

impl LedgerStore for SqliteStore {
    fn apply(&self, batch: EventBatch) -> StoreFuture<'_, Applied> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            apply::batch(&mut writer, &self.pricing, &batch).await
        })
    }

    fn applied_bytes(&self, segment: Uuid) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let found: Option<(i64,)> =
                sqlx::query_as("SELECT applied FROM segments WHERE segment = ?")
                    .bind(segment.as_bytes().to_vec())
                    .fetch_optional(&self.readers)
                    .await?;
            Ok(found.map_or(0, |(applied,)| number::unsigned(applied)))
        })
    }

    fn forget_segment(&self, segment: Uuid) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            // In WAL mode a commit is safe against loss of power only once the log is synced, which a
            // checkpoint does first. Until then the segment is the safe copy.
            self.checkpoint().await?;
            let mut writer = self.writer.lock().await;
            sqlx::query("DELETE FROM segments WHERE segment = ?")
                .bind(segment.as_bytes().to_vec())
                .execute(&mut writer.connection)
                .await?;
            Ok(())
        })
    }

    fn settle(&self, now: Timestamp) -> StoreFuture<'_, SettleReport> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            settle::all(&mut writer, &self.pricing, now).await
        })
    }

    fn verify(&self) -> StoreFuture<'_, VerifyReport> {
        Box::pin(async move {
            let mut reader = self.readers.acquire().await?;
            verify::books(&mut reader).await
        })
    }

    fn request_tenant(&self, request: RequestId) -> StoreFuture<'_, Option<TenantId>> {
        Box::pin(async move {
            let found: Option<(String,)> = sqlx::query_as(
                "SELECT names.text FROM requests JOIN names ON names.id = requests.tenant
                 WHERE requests.request = ?",
            )
            .bind(request.uuid().as_bytes().to_vec())
            .fetch_optional(&self.readers)
            .await?;
            found
                .map(|(tenant,)| names::parse(&tenant, TenantId::new))
                .transpose()
        })
    }
}
