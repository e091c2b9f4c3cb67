//! What is counted by looking at workers and budgets instead of by an event.

use std::collections::HashMap;
use std::time::Duration;

use expert_pool::{AttemptReport, WorkerCounters, WorkerSample};
use units::{AttemptStatus, Nanos, Pico, Purpose, Timestamp};

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

    /// Counts a try at an expert: its time, tokens and cost.
    pub fn count_attempt(&self, report: &AttemptReport, purpose: Purpose, price: Option<Pico>) {
        let seconds = |time: Nanos| time.to_duration().as_secs_f64();
        let expert = report.expert.as_str();
        let labels = [expert, purpose.as_str(), report.status.as_str()];
        self.attempts.with_label_values(&labels).inc();
        match price.and_then(|p| u64::try_from(p.get().div_euclid(1_000)).ok()) {
            Some(nano) => self.cost.with_label_values(&[expert]).inc_by(nano),
            None => self.cost_unknown.with_label_values(&[expert]).inc(),
        }
        if let Some(time) = report.receipt.device_ns {
            let pool = report.pool.as_str();
            let booked = self.receipt_seconds.with_label_values(&[pool]);
            booked.inc_by(seconds(time));
        }
        if let Some(time) = report.receipt.cpu_ns {
            let spent = self.plugin_cpu.with_label_values(&[expert]);
            spent.inc_by(seconds(time));
        }
        let tokens = &report.receipt.tokens;
        for (kind, count) in [("input", tokens.input()), ("output", tokens.output())] {
            if let Some(count) = count.and_then(|c| u32::try_from(c.get()).ok()) {
                let usage = self.token_usage.with_label_values(&[expert, kind]);
                usage.observe(f64::from(count));
            }
        }
        let failed = match report.status {
            AttemptStatus::Ok => "",
            failed => failed.as_str(),
        };
        let took = report.finished.since(report.started);
        let operation = self.operation.with_label_values(&[expert, failed]);
        operation.observe(seconds(took));
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
