//! Makes the pools and remotes of the configuration into what the expert pool is told.

use std::net::SocketAddr;

use expert_pool::{
    ApiKey, ApiKeyError, PoolConfig as ExpertPools, RemoteSource, Target, TargetError, WorkerSource,
};
use units::{ExpertId, PoolId};

use crate::children::{ChildError, Children};
use crate::config::{Config, RemoteConfig};

/// Why the experts cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum PoolsError {
    /// An address makes no sense.
    #[error("{of}: {why}")]
    Target {
        /// The pool or remote.
        of: String,
        /// What is wrong.
        why: TargetError,
    },
    /// A remote's API key is missing from the environment.
    #[error("remote {expert}: the environment has no {variable}")]
    NoKey {
        /// The remote.
        expert: ExpertId,
        /// The variable that should hold the key.
        variable: String,
    },
    /// A remote's API key cannot be sent.
    #[error("remote {expert}: {why}")]
    Key {
        /// The remote.
        expert: ExpertId,
        /// What is wrong.
        why: ApiKeyError,
    },
    /// A remote's id is no pool name.
    #[error("the remote {0} cannot name a provider")]
    Provider(ExpertId),
    /// A child does not start.
    #[error(transparent)]
    Child(#[from] ChildError),
}

/// Starts the children of every pool.
///
/// # Errors
/// A child does not start; those that did are ended.
pub async fn start_children(config: &Config) -> Result<Vec<(PoolId, Children)>, PoolsError> {
    let mut all = Vec::new();
    for pool in &config.pools {
        all.push((pool.id.clone(), Children::start(pool).await?));
    }
    Ok(all)
}

/// Everything the expert pool is told.
///
/// # Errors
/// An address makes no sense, or a key is missing.
pub fn expert_pools(
    config: &Config,
    children: &[(PoolId, Children)],
) -> Result<ExpertPools, PoolsError> {
    let mut workers = Vec::new();
    for (pool, children) in children {
        for child in children.started() {
            workers.push(worker(pool, &address(child.address))?);
        }
    }
    for pool in &config.pools {
        for fixed in &pool.workers {
            workers.push(worker(&pool.id, &fixed.address)?);
        }
        for name in &pool.dns {
            workers.push(worker(&pool.id, &format!("{}:{}", name.name, name.port))?);
        }
    }
    let remotes = config
        .remotes
        .iter()
        .map(remote)
        .collect::<Result<_, _>>()?;
    let seed = rand::random();
    let mut pools = ExpertPools {
        workers,
        remotes,
        seed,
        ..ExpertPools::default()
    };
    let lookups = config
        .pools
        .iter()
        .flat_map(|pool| pool.dns.iter().map(|name| name.interval_ms));
    if let Some(interval) = lookups.min() {
        pools.connections.resolve_every = std::time::Duration::from_millis(interval.max(100));
    }
    Ok(pools)
}

fn address(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn worker(pool: &PoolId, text: &str) -> Result<WorkerSource, PoolsError> {
    let target: Target = text.parse().map_err(|why| PoolsError::Target {
        of: format!("pool {pool}"),
        why,
    })?;
    Ok(WorkerSource {
        pool: pool.clone(),
        target,
    })
}

fn remote(remote: &RemoteConfig) -> Result<RemoteSource, PoolsError> {
    let expert = remote.id.clone();
    let target: Target = remote.base_url.parse().map_err(|why| PoolsError::Target {
        of: format!("remote {expert}"),
        why,
    })?;
    let api_key = match &remote.api_key_env {
        None => None,
        Some(variable) => {
            let text = std::env::var(variable).map_err(|_| PoolsError::NoKey {
                expert: expert.clone(),
                variable: variable.clone(),
            })?;
            let key = ApiKey::new(&text).map_err(|why| PoolsError::Key {
                expert: expert.clone(),
                why,
            })?;
            Some(key)
        }
    };
    let pool = PoolId::new(expert.as_str()).map_err(|_| PoolsError::Provider(expert.clone()))?;
    Ok(RemoteSource {
        expert,
        pool,
        target,
        model: remote.upstream_model.clone(),
        api_key,
    })
}
