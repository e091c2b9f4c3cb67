//! Makes a candidate from the live gate and what was judged, and puts it into the registry.

use std::path::PathBuf;

use gate_learn::retrain::{self, Figures, RetrainError};
use ledger_store::{CaptureStore, Store, StoreError};
use router::{GateError, Package};
use units::{TenantId, Timestamp};

use crate::catalog::Catalog;
use crate::config::Config;
use crate::evidence::{self, Evidence};
use crate::gates::{Action, Entry, Lineage, Registry, RegistryError, Role, Version, kept_out};

/// What is learned from.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Of these tenants; empty: of all that agree.
    pub tenants: Vec<TenantId>,
    /// Requests from this instant on.
    pub since: Timestamp,
    /// Seed of the split and of the training.
    pub seed: u64,
}

/// A candidate in the registry.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its version.
    pub version: Version,
    /// The gate it was made from.
    pub parent: String,
    /// How it was chosen.
    pub figures: Figures,
    /// Judged requests kept from it.
    pub held_out: usize,
    /// Judged requests without features.
    pub without_features: usize,
}

/// Why there is no candidate.
#[derive(Debug, thiserror::Error)]
pub enum RetrainingError {
    /// The books or the captures do not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The live package.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The learning.
    #[error("{why}; {without_features} more judged requests have none")]
    Retrain {
        /// What is wrong.
        why: RetrainError,
        /// Judged requests without features.
        without_features: usize,
    },
}

/// The folder of the package that decides.
///
/// # Errors
/// The pointer cannot be read.
pub fn live_folder(config: &Config, registry: &Registry) -> Result<PathBuf, RegistryError> {
    let live = registry.pointer(Role::Live)?;
    Ok(live.map_or_else(
        || config.gate.dir.clone(),
        |version| registry.folder(&version),
    ))
}

/// Makes a candidate. Three in ten of the judged texts are kept from it, to judge it on.
///
/// # Errors
/// Too little was judged, or a store or the registry does not answer.
pub async fn make(
    config: &Config,
    catalog: &Catalog,
    store: &dyn Store,
    captures: &dyn CaptureStore,
    scope: &Scope,
    now: Timestamp,
) -> Result<Made, RetrainingError> {
    let registry = Registry::of(config);
    let folder = live_folder(config, &registry)?;
    let (live, digest) = Package::read(&folder)?;
    let parent = format!("{}@{}+{digest}", live.manifest.name, live.manifest.version);
    let found = evidence::read(store, captures, &scope.tenants, scope.since).await?;
    let (held, taught): (Vec<&Evidence>, Vec<&Evidence>) = found
        .evidence
        .iter()
        .partition(|one| kept_out(one.features.digest, scope.seed));
    let lessons: Vec<_> = taught.iter().map(|one| one.lesson()).collect();
    let domains = catalog.experts().iter();
    let options = retrain::Options {
        seed: scope.seed,
        version: next_version(&live.manifest.version, registry.versions()?.len()),
        domains: domains
            .map(|expert| (expert.id.clone(), expert.domain.clone()))
            .collect(),
    };
    // Learning takes seconds of a whole core: not on a thread that serves.
    let taught = tokio::task::spawn_blocking(move || retrain::retrain(&live, &lessons, &options));
    let retrained = taught
        .await
        .unwrap_or(Err(RetrainError::NoLoss))
        .map_err(|why| RetrainingError::Retrain {
            why,
            without_features: found.without_features,
        })?;
    let mut tenants: Vec<TenantId> = found
        .evidence
        .iter()
        .map(|one| one.judged.tenant.clone())
        .collect();
    tenants.sort();
    tenants.dedup();
    let last = found.evidence.iter().map(|one| one.judged.started).max();
    let lineage = Lineage {
        parent: parent.clone(),
        made: now.unix_nanos(),
        tenants,
        since: scope.since.unix_nanos(),
        until: last.unwrap_or(now).unix_nanos(),
        seed: scope.seed,
        held_out: held.len(),
        figures: retrained.figures.clone(),
    };
    let version = registry.add(&retrained.package, &lineage)?;
    registry.note(&Entry {
        at: now.unix_nanos(),
        action: Action::Retrain,
        version: Some(version.to_string()),
        before: None,
        forced: None,
        evidence: serde_json::to_value(&lineage).ok(),
    })?;
    Ok(Made {
        version,
        parent,
        figures: retrained.figures,
        held_out: held.len(),
        without_features: found.without_features,
    })
}

/// `0.1.0` becomes `0.1.0-r3`, and so does `0.1.0-r2`.
fn next_version(live: &str, versions: usize) -> String {
    let base = live.split_once("-r").map_or(live, |(base, _)| base);
    format!("{base}-r{}", versions.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_on() {
        assert_eq!(next_version("0.1.0", 0), "0.1.0-r1");
        assert_eq!(next_version("0.1.0-r1", 4), "0.1.0-r5");
    }
}
