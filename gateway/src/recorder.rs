//! The gateway's way into the books: one write to the journal for each finished request, prices at once
//! for headers and budgets, and the store behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{AttemptRecord, LedgerEvent, RateBook, price_now};
use ledger_store::{Journal, Store, StoreError};
use moka::sync::Cache;
use prometheus::IntCounter;
use units::{Pico, RequestId, TenantId};

/// How many requests are remembered for feedback that comes before the store has them.
const REMEMBERED: u64 = 100_000;
/// For how long.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// A request of a tenant. The tenant is part of the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OwnRequest {
    tenant: TenantId,
    request: RequestId,
}

/// Journal, store and price lists.
#[derive(Debug)]
pub struct Recorder {
    journal: Journal,
    store: Arc<dyn Store>,
    rates: RateBook,
    recent: Cache<OwnRequest, ()>,
    /// Writes that failed.
    failures: IntCounter,
    /// The last write failed.
    failing: AtomicBool,
}

impl Recorder {
    /// Puts the parts together; `failures` counts the writes that fail.
    pub fn new(
        journal: Journal,
        store: Arc<dyn Store>,
        rates: RateBook,
        failures: IntCounter,
    ) -> Self {
        let recent = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            journal,
            store,
            rates,
            recent,
            failures,
            failing: AtomicBool::new(false),
        }
    }

    /// Writes one group of events. `false` means that nothing was kept: no answer may be given away.
    #[must_use]
    pub fn record(&self, events: &[LedgerEvent]) -> bool {
        let written = self.journal.append(events);
        self.failing.store(written.is_err(), Ordering::Relaxed);
        match written {
            Ok(()) => true,
            Err(why) => {
                self.failures.inc();
                tracing::error!(%why, "journal refuses");
                false
            }
        }
    }

    /// Could a request be recorded now? After a write that failed this writes an empty group to see.
    pub fn takes_records(&self) -> bool {
        !self.failing.load(Ordering::Relaxed) || self.record(&[])
    }

    /// Marginal cost of an attempt at the prices of its time; `None` where a meter or a price is
    /// unknown.
    pub fn price(&self, attempt: &AttemptRecord) -> Option<Pico> {
        price_now(&self.rates, attempt)
    }

    /// The price lists.
    pub fn rates(&self) -> &RateBook {
        &self.rates
    }

    /// The store, for reports and keys.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Remembers whose request it was, until the store knows.
    pub fn remember(&self, tenant: &TenantId, request: RequestId) {
        self.recent.insert(
            OwnRequest {
                tenant: tenant.clone(),
                request,
            },
            (),
        );
    }

    /// Was the request made by this tenant?
    ///
    /// # Errors
    /// The store does not answer, and the request is not among those remembered.
    pub async fn knows(&self, tenant: &TenantId, request: RequestId) -> Result<bool, StoreError> {
        let own = OwnRequest {
            tenant: tenant.clone(),
            request,
        };
        if self.recent.contains_key(&own) {
            return Ok(true);
        }
        let owner = self.store.request_tenant(request).await?;
        Ok(owner.is_some_and(|owner| owner == *tenant))
    }

    /// Does the store take the journal?
    pub fn store_answers(&self) -> bool {
        self.journal.status().failures == 0
    }

    /// Bytes of the journal that wait for the store.
    pub fn lag_bytes(&self) -> i64 {
        i64::try_from(self.journal.status().backlog_bytes).unwrap_or(i64::MAX)
    }

    /// Waits until all that was recorded is in the store.
    ///
    /// # Errors
    /// The store refuses; everything stays in the journal.
    pub async fn drain(&self) -> Result<(), ledger_store::JournalError> {
        self.journal.drain().await
    }

    /// Moves what is left into the store and ends the journal's tasks.
    pub async fn shutdown(&self) {
        if let Err(why) = self.journal.shutdown().await {
            tracing::warn!(%why, "journal is left for the next start");
        }
    }
}
