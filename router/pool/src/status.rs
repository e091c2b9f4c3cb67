//! What a worker says about itself at `GET /status`.

use std::sync::Arc;

use serde::Deserialize;
use units::{ExpertId, Nanos, PoolId, Timestamp};

/// The answer of `GET /status`. Fields that are not read here are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct WorkerStatus {
    pub(crate) version: String,
    pub(crate) device: String,
    pub(crate) started_unix_ms: i64,
    pub(crate) experts: Vec<HostedExpert>,
    #[serde(default)]
    pub(crate) capacity: Capacity,
    #[serde(default)]
    pub(crate) queue: Queue,
    pub(crate) counters: WorkerCounters,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct HostedExpert {
    pub(crate) id: ExpertId,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) domain: Option<String>,
    #[serde(default)]
    pub(crate) loaded: bool,
    /// Time of its loads since the worker started.
    #[serde(default)]
    pub(crate) load_ns: Nanos,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Capacity {
    #[serde(default)]
    pub(crate) queue: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Queue {
    #[serde(default)]
    pub(crate) waiting: u32,
    #[serde(default)]
    pub(crate) running: u32,
}

/// What a worker counted since it started. Busy, load and idle time add up to the provisioned time
/// exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct WorkerCounters {
    /// Time since the worker's clock began.
    pub provisioned_ns: Nanos,
    /// Time the device worked for requests.
    pub busy_ns: Nanos,
    /// Time the device loaded experts.
    pub load_ns: Nanos,
    /// The rest.
    pub idle_ns: Nanos,
    /// Requests answered.
    #[serde(default)]
    pub requests: u64,
    /// Requests refused for load.
    #[serde(default)]
    pub rejected: u64,
    /// Requests whose client went away.
    #[serde(default)]
    pub cancelled: u64,
}

/// One life of one worker process: an address that restarts is another worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerKey {
    /// Where it listens.
    pub address: Arc<str>,
    /// When it started, as it says.
    pub started_unix_ms: i64,
}

/// The latest counters of one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSample {
    /// The worker.
    pub worker: WorkerKey,
    /// Its pool.
    pub pool: PoolId,
    /// When the counters were read, by our clock.
    pub at: Timestamp,
    /// `cpu`, `cuda:0`, …
    pub device: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// The counters.
    pub counters: WorkerCounters,
    /// Requests that waited then.
    pub waiting: u32,
    /// Requests that were computed then.
    pub running: u32,
    /// Of the load time, what each expert has caused.
    pub loads: Vec<(ExpertId, Nanos)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_and_unknown_fields_are_passed_over() {
        let text = r#"{"version":"0.1.0","device":"cpu","started_unix_ms":1700000000000,
            "experts":[{"id":"legal","version":"1","domain":"legal","loaded":true,"bytes":9,
            "load_ns":17}],
            "capacity":{"queue":64,"max_batch":8,"memory_bytes":1},"queue":{"waiting":2,"running":3},
            "counters":{"provisioned_ns":10,"busy_ns":4,"load_ns":1,"idle_ns":5,"requests":7,
            "rejected":0,"cancelled":0},"more":1}"#;
        let status: WorkerStatus = serde_json::from_str(text).unwrap();
        assert_eq!(status.capacity.queue, Some(64));
        assert_eq!(status.queue.waiting + status.queue.running, 5);
        let legal = status.experts.first().unwrap();
        assert_eq!(
            (legal.id.as_str(), legal.load_ns),
            ("legal", Nanos::new(17))
        );
        assert_eq!(status.counters.idle_ns, Nanos::new(5));
        let least = r#"{"version":"1","device":"cpu","started_unix_ms":1,"experts":[],
            "counters":{"provisioned_ns":0,"busy_ns":0,"load_ns":0,"idle_ns":0}}"#;
        assert!(serde_json::from_str::<WorkerStatus>(least).is_ok());
    }
}
