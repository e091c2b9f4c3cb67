//! Where a version comes from: `lineage.json` beside its package.

use gate_learn::retrain::Figures;
use serde::{Deserialize, Serialize};
use units::{TenantId, Timestamp};

/// How a version was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The gate it was made from: name, version and hash.
    pub parent: String,
    /// When it was made, ns since 1970.
    pub made: i64,
    /// Whose outcomes it learned from.
    pub tenants: Vec<TenantId>,
    /// Outcomes of requests from this instant on, ns since 1970.
    pub since: i64,
    /// The last request it may have learned from, ns since 1970.
    pub until: i64,
    /// Seed of the split and of the training.
    pub seed: u64,
    /// Judged requests that were kept from it.
    pub held_out: usize,
    /// How it was chosen.
    pub figures: Figures,
}

impl Lineage {
    /// May it have learned from a request? If so it may not be judged on it, unless the request was kept from it.
    pub fn may_have_seen(&self, tenant: &TenantId, started: Timestamp, digest: u32) -> bool {
        let at = started.unix_nanos();
        let inside = (self.since..=self.until).contains(&at) && self.tenants.contains(tenant);
        inside && !kept_out(digest, self.seed)
    }
}

/// Is a text kept from training? The same text always is or never is, so that no copy of it leaks. About three in ten are.
pub fn kept_out(digest: u32, seed: u64) -> bool {
    gate_learn::spread(u64::from(digest) ^ seed.rotate_left(32)) % 10 < 3
}
