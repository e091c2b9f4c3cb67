//! The books in SQL: the same tables, statements and rules on SQLite and on PostgreSQL.

mod apply;
mod bulk;
mod candidates;
mod charges;
pub(crate) mod database;
mod details;
mod finance;
mod judged;
mod keys;
mod latencies;
pub(crate) mod link;
pub(crate) mod names;
pub(crate) mod number;
mod outcomes;
mod reports;
mod rollup;
mod rows;
mod samples;
mod settle;
mod verify;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;
use units::{RequestId, TenantId, Timestamp};
use uuid::Uuid;

use crate::{
    Applied, EventBatch, LedgerStore, Pricing, SettleReport, StoreError, StoreFuture, VerifyReport,
    postgres, sqlite,
};
use database::{Pen, Readers};
use link::query;
use names::Names;

/// The books in one database. Several processes may open it; their writers take turns.
#[derive(Debug, Clone)]
pub struct SqlStore {
    writer: Arc<Mutex<Writer>>,
    readers: Readers,
    pricing: Arc<Pricing>,
}

/// The only one in this process that writes, with the names it has seen.
#[derive(Debug)]
struct Writer {
    pen: Pen,
    names: Names,
}

impl SqlStore {
    /// Opens or makes a SQLite file in WAL mode, brings its tables up to date, and registers the price lists.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened, `Schema` when it is newer than this program.
    pub async fn open(path: &Path, pricing: Pricing) -> Result<Self, StoreError> {
        let (pen, readers) = sqlite::open(path).await?;
        Self::with(pen, readers, pricing).await
    }

    /// Connects to a PostgreSQL database, brings its tables up to date, and registers the price lists.
    ///
    /// # Errors
    /// `Unavailable` when the server does not take us, `Schema` when the tables are newer than this program.
    pub async fn connect(url: &str, pricing: Pricing) -> Result<Self, StoreError> {
        let (pen, readers) = postgres::open(url).await?;
        Self::with(pen, readers, pricing).await
    }

    async fn with(pen: Pen, readers: Readers, pricing: Pricing) -> Result<Self, StoreError> {
        let mut writer = Writer {
            pen,
            names: Names::default(),
        };
        register_rates(&mut writer.pen, &pricing).await?;
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            readers,
            pricing: Arc::new(pricing),
        })
    }

    /// Closes every connection, a file's after a last checkpoint.
    ///
    /// # Errors
    /// `Unavailable` when the checkpoint fails; nothing is lost then, the next open replays the log.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.lock().await.pen.close().await
    }
}

async fn register_rates(pen: &mut Pen, pricing: &Pricing) -> Result<(), StoreError> {
    let mut open = pen.begin().await?;
    for (id, rate) in pricing.rates.rows() {
        let subject = rate.subject.to_string();
        let pico = rate.price.pico().to_i64();
        query(
            "INSERT INTO rates (rate, subject, meter, pico, per, effective, currency, source)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(number::rate(*id))
        .bind(subject.as_str())
        .bind(i64::from(rate.meter.code()))
        .bind(pico.map_err(ledger::LedgerError::from)?)
        .bind(number::signed(rate.price.per()))
        .bind(rate.from.unix_nanos())
        .bind(pricing.rates.currency().as_str())
        .bind(&*rate.source)
        .execute(&mut open.link())
        .await?;
    }
    open.commit().await
}

impl LedgerStore for SqlStore {
    fn apply(&self, batch: EventBatch) -> StoreFuture<'_, Applied> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            apply::batch(&mut writer, &self.pricing, &batch).await
        })
    }

    fn applied_bytes(&self, segment: Uuid) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let found: Option<(i64,)> = query("SELECT applied FROM segments WHERE segment = $1")
                .bind(segment.as_bytes().as_slice())
                .fetch_optional(&mut self.readers.one().await?.link())
                .await?;
            Ok(found.map_or(0, |(applied,)| number::unsigned(applied)))
        })
    }

    fn forget_segment(&self, segment: Uuid) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut writer = self.writer.lock().await;
            // Until then the segment is the safe copy.
            writer.pen.secure().await?;
            let mut open = writer.pen.begin().await?;
            query("DELETE FROM segments WHERE segment = $1")
                .bind(segment.as_bytes().as_slice())
                .execute(&mut open.link())
                .await?;
            open.commit().await
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
            let mut view = self.readers.view().await?;
            verify::books(&mut view.link()).await
        })
    }

    fn request_tenant(&self, request: RequestId) -> StoreFuture<'_, Option<TenantId>> {
        Box::pin(async move {
            let found: Option<(String,)> = query(
                "SELECT names.text FROM requests JOIN names ON names.id = requests.tenant
                 WHERE requests.request = $1",
            )
            .bind(request.uuid().as_bytes().as_slice())
            .fetch_optional(&mut self.readers.one().await?.link())
            .await?;
            found
                .map(|(tenant,)| names::parse(&tenant, TenantId::new))
                .transpose()
        })
    }
}
