//! What the pages, the command line and the budgets read. Everything comes from rollups.

use std::fmt::Debug;
use std::ops::ControlFlow;

use ledger::{Charge, Month, OutcomeSource, Ppm};
use units::{Bucket, ExpertId, Nanos, Pico, ScenarioId, TenantId};

use crate::StoreFuture;

/// Reads the books.
pub trait Reports: Send + Sync + Debug {
    /// One row per tenant and scenario with requests in the span, ordered by both.
    fn scenario_summaries(
        &self,
        tenant: Option<TenantId>,
        span: Span,
    ) -> StoreFuture<'_, Vec<ScenarioSummary>>;

    /// One row per tenant, scenario and expert that was tried in the span.
    fn experts_by_scenario(
        &self,
        tenant: Option<TenantId>,
        span: Span,
    ) -> StoreFuture<'_, Vec<ExpertSummary>>;

    /// Requests and cost in steps of `step` buckets (4 is an hour), oldest first, without empty steps.
    fn series(
        &self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<SeriesPoint>>;

    /// What no tenant carries in the span: idle time, loading, work nobody accounts for.
    fn platform_cost(&self, span: Span) -> StoreFuture<'_, CostSummary>;

    /// Every line of the span, alike ones summed up over `step` buckets (96 is a day of UTC) and given to `take` one after
    /// the other: by time first, then tenant, scenario, expert, purpose, meter and method. A break of `take` ends it. The
    /// sums of a step are of one moment; memory does not grow with the lines.
    fn charges<'a>(
        &'a self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
        take: &'a mut TakeCharge<'_>,
    ) -> StoreFuture<'a, ()>;

    /// Marginal cost posted in a month, by tenant and principal: what budgets start from.
    fn spend(&self, month: Month) -> StoreFuture<'_, Vec<Spend>>;
}

/// Takes one charge after the other.
pub type TakeCharge<'a> = dyn FnMut(Charge) -> ControlFlow<()> + Send + 'a;

/// A span of 15-minute buckets, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First bucket.
    pub from: Bucket,
    /// First bucket after.
    pub to: Bucket,
}

/// One scenario of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioSummary {
    /// The tenant.
    pub tenant: TenantId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// Requests.
    pub requests: u64,
    /// Requests answered with a status of 400 or more. A client that left before its answer was whole is none of them.
    pub errors: u64,
    /// Tries, of all purposes.
    pub attempts: u64,
    /// Who answered, most requests first; `None` where nobody did.
    pub experts: Vec<ExpertCount>,
    /// What it cost.
    pub cost: CostSummary,
    /// Half of the requests took at most this, to 1/32.
    pub p50: Option<Nanos>,
    /// 99 of 100 requests took at most this, to 1/32.
    pub p99: Option<Nanos>,
    /// Mean scores, by source.
    pub quality: Vec<QualitySummary>,
}

/// How often an expert answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertCount {
    /// Who; `None` for requests without an answer.
    pub expert: Option<ExpertId>,
    /// Requests.
    pub requests: u64,
}

/// Money on both bases, and how much of it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostSummary {
    /// Attempts whose cost is posted in full.
    pub known: u64,
    /// Attempts whose cost will never be known: no receipt, or no price.
    pub unknown: u64,
    /// Attempts that wait for the window of their pool.
    pub pending: u64,
    /// Work only: device time of attempts, and tokens.
    pub marginal: Pico,
    /// `marginal` and what this payer carries of loading, idle time and work nobody accounts for.
    pub loaded: Pico,
}

/// Mean score of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualitySummary {
    /// Who judged.
    pub source: OutcomeSource,
    /// Requests judged; only the last judgement of a source counts.
    pub count: u64,
    /// Mean score.
    pub mean: Ppm,
}

/// One expert in one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpertSummary {
    /// The tenant.
    pub tenant: TenantId,
    /// The scenario.
    pub scenario: ScenarioId,
    /// The expert.
    pub expert: ExpertId,
    /// Requests it answered.
    pub requests: u64,
    /// Tries.
    pub attempts: u64,
    /// Tries that gave no whole answer.
    pub failed: u64,
    /// What it cost.
    pub cost: CostSummary,
    /// Half of the requests it answered took at most this, to 1/32.
    pub p50: Option<Nanos>,
    /// 99 of 100 requests it answered took at most this, to 1/32.
    pub p99: Option<Nanos>,
    /// Mean scores of its answers, by source.
    pub quality: Vec<QualitySummary>,
}

/// One step of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesPoint {
    /// First bucket of the step.
    pub start: Bucket,
    /// Requests.
    pub requests: u64,
    /// Work only.
    pub marginal: Pico,
    /// With loading, idle time and the rest, as far as the tenants carry it; all of it without a tenant.
    pub loaded: Pico,
}

/// What one principal of a tenant has spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// The tenant.
    pub tenant: TenantId,
    /// Key id or token subject; `None` where the request is not (yet) posted.
    pub principal: Option<String>,
    /// Marginal cost.
    pub amount: Pico,
}
