//! What is counted by looking at workers and budgets instead of by an event.

use std::collections::HashMap;
use std::time::Duration;

use expert_pool::{WorkerCounters, WorkerSample};
use units::{Nanos, Timestamp};

use super::Metrics;
use crate::admission::BudgetUse;

/// The counters of a worker that has just begun.
pub(super) const NOTHING_DONE: WorkerCounters = WorkerCounters {
    provisioned_ns: Nanos::new(0),
    busy_ns: Nanos::new(0),
    load_ns: Nanos::new(0),
    idle_ns: Nanos::new(0),
    requests: 0,
    rejected: 0,
    cancelled: 0,
};

impl Metrics {
    /// Counts what workers did since they were last seen, and tells their queues. A worker that was there before the
    /// gateway starts from what it says first.
    pub fn observe_workers(&self, samples: &[WorkerSample], started: Timestamp) {
        let mut seen = self.workers.lock();
        self.worker_queue.reset();
        let mut now = HashMap::with_capacity(samples.len());
        for sample in samples {
            let (pool, counters) = (sample.pool.as_str(), sample.counters);
            let born =
                Timestamp::from_unix_nanos(sample.worker.started_unix_ms.saturating_mul(1_000_000));
            let before = match seen.get(&sample.worker) {
                Some(before) => *before,
                None if born >= started => NOTHING_DONE,
                None => counters,
            };
            for (what, now, before) in [
                ("busy", counters.busy_ns, before.busy_ns),
                ("load", counters.load_ns, before.load_ns),
                ("idle", counters.idle_ns, before.idle_ns),
            ] {
                let spent = now.get().saturating_sub(before.get());
                let seconds = Duration::from_nanos(spent).as_secs_f64();
                self.device_seconds
                    .with_label_values(&[pool, what])
                    .inc_by(seconds);
            }
            for (outcome, now, before) in [
                ("answered", counters.requests, before.requests),
                ("rejected", counters.rejected, before.rejected),
                ("cancelled", counters.cancelled, before.cancelled),
            ] {
                self.worker_requests
                    .with_label_values(&[pool, outcome])
                    .inc_by(now.saturating_sub(before));
            }
            for (state, count) in [("waiting", sample.waiting), ("running", sample.running)] {
                self.worker_queue
                    .with_label_values(&[pool, state])
                    .add(count.into());
            }
            now.insert(sample.worker.clone(), counters);
        }
        *seen = now;
    }

    /// Tells how many budgets are how far spent.
    pub fn observe_budgets(&self, used: &BudgetUse) {
        for (spent, count) in [
            ("total", used.total),
            ("over_50", used.half),
            ("over_80", used.four_fifths),
            ("over_100", used.whole),
        ] {
            self.budgets
                .with_label_values(&[spent])
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
