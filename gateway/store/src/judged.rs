//! Judged requests with the decisions that led to them: what a gate learns from.

use std::fmt::Debug;

use ledger::{DecisionSummary, OutcomeSource, Ppm};
use units::{ExpertId, Nanos, RequestId, ScenarioId, TenantId, Timestamp, Tokens};

use crate::StoreFuture;

/// Which judged requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedQuery {
    /// Of one tenant, or of all.
    pub tenant: Option<TenantId>,
    /// Requests that arrived at this instant or later.
    pub since: Timestamp,
    /// Requests after this one; `None` from the first on.
    pub after: Option<RequestId>,
    /// At most so many.
    pub limit: u32,
}

/// One request that was decided, answered and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedRequest {
    /// The request.
    pub request: RequestId,
    /// Whose.
    pub tenant: TenantId,
    /// The task it counts for.
    pub scenario: ScenarioId,
    /// What the gate chose and among what.
    pub decision: DecisionSummary,
    /// Who gave the answer that was judged.
    pub answered_by: ExpertId,
    /// When it arrived.
    pub started: Timestamp,
    /// The last judgement of each source.
    pub outcomes: Vec<Judgement>,
    /// Output tokens of the answer, where they are known.
    pub output_tokens: Option<Tokens>,
    /// From the start of the answering try to its end.
    pub latency: Option<Nanos>,
}

/// What one source said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Who judged.
    pub source: OutcomeSource,
    /// The score.
    pub score: Ppm,
    /// When.
    pub at: Timestamp,
}

impl JudgedRequest {
    /// The judgement to believe: a known right answer before a program that checks, before a model that judges, before
    /// the person who asked.
    pub fn verdict(&self) -> Option<Judgement> {
        let rank = |source: OutcomeSource| match source {
            OutcomeSource::Gold => 0,
            OutcomeSource::Verifier => 1,
            OutcomeSource::Judge => 2,
            OutcomeSource::User => 3,
        };
        self.outcomes
            .iter()
            .copied()
            .min_by_key(|outcome| rank(outcome.source))
    }
}

/// Reads what was judged.
pub trait Judged: Send + Sync + Debug {
    /// Judged requests with a decision and an answer, in the order of their ids, which is that of their arrival.
    fn judged(&self, query: JudgedQuery) -> StoreFuture<'_, Vec<JudgedRequest>>;
}
