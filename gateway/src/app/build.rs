//! Puts the shared state together, in the order in which parts need each other.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use expert_pool::{Pool, PoolConfig as ExpertPools, PoolError};
use ledger::{IdlePolicy, Month};
use ledger_store::{
    Journal, JournalConfig, JournalError, LedgerStore, Pricing, SqlStore, SqliteCaptures,
    SqlitePlugins, Store, StoreError,
};
use sha2::{Digest, Sha256};
use units::{Clock, IdSource, KeyId, PoolId, TenantId, Timestamp};

use super::App;
use crate::admission::{Admission, Limits};
use crate::alerts::Alerts;
use crate::auth::{Authenticator, JwtConfigError, TenantAccess};
use crate::business::Judge;
use crate::capture::{Capture, Watch};
use crate::catalog::{Catalog, CatalogError};
use crate::clock::{SystemClock, UuidSource};
use crate::config::{Config, StoreUrl};
use crate::drift::Drift;
use crate::gates::{Gates, RegistryError};
use crate::metrics::Metrics;
use crate::plugins::{PROVIDER, Plugins};
use crate::prices::Prices;
use crate::rates::{self, RateError};
use crate::recorder::Recorder;
use crate::sampling::Sampling;
use crate::sessions::Sessions;
use crate::stored_keys;
use crate::tagging::Tagging;
use crate::tenants::Tenants;

/// How long a start waits for what the last run left in the journal.
const LEFTOVERS: Duration = Duration::from_secs(10);

/// Why the shared state cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The experts.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The gates.
    #[error(transparent)]
    Gates(#[from] RegistryError),
    /// The price lists.
    #[error(transparent)]
    Rates(#[from] RateError),
    /// Issuers of tokens.
    #[error(transparent)]
    Issuers(#[from] JwtConfigError),
    /// The expert pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The folder of store and journal.
    #[error("folder {dir}: {why}")]
    Folder {
        /// The folder.
        dir: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// The store.
    #[error("store in {dir}")]
    Store {
        /// Its folder.
        dir: String,
        /// What is wrong.
        #[source]
        why: StoreError,
    },
    /// The books.
    #[error("books in {place}")]
    Books {
        /// Where they are.
        place: String,
        /// What is wrong.
        #[source]
        why: StoreError,
    },
    /// The journal.
    #[error("journal in {dir}")]
    Journal {
        /// Its folder.
        dir: String,
        /// What is wrong.
        #[source]
        why: JournalError,
    },
    /// A name of our own is none.
    #[error("a built-in name is none")]
    Name,
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

fn idle_policies(config: &Config) -> BTreeMap<PoolId, IdlePolicy> {
    let pools = config.pools.iter();
    pools
        .map(|pool| (pool.id.clone(), pool.idle_policy()))
        .collect()
}

/// Opens the store of a configuration: a SQLite file, by default in its folder, or a PostgreSQL server.
///
/// # Errors
/// The folder or the file cannot be used.
pub async fn open_store(config: &Config) -> Result<Arc<SqlStore>, BuildError> {
    let dir = &config.store.dir;
    make_folder(dir)?;
    let pricing = Pricing {
        rates: rates::book(config)?,
        idle: idle_policies(config),
    };
    let opened = match &config.store.url {
        None => SqlStore::open(&database(dir), pricing).await,
        Some(StoreUrl::Sqlite(file)) => SqlStore::open(file, pricing).await,
        Some(StoreUrl::Postgres(url)) => SqlStore::connect(url, pricing).await,
    };
    opened.map(Arc::new).map_err(|why| BuildError::Books {
        place: match &config.store.url {
            None => database(dir).display().to_string(),
            Some(StoreUrl::Sqlite(file)) => file.display().to_string(),
            // Its address may hold a password.
            Some(StoreUrl::Postgres(_)) => "PostgreSQL".to_owned(),
        },
        why,
    })
}

/// Keys' hashes, everybody's bills and features: for the owner only, where we make the folder.
fn make_folder(dir: &Path) -> Result<(), BuildError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|why| BuildError::Folder {
            dir: dir.display().to_string(),
            why,
        })
}

/// Opens the file of captured features in the store's folder.
///
/// # Errors
/// The folder or the file cannot be used.
pub async fn open_captures(config: &Config) -> Result<SqliteCaptures, BuildError> {
    let dir = &config.store.dir;
    make_folder(dir)?;
    SqliteCaptures::open(&dir.join("capture.sqlite"))
        .await
        .map_err(|why| BuildError::Store {
            dir: dir.display().to_string(),
            why,
        })
}

/// Opens the file of plugins' values and steps in the store's folder.
///
/// # Errors
/// The folder or the file cannot be used.
pub async fn open_plugin_store(config: &Config) -> Result<SqlitePlugins, BuildError> {
    let dir = &config.store.dir;
    make_folder(dir)?;
    SqlitePlugins::open(&dir.join("plugins.sqlite"))
        .await
        .map_err(|why| BuildError::Store {
            dir: dir.display().to_string(),
            why,
        })
}

fn database(dir: &Path) -> std::path::PathBuf {
    dir.join("moegate.sqlite")
}

impl App {
    /// Reads cards and gate, opens store and journal, starts the pool's probes. `started` is when the gateway began to
    /// start: workers that are older were there before it.
    ///
    /// # Errors
    /// Whatever is missing or wrong.
    pub async fn build(
        config: Config,
        experts: ExpertPools,
        started: Timestamp,
    ) -> Result<Self, BuildError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
        let catalog = Catalog::read(&config)?;
        let gates = Arc::new(Gates::open(&config)?);
        let rates = rates::book(&config)?;
        let tenants = Arc::new(Tenants::new(&config));
        let auth = Authenticator::new(&config.auth, access(&config))?;
        let admission = Admission::new(limits(&config));
        let store = open_store(&config).await?;
        let journal = open_journal(&config, &store, &ids, &clock)?;
        let pool = Pool::start(experts, Arc::clone(&clock), Arc::clone(&ids))?;
        let metrics = Metrics::new()?;
        let failures = metrics.journal_errors.clone();
        let store: Arc<dyn Store> = store;
        let watch = Watch {
            gates: Arc::clone(&gates),
            catalog: Arc::new(catalog.clone()),
            tenants: Arc::clone(&tenants),
        };
        let captures = Arc::new(open_captures(&config).await?);
        let kept = Arc::new(open_plugin_store(&config).await?);
        let app = Self {
            config_version: version(&config),
            started,
            prices: Prices::new(&catalog, &rates, clock.now()),
            capture: Capture::start(captures, &tenants, watch, metrics.clone()),
            sampling: Sampling::new(metrics.clone()),
            tagging: Tagging::default(),
            drift: Drift::new(&catalog, config.gate.drift_window),
            gates,
            catalog: ArcSwap::from_pointee(catalog),
            recorder: Recorder::new(journal, store, rates, failures),
            metrics,
            plugins: Arc::new(Plugins::new(&config, kept)),
            plugin_pool: PoolId::new(PROVIDER).map_err(|_| BuildError::Name)?,
            sessions: Sessions::default(),
            judge: Judge::default(),
            alerts: Alerts::new(&config),
            config,
            clock,
            ids,
            auth,
            admission,
            tenants,
            pool,
            refreshing_keys: tokio::sync::Mutex::default(),
        };
        let dir = app.config.store.dir.display().to_string();
        let failed = |why: StoreError| BuildError::Store {
            dir: dir.clone(),
            why,
        };
        app.refresh_plugins().await;
        app.refresh_keys().await.map_err(failed)?;
        app.post_leftovers().await;
        app.restore_budgets().await.map_err(failed)?;
        Ok(app)
    }

    /// Posts what a run before this one has left in the journal, so that budgets start from all that was spent.
    /// Where that takes long, it goes on in the background and the budgets learn of it as it comes.
    async fn post_leftovers(&self) {
        let posting = async {
            let drained = self.recorder.drain().await;
            drained.map_err(|why| why.to_string())?;
            let settled = self.recorder.store().settle(self.clock.now()).await;
            settled.map_err(|why| why.to_string())
        };
        match tokio::time::timeout(LEFTOVERS, posting).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => tracing::warn!(%why, "the last run's requests are not posted yet"),
            Err(_) => tracing::warn!("the last run's requests are still being posted"),
        }
    }

    /// Reads every key from the store into the table in memory.
    ///
    /// # Errors
    /// The store does not answer; the last keys stay.
    pub async fn refresh_keys(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.refreshing_keys.lock().await;
        let stored = self.recorder.store().load_keys().await?;
        self.auth.replace_keys(stored_keys::table(&stored));
        Ok(())
    }

    /// Budgets start from what the books say was spent this month, and learn what is posted late.
    ///
    /// # Errors
    /// The store does not answer; what is known stays.
    pub async fn restore_budgets(&self) -> Result<(), StoreError> {
        let month = Month::of(self.clock.now());
        let mut tenants: HashMap<TenantId, units::Pico> = HashMap::new();
        for spend in self.recorder.store().spend(month).await? {
            // A token's subject is a name too: its hash.
            if let Some(key) = spend.principal.and_then(|name| KeyId::new(&name).ok()) {
                self.admission
                    .restore(&spend.tenant, Some(&key), month, spend.amount);
            }
            let sum = tenants.entry(spend.tenant).or_default();
            *sum = sum.checked_add(spend.amount).unwrap_or(*sum);
        }
        for (tenant, spent) in &tenants {
            self.admission.restore(tenant, None, month, *spent);
        }
        Ok(())
    }
}

fn open_journal(
    config: &Config,
    store: &Arc<SqlStore>,
    ids: &Arc<dyn IdSource>,
    clock: &Arc<dyn Clock>,
) -> Result<Journal, BuildError> {
    let dir = config.store.dir.join("journal");
    let settle = Duration::from_secs(config.store.window_seconds.into());
    let settings = JournalConfig {
        settle_every: Some(settle),
        ..JournalConfig::new(dir.clone())
    };
    let store: Arc<dyn LedgerStore> = Arc::clone(store) as Arc<dyn LedgerStore>;
    Journal::open(&settings, store, Arc::clone(ids), Arc::clone(clock)).map_err(|why| {
        BuildError::Journal {
            dir: dir.display().to_string(),
            why,
        }
    })
}

fn access(config: &Config) -> HashMap<TenantId, TenantAccess> {
    let access = |tenant: &crate::config::TenantConfig| TenantAccess {
        allowed_experts: tenant.allowed_experts.clone().map(Arc::new),
    };
    config
        .tenants
        .iter()
        .map(|tenant| (tenant.id.clone(), access(tenant)))
        .collect()
}

fn limits(config: &Config) -> HashMap<TenantId, Limits> {
    config
        .tenants
        .iter()
        .map(|tenant| (tenant.id.clone(), tenant.limits))
        .collect()
}

fn version(config: &Config) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{config:?}")).into();
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
