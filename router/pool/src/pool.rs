//! The pool itself: what the gateway calls.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use units::{Clock, ExpertId, IdSource, Nanos};

use crate::budget::RetryBudget;
use crate::call::{Call, Won};
use crate::guard::Guard;
use crate::membership::Membership;
use crate::random::Random;
use crate::replica::{Replica, Standing};
use crate::request::Form;
use crate::resolve::{Resolve, SystemResolver};
use crate::watchers::Samples;
use crate::{
    CallOutcome, CallPlan, ConnectionConfig, DrainConfig, ExpertLoad, ExpertState, ExpertStream,
    LocalSource, PoolConfig, PoolError, PoolFailure, ProbeConfig, RetryConfig, StreamOutcome,
    WorkerSample,
};

/// The client of workers and remotes. Clones share everything.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// What all clones and all requests share.
pub(crate) struct Shared {
    pub(crate) membership: Membership,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) random: Random,
    pub(crate) budget: RetryBudget,
    pub(crate) retry: RetryConfig,
    pub(crate) connections: ConnectionConfig,
    pub(crate) probe: ProbeConfig,
    pub(crate) drain: DrainConfig,
    pub(crate) draining: Arc<AtomicUsize>,
    pub(crate) samples: watch::Sender<Samples>,
    pub(crate) resolver: Arc<dyn Resolve>,
    /// Every task of the pool; [`Pool::shutdown`] stops and awaits them.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) runtime: Handle,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// Starts probing workers and resolving names. Remotes at fixed addresses can be asked at once,
    /// workers as soon as they told what they host; see [`Pool::changes`]. Must be called inside a
    /// tokio runtime.
    pub fn start(
        config: PoolConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, PoolError> {
        Self::start_with(config, clock, ids, Arc::new(SystemResolver))
    }

    /// As [`Pool::start`], with a resolver of one's own.
    pub fn start_with(
        config: PoolConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, PoolError> {
        let stop = CancellationToken::new();
        let membership = Membership::new(&config, Arc::clone(&clock), stop.clone())?;
        let shared = Arc::new(Shared {
            membership,
            clock,
            ids,
            random: Random::new(config.seed),
            budget: RetryBudget::new(&config.retry),
            retry: config.retry,
            connections: config.connections,
            probe: config.probe,
            drain: config.drain,
            draining: Arc::default(),
            samples: watch::Sender::new(Samples::default()),
            resolver,
            tasks: TaskTracker::new(),
            stop,
            runtime: Handle::try_current().map_err(|_| PoolError::NoRuntime)?,
        });
        crate::watchers::start(&shared)?;
        Ok(Self { shared })
    }

    /// Every expert that has a replica, by id.
    pub fn experts(&self) -> Vec<ExpertState> {
        let snapshot = self.shared.membership.snapshot();
        let now = self.shared.clock.monotonic();
        let state = |(id, replicas): (&ExpertId, &Vec<Arc<Replica>>)| {
            let first = replicas.first()?;
            let told = |f: fn(&Replica) -> Option<&String>| replicas.iter().find_map(|r| f(r));
            Some(ExpertState {
                id: id.clone(),
                kind: first.member.kind,
                pool: first.member.pool.clone(),
                version: told(|r| r.version.as_ref()).cloned(),
                domain: told(|r| r.domain.as_ref()).cloned(),
                loaded: count(replicas.iter().filter(|r| r.is_loaded())),
                load: load_of(replicas, now),
            })
        };
        let mut experts: Vec<_> = snapshot.iter().filter_map(state).collect();
        experts.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        experts
    }

    /// Load and health of one expert, cheap enough for every decision.
    pub fn load(&self, expert: &ExpertId) -> ExpertLoad {
        let snapshot = self.shared.membership.snapshot();
        let now = self.shared.clock.monotonic();
        snapshot
            .get(expert)
            .map(|replicas| load_of(replicas, now))
            .unwrap_or_default()
    }

    /// Changes whenever a replica comes or goes, or a worker's health moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.membership.generation()
    }

    /// Gets a whole answer.
    pub async fn call(&self, mut plan: CallPlan) -> CallOutcome {
        let on_abandon = plan.on_abandon.take();
        let mut guard = Guard::new(&self.shared, Form::Whole, on_abandon);
        let mut call = Call::new(&self.shared, &plan, Form::Whole);
        let result = match call.run(&mut guard).await {
            Ok(Won::Answer(answer)) => Ok(answer),
            Ok(Won::Stream) => Err(PoolFailure::NoReplica),
            Err(failure) => Err(failure),
        };
        let (attempts, _none, _unused) = guard.release();
        CallOutcome { attempts, result }
    }

    /// Gets a streamed answer up to its first frame; what follows is read from the stream.
    pub async fn stream(&self, mut plan: CallPlan) -> StreamOutcome {
        let on_abandon = plan.on_abandon.take();
        let mut guard = Guard::new(&self.shared, Form::Stream, on_abandon);
        let mut call = Call::new(&self.shared, &plan, Form::Stream);
        let result = call.run(&mut guard).await;
        let deadline = call.deadline();
        let (attempts, attempt, on_abandon) = guard.release();
        let result = match (result, attempt) {
            (Ok(_), Some(attempt)) => Ok(ExpertStream::new(
                &self.shared,
                attempt,
                deadline,
                on_abandon,
            )),
            (Ok(_), None) => Err(PoolFailure::NoReplica),
            (Err(failure), _) => Err(failure),
        };
        StreamOutcome { attempts, result }
    }

    /// Adds an expert of this process, or puts another in its place: what was begun ends with the old one.
    ///
    /// # Errors
    /// Its name cannot be sent in a header.
    pub fn add_local(&self, source: &LocalSource) -> Result<(), PoolError> {
        self.shared.membership.add_local(source)
    }

    /// Takes an expert of this process out of every list; what was begun ends.
    pub fn remove_local(&self, expert: &ExpertId) {
        self.shared.membership.remove_local(expert);
    }

    /// The latest counters of every worker, of the living and of those that were seen last.
    pub fn counters(&self) -> watch::Receiver<Samples> {
        self.shared.samples.subscribe()
    }

    /// The latest counters as a list.
    pub fn samples(&self) -> Vec<WorkerSample> {
        self.shared.samples.borrow().values().cloned().collect()
    }

    /// Stops probes and resolving, ends the reading of abandoned answers, and waits for all of it.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.shared.membership.clear();
    }

    /// Abandoned answers that are being read to their usage.
    pub fn draining(&self) -> usize {
        self.shared.draining.load(Ordering::Relaxed)
    }
}

fn load_of(replicas: &[Arc<Replica>], now: Nanos) -> ExpertLoad {
    let mut load = ExpertLoad {
        replicas: count(replicas.iter()),
        capacity: Some(0),
        ..ExpertLoad::default()
    };
    let (mut latencies, mut sum) = (0_u64, 0_u64);
    for replica in replicas {
        let member = &replica.member.load;
        if matches!(replica.standing(now), Standing::Fit | Standing::Doubtful) {
            load.available = load.available.saturating_add(1);
        }
        let outstanding = member.outstanding.load(Ordering::Relaxed);
        load.outstanding = load.outstanding.saturating_add(outstanding);
        let elsewhere = member.elsewhere.load(Ordering::Relaxed);
        load.elsewhere = load.elsewhere.saturating_add(elsewhere);
        load.capacity = match member.capacity.load(Ordering::Relaxed) {
            u32::MAX => None,
            room => load.capacity.map(|sum| sum.saturating_add(room)),
        };
        if let Some(latency) = replica.latency() {
            latencies = latencies.saturating_add(1);
            sum = sum.saturating_add(latency.get());
        }
    }
    load.latency = sum.checked_div(latencies).map(Nanos::new);
    load
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
