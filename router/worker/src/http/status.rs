//! `GET /status`: what the worker hosts, how busy it is and where its device's time went; and
//! `GET /health`, which touches nothing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use units::Nanos;

use super::App;
use crate::tally::{Ended, ExpertSnapshot, Snapshot};

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    version: &'static str,
    device: String,
    started_unix_ms: i64,
    experts: Vec<ExpertStatus>,
    capacity: Capacity,
    queue: QueueStatus,
    counters: Counters,
}

#[derive(Debug, Serialize)]
struct ExpertStatus {
    id: String,
    version: String,
    domain: String,
    healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    loaded: bool,
    bytes: u64,
    load_ns: Nanos,
    loads: u64,
    evictions: u64,
}

#[derive(Debug, Serialize)]
struct Capacity {
    queue: usize,
    max_batch: usize,
    memory_bytes: u64,
}

#[derive(Debug, Serialize)]
struct QueueStatus {
    waiting: usize,
    running: usize,
    delivering: usize,
}

/// `busy + load + idle = provisioned`; the parts of `device_ns` add up to `busy`; `requests` is the
/// sum of the five ends and of the three numbers of the queue.
#[derive(Debug, Serialize)]
struct Counters {
    provisioned_ns: Nanos,
    busy_ns: Nanos,
    load_ns: Nanos,
    idle_ns: Nanos,
    requests: u64,
    rejected: u64,
    completed: u64,
    failed: u64,
    timed_out: u64,
    cancelled: u64,
    steps: u64,
    failed_steps: u64,
    device_ns: DeviceTime,
}

/// Device time by how the requests ended that took it.
#[derive(Debug, Serialize)]
struct DeviceTime {
    completed: Nanos,
    failed: Nanos,
    timed_out: Nanos,
    cancelled: Nanos,
    unsettled: Nanos,
    running: Nanos,
}

pub(crate) async fn status(State(app): State<App>) -> Json<Status> {
    let snapshot = app.scheduler.snapshot();
    let limits = app.scheduler.limits();
    let experts = app.roster.all().zip(&snapshot.experts);
    let expert = |((_, hosted), seen): ((_, &crate::Hosted), &ExpertSnapshot)| ExpertStatus {
        id: hosted.card.id.to_string(),
        version: hosted.card.version.clone(),
        domain: hosted.card.domain.clone(),
        healthy: seen.failure.is_none(),
        failure: seen.failure.clone(),
        loaded: seen.loaded,
        bytes: seen.bytes,
        load_ns: seen.load,
        loads: seen.loads,
        evictions: seen.evictions,
    };
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        device: app.device.to_string(),
        started_unix_ms: app.started.unix_nanos().div_euclid(1_000_000),
        experts: experts.map(expert).collect(),
        capacity: Capacity {
            queue: limits.queue,
            max_batch: limits.batch.members,
            memory_bytes: limits.memory_bytes,
        },
        queue: QueueStatus {
            waiting: snapshot.waiting,
            running: snapshot.running,
            delivering: snapshot.delivering,
        },
        counters: counters(&snapshot),
    })
}

fn counters(snapshot: &Snapshot) -> Counters {
    let Snapshot {
        completed,
        failed,
        timed_out,
        cancelled,
        ..
    } = *snapshot;
    let count = |ended: Ended| ended.count;
    Counters {
        provisioned_ns: snapshot.provisioned,
        busy_ns: snapshot.busy,
        load_ns: snapshot.load,
        idle_ns: snapshot.idle,
        requests: snapshot.requests,
        rejected: snapshot.rejected,
        completed: count(completed),
        failed: count(failed),
        timed_out: count(timed_out),
        cancelled: count(cancelled),
        steps: snapshot.steps,
        failed_steps: snapshot.failed_steps,
        device_ns: DeviceTime {
            completed: completed.device,
            failed: failed.device,
            timed_out: timed_out.device,
            cancelled: cancelled.device,
            unsettled: snapshot.unsettled,
            running: snapshot.running_step,
        },
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
