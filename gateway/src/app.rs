//! Everything a request needs, shared by all of them.

mod build;
mod upkeep;

pub use build::{BuildError, open_captures, open_plugin_store, open_store};
pub use upkeep::Upkeep;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use expert_pool::{LocalSource, Pool};
use http::{HeaderMap, Response};
use openai_api::ApiError;
use units::{Clock, ExpertId, IdSource, PoolId, RequestId, TenantId, Timestamp};

use crate::admission::{Admission, Refusal};
use crate::alerts::Alerts;
use crate::api::{RequestContext, failure, respond};
use crate::auth::{Authenticator, Principal};
use crate::business::Judge;
use crate::capture::Capture;
use crate::catalog::{Catalog, ExpertEntry};
use crate::config::Config;
use crate::drift::Drift;
use crate::gates::{Change, Gates, Joining};
use crate::metrics::Metrics;
use crate::plugins::{PluginChange, PluginExpert, Plugins};
use crate::prices::Prices;
use crate::recorder::Recorder;
use crate::sampling::Sampling;
use crate::sessions::Sessions;
use crate::tagging::Tagging;
use crate::tenants::Tenants;

/// The gateway's shared state.
#[derive(Debug)]
pub struct App {
    /// What it was told.
    pub config: Config,
    /// Names the configuration in `/ready`: the first 12 hex digits of its SHA-256.
    pub config_version: String,
    /// When it began to start.
    pub started: Timestamp,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The maker of ids.
    pub ids: Arc<dyn IdSource>,
    /// Who calls.
    pub auth: Authenticator,
    /// May they.
    pub admission: Admission,
    /// Who is told how far budgets are spent.
    pub alerts: Alerts,
    /// The tenants and their scenarios.
    pub tenants: Arc<Tenants>,
    /// The experts on offer.
    pub catalog: ArcSwap<Catalog>,
    /// What they cost now.
    pub prices: Prices,
    /// The gates; a new one is swapped in whole.
    pub gates: Arc<Gates>,
    /// Keeps features of tenants that agree.
    pub capture: Capture,
    /// Takes answers that are to be checked.
    pub sampling: Sampling,
    /// Has the traffic changed?
    pub drift: Drift,
    /// What requests are tagged with.
    pub tagging: Tagging,
    /// What tenants have installed.
    pub plugins: Arc<Plugins>,
    /// Workers, remotes and plugins.
    pub pool: Pool,
    /// Journal and store.
    pub recorder: Recorder,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// Who charges for plugins, as the pool names it.
    pub plugin_pool: PoolId,
    /// People at the dashboard.
    pub sessions: Sessions,
    /// Judges the cases of scenarios.
    pub judge: Judge,
    /// Held while keys are read and taken over, so that an older reading never replaces a newer one.
    pub(crate) refreshing_keys: tokio::sync::Mutex<()>,
}

impl App {
    /// The facts of a request's head.
    pub fn context(&self, headers: &HeaderMap) -> RequestContext {
        let longest = self.config.server.request_timeout();
        RequestContext::new(headers, self.clock.as_ref(), self.ids.as_ref(), longest)
    }

    /// Who sent the request.
    ///
    /// # Errors
    /// 401 with the code that says why.
    pub fn authenticate(
        &self,
        headers: &HeaderMap,
        context: &RequestContext,
    ) -> Result<Principal, ApiError> {
        self.auth
            .authenticate(headers, context.started)
            .map_err(|why| {
                tracing::debug!(cause = why.cause(), "not let in");
                ApiError::from(why)
            })
    }

    /// The response for an error, counted.
    pub fn refuse(&self, context: &RequestContext, error: &ApiError) -> Response<Body> {
        let code = error.code.as_deref().unwrap_or("none");
        // Codes of experts are not ours: a label must not grow with what others say.
        let code = if failure::is_own(code) {
            code
        } else {
            "of_expert"
        };
        self.metrics.refused.with_label_values(&[code]).inc();
        respond::error(context, error)
    }

    /// The response for a request that is not let in now, with the limits it ran into.
    pub fn refusal(&self, context: &RequestContext, refusal: &Refusal) -> Response<Body> {
        let mut response = self.refuse(context, &ApiError::from(*refusal));
        refusal.rate.write(response.headers_mut());
        response
    }

    /// Every expert with its replicas that may be asked now.
    pub fn ready_experts(&self) -> Vec<(ExpertId, u32)> {
        let catalog = self.catalog.load();
        let alive = |id: &ExpertId| self.pool.load(id).available;
        catalog
            .experts()
            .iter()
            .map(|e| (e.id.clone(), alive(&e.id)))
            .collect()
    }

    /// Brings the gauges up to date; done when somebody reads them.
    pub fn observe_gauges(&self) {
        for expert in self.catalog.load().experts() {
            let load = self.pool.load(&expert.id);
            for (state, count) in [("alive", load.available), ("total", load.replicas)] {
                let labels = [expert.id.as_str(), state];
                self.metrics
                    .replicas
                    .with_label_values(&labels)
                    .set(count.into());
            }
        }
        let used = self.admission.budget_use(self.clock.now());
        self.metrics.observe_budgets(&used);
        self.metrics
            .observe_workers(&self.pool.samples(), self.started);
        self.metrics.journal_lag.set(self.recorder.lag_bytes());
    }

    /// Loads what the registry's pointers name now, where that has changed; says what did. Requests that are being decided
    /// keep the gate they have.
    pub async fn refresh_gates(&self) -> Vec<Change> {
        let gates = Arc::clone(&self.gates);
        let looked = tokio::task::spawn_blocking(move || gates.refresh()).await;
        let changes = looked.unwrap_or_default();
        for change in &changes {
            match change {
                Change::Live(version) => {
                    self.metrics.gate_swaps.inc();
                    tracing::info!(%version, "another gate decides");
                }
                Change::Shadow(Some(version)) => tracing::info!(%version, "gate in the shadow"),
                Change::Shadow(None) => tracing::info!("no gate in the shadow"),
                Change::Failed(role, why) => {
                    self.metrics.gate_failures.inc();
                    tracing::error!(%role, %why, "gate cannot be loaded; the one before stays");
                }
            }
        }
        changes
    }

    /// Loads what the lock file of plugins names now, where that has changed. Calls that run end with the version they
    /// began with.
    pub async fn refresh_plugins(&self) -> Vec<PluginChange> {
        let changes = self.plugins.refresh(self.clock.now()).await;
        let mut changed = false;
        for change in &changes {
            match change {
                PluginChange::Loaded(tenant, plugin, version) => {
                    changed = true;
                    tracing::info!(%tenant, %plugin, version, "plugin serves");
                }
                PluginChange::Removed(tenant, plugin) => {
                    changed = true;
                    tracing::info!(%tenant, %plugin, "plugin is gone");
                }
                PluginChange::Failed(tenant, plugin, why) => {
                    self.metrics.plugin_load_failures.inc();
                    tracing::error!(%tenant, %plugin, %why, "plugin cannot be loaded");
                }
            }
        }
        if changed {
            self.offer_plugins();
            let placed =
                self.plugins
                    .live()
                    .experts()
                    .into_iter()
                    .filter_map(|(id, (_, installed))| {
                        let examples = installed
                            .calibration
                            .iter()
                            .map(|one| (one.prompt.clone(), one.accepted))
                            .collect::<Vec<_>>();
                        let domain = installed
                            .manifest
                            .expert
                            .domain
                            .clone()
                            .unwrap_or_else(|| "general".to_owned());
                        (!examples.is_empty()).then_some(Joining {
                            id,
                            domain,
                            examples,
                        })
                    });
            let (gates, placed): (_, Vec<Joining>) = (Arc::clone(&self.gates), placed.collect());
            if tokio::task::spawn_blocking(move || gates.place(&placed))
                .await
                .is_err()
            {
                tracing::error!("placing plugins in the gate failed");
            }
        }
        changes
    }

    /// Tells catalog, prices, gate and pool of the plugins that are installed now.
    fn offer_plugins(&self) {
        let before = self.catalog.load();
        let catalog = before.with_plugins(&self.plugins.live());
        let is_plugin = |expert: &&ExpertEntry| expert.only_for.is_some();
        for gone in before
            .experts()
            .iter()
            .filter(is_plugin)
            .filter(|old| catalog.get(&old.id).is_none())
        {
            self.pool.remove_local(&gone.id);
        }
        for expert in catalog
            .experts()
            .iter()
            .filter(is_plugin)
            .filter(|new| before.get(&new.id).is_none())
        {
            let source = LocalSource {
                expert: expert.id.clone(),
                pool: self.plugin_pool.clone(),
                capacity: expert.concurrency.unwrap_or(1),
                answers: Arc::new(PluginExpert {
                    id: expert.id.clone(),
                    plugins: Arc::clone(&self.plugins),
                }),
            };
            if let Err(why) = self.pool.add_local(&source) {
                tracing::error!(plugin = %expert.id, %why, "plugin cannot be asked");
            }
        }
        self.prices
            .refresh(&catalog, self.recorder.rates(), self.clock.now());
        self.catalog.store(Arc::new(catalog));
    }

    /// Was this request made by this tenant?
    ///
    /// # Errors
    /// 503 where the store cannot say.
    pub async fn knows_request(
        &self,
        tenant: &TenantId,
        request: RequestId,
    ) -> Result<bool, ApiError> {
        self.recorder.knows(tenant, request).await.map_err(|why| {
            tracing::warn!(%why, "store does not answer");
            failure::not_recorded()
        })
    }
}
