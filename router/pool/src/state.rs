//! What the pool tells about its experts at this moment.

use units::{ExpertId, Nanos, PoolId};

use crate::ReplicaKind;

/// One expert and its replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertState {
    /// The expert.
    pub id: ExpertId,
    /// Our workers, or a remote API.
    pub kind: ReplicaKind,
    /// The workers' pool, or the provider; of the first replica where they differ.
    pub pool: PoolId,
    /// Its version, where a worker told it.
    pub version: Option<String>,
    /// Its domain, where a worker told it.
    pub domain: Option<String>,
    /// Replicas that have it in memory; a remote always has.
    pub loaded: u32,
    /// Load and health.
    pub load: ExpertLoad,
}

/// Load and health of one expert. An unknown expert has no replicas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpertLoad {
    /// Replicas that are known.
    pub replicas: u32,
    /// Replicas that may be asked now.
    pub available: u32,
    /// Requests of this pool that are under way at the expert's workers.
    pub outstanding: u32,
    /// Other work waiting or running there, as the workers last said.
    pub elsewhere: u32,
    /// Room in the queues of its workers, where all of them tell it.
    pub capacity: Option<u32>,
    /// Smoothed time of its answers, where there were any.
    pub latency: Option<Nanos>,
}
