//! What the pages of the dashboard read beyond the reports: cells of cost, time of pools, price lists, judgements, and the
//! rows behind a number.

use std::fmt::Debug;

use ledger::{ChargeRate, LineId, Meter, Method, OutcomeSource, Ppm, Tags};
use units::{
    AttemptId, Bucket, ExpertId, Nanos, Pico, PoolId, Purpose, RequestId, ScenarioId, TenantId,
    Timestamp,
};

use crate::{Span, StoreFuture};

/// Reads the books in detail.
pub trait Details: Send + Sync + Debug {
    /// Cost in steps of `step` buckets by scenario, expert, purpose and meter, oldest first. Everybody's without a tenant,
    /// the platform's too.
    fn costs(
        &self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<CostRow>>;

    /// The part of a tenant's costs whose requests have tags, by those too.
    fn tagged_costs(
        &self,
        tenant: TenantId,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<TaggedCost>>;

    /// Requests of a tenant in steps of `step` buckets by scenario and who answered, oldest first.
    fn traffic(&self, tenant: TenantId, span: Span, step: u32) -> StoreFuture<'_, Vec<Traffic>>;

    /// The time of each pool and its bill in steps of `step` buckets, oldest first.
    fn pool_time(&self, span: Span, step: u32) -> StoreFuture<'_, Vec<PoolTime>>;

    /// Every price that was ever used, by subject, meter and first instant.
    fn rate_cards(&self) -> StoreFuture<'_, Vec<(Meter, ChargeRate)>>;

    /// Judgements of requests of the days of UTC that the span touches, by scenario and source. `least` is the score of an
    /// accepted answer.
    fn judgements(
        &self,
        tenant: TenantId,
        span: Span,
        least: Ppm,
    ) -> StoreFuture<'_, Vec<Judgements>>;

    /// Requests of the same days that a judge and somebody else judged, by scenario and by who else: how often they agree.
    fn paired(&self, tenant: TenantId, span: Span, least: Ppm) -> StoreFuture<'_, Vec<Paired>>;

    /// Requests of a tenant in a span, latest first.
    fn requests(&self, wanted: RequestsWanted) -> StoreFuture<'_, Vec<RequestLine>>;

    /// One request of a tenant with its attempts and lines; `None` where it is not there, or not theirs.
    fn request(
        &self,
        tenant: TenantId,
        request: RequestId,
    ) -> StoreFuture<'_, Option<RequestDetail>>;
}

/// Alike lines, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostRow {
    /// First bucket of the step.
    pub start: Bucket,
    /// Who carries it, and for which task; `None` is the platform.
    pub payer: Option<(TenantId, ScenarioId)>,
    /// The expert it is about.
    pub expert: Option<ExpertId>,
    /// Why the attempts were made.
    pub purpose: Option<Purpose>,
    /// What was counted.
    pub meter: Meter,
    /// Lines.
    pub lines: u64,
    /// Of them, those without an amount.
    pub unknown: u64,
    /// How much was counted, as far as known.
    pub quantity: Pico,
    /// What it cost, as far as known.
    pub amount: Pico,
}

/// Alike lines of requests with the same tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedCost {
    /// Their tags.
    pub tags: Tags,
    /// What they cost.
    pub cost: CostRow,
}

/// Requests of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// First bucket of the step.
    pub start: Bucket,
    /// The scenario.
    pub scenario: ScenarioId,
    /// Who answered.
    pub expert: Option<ExpertId>,
    /// Requests.
    pub requests: u64,
    /// Of them, those that failed.
    pub errors: u64,
}

/// The time of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTime {
    /// First bucket of the step.
    pub start: Bucket,
    /// The pool.
    pub pool: PoolId,
    /// Windows closed.
    pub windows: u64,
    /// Of them, those that had no price.
    pub unpriced: u64,
    /// Time that was provisioned.
    pub provisioned: Nanos,
    /// Time that attempts used.
    pub busy: Nanos,
    /// Time that loading used.
    pub load: Nanos,
    /// The rest.
    pub idle: Nanos,
    /// The bill, as far as there was a price.
    pub cost: Pico,
}

/// Judgements of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgements {
    /// The scenario.
    pub scenario: ScenarioId,
    /// Who judged.
    pub source: OutcomeSource,
    /// Requests judged.
    pub count: u64,
    /// Of them, accepted.
    pub accepted: u64,
    /// Judgements that say why: with a label or a comment.
    pub reasoned: u64,
    /// Judgements within 30 days of their request.
    pub in_time: u64,
    /// Judgements that were asked for and did not come; in none of the other counts.
    pub missing: u64,
    /// Mean time from the request to its judgement.
    pub delay: Nanos,
}

/// Requests that a judge and another source judged, by what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paired {
    /// The scenario.
    pub scenario: ScenarioId,
    /// The other source.
    pub source: OutcomeSource,
    /// Both accept.
    pub both: u64,
    /// The other source accepts, the judge does not.
    pub only_people: u64,
    /// The judge accepts, the other source does not.
    pub only_judge: u64,
    /// Neither accepts.
    pub neither: u64,
}

/// Which requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestsWanted {
    /// Whose.
    pub tenant: TenantId,
    /// From when to when.
    pub span: Span,
    /// Of one scenario.
    pub scenario: Option<ScenarioId>,
    /// Answered by one expert.
    pub expert: Option<ExpertId>,
    /// With one tag: key and value.
    pub tag: Option<(String, String)>,
    /// At most so many.
    pub most: u32,
}

/// One request in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// Its id.
    pub request: RequestId,
    /// Its scenario.
    pub scenario: ScenarioId,
    /// Who answered.
    pub expert: Option<ExpertId>,
    /// Its tags.
    pub tags: Option<Tags>,
    /// When it came.
    pub started: Timestamp,
    /// Until its answer was whole.
    pub total: Nanos,
    /// HTTP.
    pub status: u16,
}

/// A request with all that was done and posted for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDetail {
    /// The request.
    pub line: RequestLine,
    /// Time of the gateway itself.
    pub overhead: Nanos,
    /// Its attempts, in their order.
    pub attempts: Vec<AttemptLine>,
    /// What was posted for them.
    pub costs: Vec<PostedLine>,
    /// Judgements that count: source, score, label, when.
    pub outcomes: Vec<(OutcomeSource, Ppm, Option<String>, Timestamp)>,
}

/// One attempt of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLine {
    /// Its id.
    pub attempt: AttemptId,
    /// The expert.
    pub expert: ExpertId,
    /// Pool or provider.
    pub host: String,
    /// Why it was made.
    pub purpose: Purpose,
    /// Did it give a whole answer?
    pub ok: bool,
    /// From its start to its end.
    pub took: Nanos,
    /// Tokens in and out, as far as known.
    pub tokens: (Option<u64>, Option<u64>),
    /// Device time.
    pub device: Option<Nanos>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostedLine {
    /// Its id.
    pub line: LineId,
    /// Of which attempt.
    pub attempt: AttemptId,
    /// Who carries it; `None` is the platform.
    pub tenant: Option<TenantId>,
    /// What was counted.
    pub meter: Meter,
    /// How much.
    pub quantity: Option<u64>,
    /// What it cost.
    pub amount: Option<Pico>,
    /// How that was found.
    pub method: Method,
    /// The line it takes back or stands for.
    pub corrects: Option<LineId>,
}
