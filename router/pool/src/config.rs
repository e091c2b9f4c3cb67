//! What a pool is told at its start: where experts live, and how patient to be with them.

use std::path::PathBuf;
use std::time::Duration;

use units::{ExpertId, PoolId};

use crate::{ApiKey, Target};

/// Everything a pool is told. Every bound has a default that suits one machine.
#[derive(Debug, Clone, Default)]
pub struct PoolConfig {
    /// Where workers live. What they host is learned from them.
    pub workers: Vec<WorkerSource>,
    /// Remote OpenAI-compatible experts.
    pub remotes: Vec<RemoteSource>,
    /// How connections are made and kept.
    pub connections: ConnectionConfig,
    /// How workers are asked for their status.
    pub probe: ProbeConfig,
    /// When a replica is left alone.
    pub breaker: BreakerConfig,
    /// When and how often a request is tried again.
    pub retry: RetryConfig,
    /// What becomes of a remote's answer whose client went away.
    pub drain: DrainConfig,
    /// Start of the sequence that chooses between replicas and spreads waits.
    pub seed: u64,
}

/// One address, or one DNS name each of whose addresses is a worker.
#[derive(Debug, Clone)]
pub struct WorkerSource {
    /// The workers that share a cost rate.
    pub pool: PoolId,
    /// Where they listen, such as `http://127.0.0.1:9100` or `http://workers.internal:9100`.
    pub target: Target,
}

/// A remote expert behind an OpenAI-compatible API.
#[derive(Debug, Clone)]
pub struct RemoteSource {
    /// The expert as the gate knows it.
    pub expert: ExpertId,
    /// The provider, as a rate card names it.
    pub pool: PoolId,
    /// Base of the API, such as `https://api.example.com/v1`.
    pub target: Target,
    /// The name of the model at the remote.
    pub model: String,
    /// The key sent as `authorization: Bearer …`.
    pub api_key: Option<ApiKey>,
}

/// How connections are made and kept.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// How long TCP and TLS may take to connect.
    pub connect_timeout: Duration,
    /// Idle connections kept for each address.
    pub max_idle: usize,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Largest answer, and largest event of a stream, in bytes.
    pub max_answer_bytes: usize,
    /// How long a stream may be silent.
    pub stream_idle: Duration,
    /// How often DNS names are resolved again.
    pub resolve_every: Duration,
    /// Certificates trusted besides those of the platform, as a PEM file.
    pub extra_roots: Option<PathBuf>,
}

/// How workers are asked for their status.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// Time between two probes of one worker, varied by a tenth either way.
    pub every: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Probes in a row that must fail before a worker counts as unhealthy.
    pub unhealthy_after: u32,
}

/// When a replica is left alone.
#[derive(Debug, Clone, Copy)]
pub struct BreakerConfig {
    /// Failures in a row that open the breaker.
    pub consecutive: u32,
    /// Failures of a hundred in a window that open it.
    pub percent: u32,
    /// Least number of requests in a window before the share counts.
    pub least: u32,
    /// Length of the window.
    pub window: Duration,
    /// First wait before a probe; doubled at each failed one.
    pub open_for: Duration,
    /// Longest wait.
    pub open_at_most: Duration,
    /// Successes in a row that close it again.
    pub close_after: u32,
}

/// When and how often a request is tried again.
#[derive(Debug, Clone, Copy)]
pub struct RetryConfig {
    /// Retries earned by a hundred requests.
    pub percent: u32,
    /// Retries that may be saved up; also what a fresh pool may spend.
    pub reserve: u32,
    /// First wait before the same replica is tried again; doubled each time.
    pub backoff: Duration,
    /// Longest `retry-after` that is waited for.
    pub patience: Duration,
}

/// What becomes of a remote's answer whose client went away: it is read to its usage, within bounds.
#[derive(Debug, Clone, Copy)]
pub struct DrainConfig {
    /// How many answers are read at once.
    pub at_once: usize,
    /// How long one may take.
    pub time: Duration,
    /// How many bytes one may have.
    pub bytes: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            max_idle: 128,
            idle_timeout: Duration::from_secs(30),
            max_answer_bytes: 16 << 20,
            stream_idle: Duration::from_secs(120),
            resolve_every: Duration::from_secs(5),
            extra_roots: None,
        }
    }
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            unhealthy_after: 2,
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            consecutive: 5,
            percent: 50,
            least: 20,
            window: Duration::from_secs(10),
            open_for: Duration::from_millis(500),
            open_at_most: Duration::from_secs(30),
            close_after: 2,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            percent: 20,
            reserve: 100,
            backoff: Duration::from_millis(20),
            patience: Duration::from_secs(2),
        }
    }
}

impl Default for DrainConfig {
    fn default() -> Self {
        Self {
            at_once: 64,
            time: Duration::from_secs(5),
            bytes: 4 << 20,
        }
    }
}
