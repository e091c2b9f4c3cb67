//! The pool's own tasks: they resolve names, probe workers and sweep idle connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::exchange::Exchange;
use crate::pool::Shared;
use crate::replica::Member;
use crate::status::WorkerStatus;
use crate::{AttemptError, PoolError, ReplicaKind, WorkerKey, WorkerSample, request};

/// The latest counters of each life of each worker.
pub type Samples = BTreeMap<WorkerKey, WorkerSample>;

/// Lives of workers that are remembered; the oldest are forgotten.
const SAMPLES: usize = 256;
/// A status is read up to this length.
const STATUS_BYTES: usize = 1 << 20;

/// Takes the fixed addresses, and starts a task for each name.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<(), PoolError> {
    for (index, source) in shared.membership.sources.iter().enumerate() {
        match source.target.fixed() {
            Some(address) => take(shared, index, &BTreeSet::from([address]))?,
            None => {
                let task = resolve_again(Arc::clone(shared), index);
                shared.tasks.spawn_on(task, &shared.runtime);
            }
        }
    }
    Ok(())
}

fn take(
    shared: &Arc<Shared>,
    source: usize,
    addresses: &BTreeSet<std::net::SocketAddr>,
) -> Result<(), PoolError> {
    for member in shared.membership.apply(source, addresses)? {
        let task = watch(Arc::clone(shared), member);
        shared.tasks.spawn_on(task, &shared.runtime);
    }
    Ok(())
}

/// Waits; false if it was told to stop.
async fn pause(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => true,
        () = stop.cancelled() => false,
    }
}

async fn resolve_again(shared: Arc<Shared>, index: usize) {
    let Some(source) = shared.membership.sources.get(index) else {
        return;
    };
    let (host, port) = (source.target.host().to_owned(), source.target.port());
    let every = shared.connections.resolve_every;
    loop {
        let found = tokio::select! {
            found = shared.resolver.resolve(&host, port) => found,
            () = shared.stop.cancelled() => return,
        };
        match found {
            // An empty answer is taken at its word: every worker is gone.
            Ok(addresses) => {
                if let Err(error) = take(&shared, index, &addresses) {
                    tracing::error!(%error, "addresses not taken");
                }
            }
            Err(error) => crate::events::resolve_failed(&host, error.kind()),
        }
        if !pause(shared.random.vary(every), &shared.stop).await {
            return;
        }
    }
}

/// Probes a worker until it is gone; of a remote only the idle connections are looked after.
async fn watch(shared: Arc<Shared>, member: Arc<Member>) {
    let every = match member.kind {
        ReplicaKind::Worker => shared.probe.every,
        ReplicaKind::Remote | ReplicaKind::Local => shared.connections.idle_timeout,
    };
    let mut failures = 0_u32;
    loop {
        if member.kind == ReplicaKind::Worker {
            let probing = tokio::time::timeout(shared.probe.timeout, probe(&shared, &member));
            let probed = tokio::select! {
                probed = probing => probed,
                () = member.gone.cancelled() => return,
            };
            failures = match probed {
                Ok(Ok(())) => 0,
                _ => failures.saturating_add(1),
            };
            judge(&shared, &member, failures);
        }
        member.idle.sweep();
        if !pause(shared.random.vary(every), &member.gone).await {
            return;
        }
    }
}

fn judge(shared: &Shared, member: &Member, failures: u32) {
    let healthy = &member.load.healthy;
    let now = failures < shared.probe.unhealthy_after.max(1);
    if healthy.swap(now, Ordering::Relaxed) != now {
        crate::events::health_moved(&member.address, now);
        shared.membership.moved();
    }
}

async fn probe(shared: &Shared, member: &Arc<Member>) -> Result<(), AttemptError> {
    let timeout = shared.connections.connect_timeout;
    let mut exchange = Exchange::start(member, request::status(member), timeout).await?;
    let head = exchange.head(timeout).await?;
    let body = exchange.whole(STATUS_BYTES).await?;
    if head.status != 200 {
        return Err(AttemptError::Http(head.status));
    }
    let status: WorkerStatus =
        serde_json::from_slice(&body).map_err(|_| AttemptError::BadAnswer("no status"))?;
    let queued = status.queue.waiting.saturating_add(status.queue.running);
    member.load.report(queued, status.capacity.queue);
    shared.membership.learn(member, &status);
    let sample = WorkerSample {
        worker: WorkerKey {
            address: Arc::clone(&member.address),
            started_unix_ms: status.started_unix_ms,
        },
        pool: member.pool.clone(),
        at: shared.clock.now(),
        device: status.device.into(),
        version: status.version.into(),
        counters: status.counters,
        waiting: status.queue.waiting,
        running: status.queue.running,
        loads: status
            .experts
            .into_iter()
            .map(|expert| (expert.id, expert.load_ns))
            .collect(),
    };
    shared.samples.send_modify(|samples| {
        samples.insert(sample.worker.clone(), sample);
        while samples.len() > SAMPLES {
            let oldest = samples.iter().min_by_key(|(_, s)| s.at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            samples.remove(&oldest);
        }
    });
    Ok(())
}
