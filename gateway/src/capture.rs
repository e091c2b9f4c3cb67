//! Keeps features of requests of tenants that agree, and asks the gate in the shadow about them: behind a bounded queue,
//! off the request's path. A full queue drops, and counts what it drops.

mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::Candidate as Recorded;
use ledger_store::{CaptureStore, Forget, StoreError};
use router::{Captured, Decision};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use units::{DecisionId, ExpertId, ScenarioId, TenantId, Timestamp};

use crate::metrics::Metrics;
use crate::tenants::Tenants;
pub use writer::Watch;

/// Notes that wait at most: some 12 MB if every one is of a long prompt.
const QUEUE: usize = 1_024;
/// Time between two looks at what is written.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Nanoseconds of a day.
const DAY: i64 = 86_400 * 1_000_000_000;

/// One request on its way to the file.
#[derive(Debug)]
pub struct Note {
    /// Whose.
    pub tenant: TenantId,
    /// The decision of the live gate.
    pub decision: DecisionId,
    /// When the request came.
    pub at: Timestamp,
    /// The scenario it counts for.
    pub scenario: ScenarioId,
    /// What the gate read.
    pub features: Box<Captured>,
    /// For the gate in the shadow: what the live one decided, among whom.
    pub live: Option<LiveChoice>,
}

/// What the live gate decided.
#[derive(Debug)]
pub struct LiveChoice {
    /// The live gate.
    pub gate: Arc<str>,
    /// Its choice.
    pub chosen: ExpertId,
    /// The experts that could have been chosen.
    pub candidates: Vec<Recorded>,
}

impl LiveChoice {
    /// The facts of a decision.
    pub fn of(decision: &Decision) -> Self {
        Self {
            gate: Arc::clone(&decision.gate),
            chosen: decision.chosen.clone(),
            candidates: crate::request::recorded(decision),
        }
    }
}

/// The queue and its owner.
#[derive(Debug)]
pub struct Capture {
    queue: parking_lot::RwLock<Option<mpsc::Sender<Note>>>,
    store: Arc<dyn CaptureStore>,
    days: HashMap<TenantId, u16>,
    metrics: Metrics,
    tasks: TaskTracker,
    offered: AtomicU64,
}

impl Capture {
    /// Starts the writer.
    pub fn start(
        store: Arc<dyn CaptureStore>,
        tenants: &Tenants,
        watch: Watch,
        metrics: Metrics,
    ) -> Self {
        let (queue, notes) = mpsc::channel(QUEUE);
        let tasks = TaskTracker::new();
        tasks.spawn(writer::run(
            notes,
            Arc::clone(&store),
            watch,
            metrics.clone(),
        ));
        tasks.close();
        let days = tenants
            .iter()
            .filter_map(|(id, tenant)| Some((id.clone(), tenant.capture?.days)))
            .collect();
        Self {
            queue: parking_lot::RwLock::new(Some(queue)),
            store,
            days,
            metrics,
            tasks,
            offered: AtomicU64::new(0),
        }
    }

    /// Does the tenant agree?
    pub fn takes(&self, tenant: &TenantId) -> bool {
        self.days.contains_key(tenant)
    }

    /// Takes a note if there is room. Never waits.
    pub fn offer(&self, note: Note) {
        if let Some(queue) = self.queue.read().as_ref() {
            self.offered.fetch_add(1, Ordering::Relaxed);
            if queue.try_send(note).is_err() {
                self.metrics.capture_dropped.inc();
            }
        }
    }

    /// Waits until everything offered so far is kept or dropped.
    pub async fn settle(&self) {
        let offered = self.offered.load(Ordering::Relaxed);
        let done = || {
            self.metrics
                .captured
                .get()
                .saturating_add(self.metrics.capture_dropped.get())
        };
        while done() < offered {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The store behind.
    pub fn store(&self) -> &Arc<dyn CaptureStore> {
        &self.store
    }

    /// Deletes what is older than its tenant allows, and everything of tenants that do not agree (any more).
    ///
    /// # Errors
    /// The store does not answer; the next time will do.
    pub async fn forget_old(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut gone = 0_u64;
        for usage in self.store.usage().await? {
            let what = match self.days.get(&usage.tenant) {
                None => Forget::All,
                Some(days) => {
                    let age = DAY.saturating_mul(i64::from(*days));
                    let limit = now.unix_nanos().saturating_sub(age);
                    if usage.oldest.unix_nanos() >= limit {
                        continue;
                    }
                    Forget::Before(Timestamp::from_unix_nanos(limit))
                }
            };
            gone = gone.saturating_add(self.store.forget(usage.tenant, what).await?);
        }
        Ok(gone)
    }

    /// Takes no more, writes what waits, and ends.
    pub async fn shutdown(&self) {
        drop(self.queue.write().take());
        self.tasks.wait().await;
    }
}
