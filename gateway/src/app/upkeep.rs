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
/// How often key sets of token issuers are looked at again.
const KEY_SETS_EVERY: Duration = Duration::from_secs(5);
/// How often limits that nobody uses are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often prices are looked up again.
const PRICES_EVERY: Duration = Duration::from_secs(30);
/// How often budgets learn what the books say was spent.
const BUDGETS_EVERY: Duration = Duration::from_secs(30);
/// How often the gates' pointers are looked at: a promotion by the command line counts after this time.
const GATES_EVERY: Duration = Duration::from_secs(1);
/// How often the lock file of plugins is looked at.
const PLUGINS_EVERY: Duration = Duration::from_secs(1);
/// How often the traffic is compared with the gate's training.
const DRIFT_EVERY: Duration = Duration::from_secs(5);
/// How often captured features that are too old are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How often budgets are looked at for thresholds.
const ALERTS_EVERY: Duration = Duration::from_secs(5);
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
        for (period, chore) in [
            (KEYS_EVERY, Chore::Keys),
            (KEY_SETS_EVERY, Chore::KeySets),
            (SWEEP_EVERY, Chore::Sweep),
            (PRICES_EVERY, Chore::Prices),
            (BUDGETS_EVERY, Chore::Budgets),
            (ALERTS_EVERY, Chore::Alerts),
            (COUNTERS_EVERY, Chore::Counters),
            (GATES_EVERY, Chore::Gates),
            (PLUGINS_EVERY, Chore::Plugins),
            (DRIFT_EVERY, Chore::Drift),
            (FORGET_EVERY, Chore::Forget),
        ] {
            tasks.spawn(every(period, stop.clone(), Arc::clone(app), chore));
        }
        Self {
            tasks,
            stop,
            app: Arc::clone(app),
        }
    }

    /// Stops every task, and records the counters one last time.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.app.plugins.stop().await;
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
    KeySets,
    Sweep,
    Prices,
    Budgets,
    Alerts,
    Counters,
    Gates,
    Plugins,
    Drift,
    Forget,
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
            Chore::KeySets => {
                for (issuer, why) in app.auth.refresh_key_sets() {
                    tracing::warn!(issuer, %why, "key set cannot be read; the last one stays");
                }
            }
            Chore::Sweep => app.admission.sweep(app.clock.now()),
            Chore::Prices => {
                let now = app.clock.now();
                app.prices
                    .refresh(&app.catalog.load(), app.recorder.rates(), now);
            }
            Chore::Budgets => {
                if let Err(why) = app.restore_budgets().await {
                    tracing::warn!(%why, "spending cannot be read; what is known stays");
                }
            }
            Chore::Alerts => {
                if let Err(why) = app.alerts.look(&app).await {
                    tracing::warn!(%why, "a threshold of a budget is not on record yet");
                }
            }
            Chore::Counters => app.record_counters(&app.pool.samples()),
            Chore::Gates => drop(app.refresh_gates().await),
            Chore::Plugins => drop(app.refresh_plugins().await),
            Chore::Drift => app.drift.compare(&app.gates.live(), &app.metrics),
            Chore::Forget => match app.capture.forget_old(app.clock.now()).await {
                Ok(0) => {}
                Ok(gone) => tracing::info!(gone, "captured features are deleted"),
                Err(why) => tracing::warn!(%why, "captured features cannot be deleted"),
            },
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
        let events: Vec<LedgerEvent> = samples
            .iter()
            .map(|sample| LedgerEvent::Counters(counters(sample)))
            .collect();
        // Also where nobody reads the metrics: a worker that ends between two readings has then been counted.
        self.metrics.observe_workers(samples, self.started);
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
        load_by_expert: sample.loads.clone(),
    }
}
