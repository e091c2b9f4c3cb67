//! Answers that are checked after they were given: a share by a model that judges, a share by a program. Both work behind a
//! bounded queue, off the request's path; what they cost is booked to the request and its scenario, and a check that fails
//! is a missing judgement, not a good or a bad one.

mod ask;
mod judge;
mod tasks;
mod verifier;

use std::sync::Arc;

use bytes::Bytes;
use ledger::{ScenarioSource, Tags};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use units::{DecisionId, ExpertId, RequestId, ScenarioId};

use crate::api::RequestContext;
use crate::app::App;
use crate::auth::Principal;
use crate::config::{JudgeConfig, VerifierConfig};
use crate::metrics::Metrics;
use crate::request::Route;

pub use tasks::Checking;

/// Answers that wait at most; their texts live here and nowhere else.
const QUEUE: usize = 256;
/// Longest answer that is checked, in bytes.
const LONGEST: usize = 64 << 10;

/// The way from the requests to those who check.
#[derive(Debug)]
pub struct Sampling {
    queue: mpsc::Sender<Sample>,
    waiting: Mutex<Option<mpsc::Receiver<Sample>>>,
    metrics: Metrics,
}

/// An answer that is to be checked, as far as it is known.
#[derive(Debug)]
pub struct Sample {
    context: RequestContext,
    principal: Principal,
    scenario: ScenarioId,
    source: ScenarioSource,
    decision: DecisionId,
    tags: Option<Tags>,
    /// What was asked, as the client sent it.
    asked: Bytes,
    answer: String,
    answered_by: Option<ExpertId>,
    judge: Option<Arc<JudgeConfig>>,
    verifier: Option<Arc<VerifierConfig>>,
}

impl Sampling {
    /// An empty queue.
    pub fn new(metrics: Metrics) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            metrics,
        }
    }

    /// Takes an answer if there is room. Never waits.
    pub fn offer(&self, sample: Sample) {
        if sample.answer.len() > LONGEST || self.queue.try_send(sample).is_err() {
            self.metrics
                .checks
                .with_label_values(&["any", "skipped"])
                .inc();
        }
    }
}

impl Sample {
    /// Says whether the answer to a request is to be checked. The draw is the request's own: the same request is always in
    /// the sample or never.
    pub fn draw(
        app: &App,
        principal: &Principal,
        context: &RequestContext,
        route: &Route,
        asked: &Bytes,
    ) -> Option<Self> {
        let tenant = app.tenants.get(&principal.tenant)?;
        let rule = tenant.rule(&route.scenario);
        if rule.judge.is_none() && rule.verifier.is_none() {
            return None;
        }
        let judge = rule.judge.clone();
        let judge = judge.filter(|one| drawn(context.id, "judge") < one.share);
        let verifier = rule.verifier.clone();
        let verifier = verifier.filter(|one| drawn(context.id, "verifier") < one.share);
        (judge.is_some() || verifier.is_some()).then(|| Self {
            context: context.clone(),
            principal: principal.clone(),
            scenario: route.scenario.clone(),
            source: route.source,
            tags: route.tags.clone(),
            decision: route.decision.id,
            asked: asked.clone(),
            answer: String::new(),
            answered_by: None,
            judge,
            verifier,
        })
    }

    /// Adds what the client was told. What is too long to be checked is not kept.
    pub fn hear(&mut self, piece: &str) {
        if self.answer.len() <= LONGEST {
            self.answer.push_str(piece);
        }
    }

    /// The answer is whole.
    pub fn answered(mut self, by: &ExpertId) -> Self {
        self.answered_by = Some(by.clone());
        self
    }
}

/// A number from 0 up to 1 that a request draws for one purpose.
fn drawn(request: RequestId, what: &str) -> f64 {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(what)
        .chain_update(request.uuid().as_bytes())
        .finalize()
        .into();
    let (first, _) = digest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    f64::from(u32::from_be_bytes(*first)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_share_of_the_requests_is_drawn_and_each_purpose_by_itself() {
        let id = |n: u128| RequestId::from_uuid(Uuid::from_u128(n));
        let few = (0..10_000).filter(|n| drawn(id(*n), "judge") < 0.1).count();
        assert!((850..1_150).contains(&few), "{few}");
        assert!((0..10_000).all(|n| (0.0..1.0).contains(&drawn(id(n), "judge"))));
        let both = (0..10_000)
            .filter(|n| drawn(id(*n), "judge") < 0.1 && drawn(id(*n), "verifier") < 0.1)
            .count();
        assert!((50..150).contains(&both), "{both}");
    }
}
