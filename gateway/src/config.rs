//! Layered configuration: defaults, then a file, then `MOEGATE__…` environment variables, then flags.
//!
//! Serde forms live in the submodules; [`Config`] is the checked whole. Unknown keys are errors that
//! name the file and the key.

mod books;
mod check;
mod experts;
mod load;
mod plugins;
mod policy;
mod sampling;
mod server;
mod tenants;

pub use books::{StoreConfig, StoreUrl};
pub use check::ConfigError;
pub use experts::{
    ChildWorkers, ExchangeRow, PoolConfig, PriceRow, RateRow, RemoteConfig, TierRow, WorkerAddress,
    WorkerDns,
};
pub use load::{Overrides, load};
pub use plugins::PluginsConfig;
pub use policy::{AlertsConfig, GateConfig, LogConfig, LogFormat, PolicyConfig};
pub use sampling::{JudgeConfig, VerifierConfig};
pub use server::{ServerConfig, TlsConfig};
pub use tenants::{CaptureConfig, ScenarioConfig, TenantConfig};

use serde::Deserialize;

use crate::auth::AuthConfig;

/// Everything `moegate serve` needs to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The listener.
    #[serde(default)]
    pub server: ServerConfig,
    /// Where the ledger and its journal live.
    #[serde(default)]
    pub store: StoreConfig,
    /// The gate package.
    pub gate: GateConfig,
    /// How predictions become a choice.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// Pools of workers that host model experts.
    #[serde(default)]
    pub pools: Vec<PoolConfig>,
    /// Experts behind any OpenAI-compatible API.
    #[serde(default)]
    pub remotes: Vec<RemoteConfig>,
    /// What other currencies are worth.
    #[serde(default)]
    pub fx: Vec<ExchangeRow>,
    /// Who is told of what.
    #[serde(default)]
    pub alerts: AlertsConfig,
    /// Who may call.
    #[serde(default)]
    pub tenants: Vec<TenantConfig>,
    /// Plugins of partners and tenants.
    #[serde(default)]
    pub plugins: PluginsConfig,
    /// How callers are recognised.
    #[serde(default)]
    pub auth: AuthConfig,
}
