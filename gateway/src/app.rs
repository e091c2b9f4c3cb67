//! Everything a request needs, shared by all of them.

mod build;
mod upkeep;

pub use build::{BuildError, open_captures, open_store};
pub use upkeep::Upkeep;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use expert_pool::Pool;
use http::{HeaderMap, Response};
use openai_api::ApiError;
use units::{Clock, ExpertId, IdSource, RequestId, TenantId, Timestamp};

use crate::admission::{Admission, Refusal};
use crate::api::{RequestContext, failure, respond};
use crate::auth::{Authenticator, Principal};
use crate::capture::Capture;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::drift::Drift;
use crate::gates::{Change, Gates};
use crate::metrics::Metrics;
use crate::prices::Prices;
use crate::recorder::Recorder;
use crate::sessions::Sessions;
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
    /// Has the traffic changed?
    pub drift: Drift,
    /// Workers and remotes.
    pub pool: Pool,
    /// Journal and store.
    pub recorder: Recorder,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// People at the dashboard.
    pub sessions: Sessions,
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
