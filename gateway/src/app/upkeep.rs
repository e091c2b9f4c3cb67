//! What the gateway does between requests: fresh keys, prices of the hour, worker counters into the
//! ledger. Each task has an owner that stops it.

use std::sync::Arc;
use std::time::Duration;

use expert_pool::WorkerSample;
use ledger::{LedgerEvent, PoolCounters};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use units::Timestamp;

use super::App;

/// How often keys are read again: a key made or withdrawn by the command line counts after this time.
const KEYS_EVERY: Duration = Duration::from_secs(2);
/// How often prices are looked up again.
const PRICES_EVERY: Duration = Duration::from_secs(30);
/// How often worker counters are recorded.
const COUNTERS_EVERY: Duration = Duration::from_secs(5);

/// Time for every worker to tell its counters once more.
const FRESH_TIME: Duration = Duration::from_secs(5);

/// The running tasks. Dropping it cancels them.
#[derive(Debug)]
pub struct Upkeep {
    tasks: TaskTracker,
    stop: CancellationToken,
    app: Arc<App>,
}

impl Upkeep {
    /// Starts every task.
    pub fn start(app: &Arc<App>) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(every(KEYS_EVERY, stop.clone(), Arc::clone(app), Chore::Keys));
        tasks.spawn(every(PRICES_EVERY, stop.clone(), Arc::clone(app), Chore::Prices));
        tasks.spawn(every(COUNTERS_EVERY, stop.clone(), Arc::clone(app), Chore::Counters));
        Self { tasks, stop, app: Arc::clone(app) }
    }

    /// Stops every task, and records the counters one last time.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.app.record_counters(&self.app.pool.samples());
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Debug, Clone, Copy)]
enum Chore {
    Keys,
    Prices,
    Counters,
}

async fn every(period: Duration, stop: CancellationToken, app: Arc<App>, chore: Chore) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match chore {
            Chore::Keys => {
                if let Err(why) = app.refresh_keys().await {
                    tracing::warn!(%why, "keys cannot be read; the last ones stay");
                }
            }
            Chore::Prices => {
                let now = app.clock.now();
                app.prices.refresh(&app.catalog.load(), app.recorder.rates(), now);
            }
            Chore::Counters => app.record_counters(&app.pool.samples()),
        }
    }
}

impl App {
    /// Waits until every worker has told its counters after this moment, and records them. A worker
    /// that does not answer in time is left out.
    pub async fn record_fresh_counters(&self) {
        let now = self.clock.now();
        let mut samples = self.pool.counters();
        let fresh = samples.wait_for(|all| all.values().all(|sample| sample.at > now));
        if tokio::time::timeout(FRESH_TIME, fresh).await.is_err() {
            tracing::warn!("a worker does not tell its counters");
        }
        self.record_counters(&self.pool.samples());
    }

    /// Records how workers spent their time.
    pub fn record_counters(&self, samples: &[WorkerSample]) {
        let events: Vec<LedgerEvent> =
            samples.iter().map(|sample| LedgerEvent::Counters(counters(sample))).collect();
        if !events.is_empty() && !self.recorder.record(&events) {
            tracing::warn!("worker counters were not recorded; the next ones hold them too");
        }
    }
}

fn counters(sample: &WorkerSample) -> PoolCounters {
    let ms = sample.worker.started_unix_ms;
    PoolCounters {
        pool: sample.pool.clone(),
        worker: Arc::clone(&sample.worker.address),
        incarnation: Timestamp::from_unix_nanos(ms.saturating_mul(1_000_000)),
        at: sample.at,
        provisioned: sample.counters.provisioned_ns,
        busy: sample.counters.busy_ns,
        load: sample.counters.load_ns,
        idle: sample.counters.idle_ns,
        load_by_expert: Vec::new(),
    }
}
