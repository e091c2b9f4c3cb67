//! The request that a plugin works for: whose it is, what it counts for, who has been asked already, and where its
//! attempts are booked.

use std::sync::Arc;

use expert_pool::AttemptReport;
use ledger::{LedgerEvent, ScenarioSource, Tags};
use openai_api::ApiError;
use parking_lot::Mutex;
use units::{DecisionId, ExpertId, Pico, Purpose, RequestId, ScenarioId, TenantId, Tokens};

use crate::admission::Permit;
use crate::api::RequestContext;
use crate::app::App;
use crate::auth::Principal;
use crate::request::attempt_record;

/// What plugins know of the request they work for. Never seen by a guest.
#[derive(Debug)]
pub struct Scope {
    /// The gateway.
    pub app: Arc<App>,
    /// Who asks.
    pub principal: Principal,
    /// The request.
    pub context: RequestContext,
    /// What it counts for.
    pub scenario: ScenarioId,
    /// How that was found.
    pub source: ScenarioSource,
    /// The plugins between the client and here, the nearest last.
    pub chain: Vec<ExpertId>,
    /// The run of a workflow: the same for a request that is tried again.
    pub run: String,
    /// Where nested attempts are booked.
    pub nested: Arc<Nested>,
    /// Why the plugin failed, for the client.
    pub trouble: Mutex<Option<ApiError>>,
    /// Nobody hears the answer: nothing leaves, and what is spent for it is booked as such.
    pub shadow: bool,
    /// What its attempts are booked as, where they are not the client's.
    pub booked_as: Option<Purpose>,
}

impl Scope {
    /// The same request, for a version that nobody hears.
    pub(super) fn in_shadow(&self) -> Self {
        Self {
            app: Arc::clone(&self.app),
            principal: self.principal.clone(),
            context: self.context.clone(),
            scenario: self.scenario.clone(),
            source: self.source,
            chain: self.chain.clone(),
            run: self.run.clone(),
            nested: Arc::clone(&self.nested),
            trouble: Mutex::default(),
            shadow: true,
            booked_as: Some(Purpose::Shadow),
        }
    }

    /// Books attempts that were made for this request.
    pub(crate) fn book(&self, mut reports: Vec<AttemptReport>) {
        if let Some(purpose) = self.booked_as {
            for report in &mut reports {
                report.purpose = purpose;
                report.receipt.purpose = purpose;
            }
        }
        self.nested.add(reports);
    }
}

/// What the attempts of a request have in common.
#[derive(Debug, Clone)]
pub struct NestedFacts {
    /// The request.
    pub request: RequestId,
    /// Whose.
    pub tenant: TenantId,
    /// What it counts for.
    pub scenario: ScenarioId,
    /// Its decision.
    pub decision: Option<DecisionId>,
    /// Its tags.
    pub tags: Option<Tags>,
}

/// Attempts that plugins of a request made: booked with it while it is open, by themselves afterwards.
#[derive(Debug)]
pub struct Nested {
    app: Arc<App>,
    facts: NestedFacts,
    open: Mutex<Option<Vec<AttemptReport>>>,
}

impl Nested {
    /// For a request that is open.
    pub fn new(app: &Arc<App>, facts: NestedFacts) -> Arc<Self> {
        Arc::new(Self {
            app: Arc::clone(app),
            facts,
            open: Mutex::new(Some(Vec::new())),
        })
    }

    /// What its attempts have in common.
    pub const fn facts(&self) -> &NestedFacts {
        &self.facts
    }

    /// Marginal cost of an attempt; `None` where it is unknown.
    pub fn price(&self, report: &AttemptReport) -> Option<Pico> {
        self.app
            .recorder
            .price(&attempt_record(report, &self.facts))
    }

    /// Settles what attempts were let in for: tokens and cost, each unknown where one of them is.
    pub fn settle(&self, attempts: &[AttemptReport], permit: Permit) {
        let mut prices = attempts.iter().map(|report| self.price(report));
        let cost = prices.try_fold(Pico::ZERO, |all, one| all.checked_add(one?).ok());
        let mut tokens = attempts.iter().map(|report| report.receipt.tokens.total());
        let tokens = tokens.try_fold(Tokens::ZERO, |all, one| Some(all.saturating_add(one?)));
        permit.settle(tokens.map(Tokens::get), cost);
    }

    /// Books attempts that have ended.
    pub fn add(&self, reports: Vec<AttemptReport>) {
        if reports.is_empty() {
            return;
        }
        let late = match self.open.lock().as_mut() {
            Some(open) => {
                open.extend(reports);
                return;
            }
            None => reports,
        };
        let events: Vec<LedgerEvent> = late
            .iter()
            .map(|report| LedgerEvent::Attempt(attempt_record(report, &self.facts)))
            .collect();
        if !self.app.recorder.record(&events) {
            tracing::error!(request = %self.facts.request, "attempts of a plugin are lost: the journal refuses");
        }
    }

    /// Gives what was booked; from now on attempts are booked by themselves.
    pub fn close(&self) -> Vec<AttemptReport> {
        self.open.lock().take().unwrap_or_default()
    }
}
