//! Asks those who check about one answer, and books both what they say and what it cost.

use std::sync::Arc;
use std::time::Duration;

use expert_pool::{AttemptLimits, CallPlan, CallScope, RequestBody};
use ledger::{LedgerEvent, OutcomeRecord, OutcomeSource, Ppm};
use openai_api::ChatRequest;
use parking_lot::Mutex;
use serde_json::{Value, json};
use units::{ExpertId, Pico, Purpose};

use super::judge::{self, Case, Letter, Order};
use super::{Sample, verifier};
use crate::admission::AdmitAsk;
use crate::api::RequestContext;
use crate::app::App;
use crate::config::{JudgeConfig, VerifierConfig};
use crate::plugins::{Nested, NestedFacts, Scope};
use crate::request::{answer_text, tenant_header};

/// Time for each question.
const PATIENCE: Duration = Duration::from_secs(60);
/// Output tokens that are reserved where the question sets no bound.
const USUAL_OUTPUT: u32 = 512;

/// Why there is no judgement. The names are those of the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Nobody answered.
    Failed,
    /// The answer is not what was asked for.
    Unclear,
    /// Asked the other way round, the judge says otherwise.
    Contradiction,
    /// The tenant's limits or budget have no room.
    Refused,
}

impl Missing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unclear => "unclear",
            Self::Contradiction => "contradiction",
            Self::Refused => "refused",
        }
    }
}

/// A score with its label.
type Word = (Ppm, Option<Arc<str>>);

/// Checks one answer by all who are to check it.
pub(super) async fn check(app: &Arc<App>, sample: Sample) {
    let asking = Asking {
        app,
        sample: &sample,
    };
    if let Some(config) = &sample.judge {
        // There is nothing to compare where the other expert gave the answer.
        let alone = config.against.is_some() && config.against == sample.answered_by;
        if !alone {
            let word = asking.judged(config).await;
            asking.book(OutcomeSource::Judge, word);
        }
    }
    if let Some(config) = &sample.verifier {
        let word = asking.verified(config).await;
        asking.book(OutcomeSource::Verifier, word);
    }
}

/// One answer in the hands of those who check it.
struct Asking<'a> {
    app: &'a Arc<App>,
    sample: &'a Sample,
}

impl Asking<'_> {
    async fn judged(&self, config: &JudgeConfig) -> Result<Word, Missing> {
        let chat = ChatRequest::parse(&self.sample.asked).map_err(|_| Missing::Unclear)?;
        let asked = judge::conversation(&chat);
        let other = match &config.against {
            None => None,
            Some(expert) => {
                let body = alone(&self.sample.asked).ok_or(Missing::Unclear)?;
                let bound = chat.output_bound();
                Some(self.ask(expert, body, Purpose::Shadow, bound).await?)
            }
        };
        // Made of the request's own id, which nobody knows before it is answered.
        let mark = format!("====={}", self.sample.context.id);
        let case = Case {
            rubric: &config.rubric,
            asked: &asked,
            own: &self.sample.answer,
            other: other.as_deref(),
            mark: &mark,
        };
        let mut letters: [Option<Letter>; 2] = [None, None];
        for (letter, order) in letters.iter_mut().zip([Order::Straight, Order::Swapped]) {
            let body = case.question(order);
            let bound = Some(u64::from(judge::WORD));
            let text = self
                .ask(&config.expert, body, Purpose::Judge, bound)
                .await?;
            *letter = Some(judge::letter(&text).ok_or(Missing::Unclear)?);
        }
        let [Some(straight), Some(swapped)] = letters else {
            return Err(Missing::Unclear);
        };
        let score = case.score(straight, swapped);
        score
            .map(|score| (score, None))
            .ok_or(Missing::Contradiction)
    }

    async fn verified(&self, config: &VerifierConfig) -> Result<Word, Missing> {
        let asked: Value = serde_json::from_slice(&self.sample.asked).unwrap_or_default();
        let body = verifier::question(&asked, &self.sample.answer);
        let text = self.ask(&config.expert, body, Purpose::Judge, None).await?;
        verifier::word(&text).ok_or(Missing::Unclear)
    }

    /// Puts one question to one expert; the text of its answer.
    async fn ask(
        &self,
        expert: &ExpertId,
        body: Vec<u8>,
        purpose: Purpose,
        bound: Option<u64>,
    ) -> Result<String, Missing> {
        let (app, sample) = (self.app, self.sample);
        // The limits of the key are its owner's affair; those of the tenant hold.
        let principal = crate::auth::Principal {
            limits: None,
            key_experts: None,
            ..sample.principal.clone()
        };
        let ask = self.most(expert, &body, bound);
        let permit = app
            .admission
            .admit(&principal, &ask, app.clock.now())
            .map_err(|_| Missing::Refused)?;
        let context = RequestContext {
            started: app.clock.now(),
            monotonic: app.clock.monotonic(),
            patience: PATIENCE,
            ..sample.context.clone()
        };
        let body = RequestBody::new(body.into()).map_err(|_| Missing::Unclear)?;
        let scope = Arc::new(Scope {
            app: Arc::clone(app),
            principal,
            scenario: sample.scenario.clone(),
            source: sample.source,
            chain: Vec::new(),
            run: format!("{}:{}", context.id, purpose.as_str()),
            nested: self.nested(),
            trouble: Mutex::default(),
            shadow: false,
            booked_as: Some(purpose),
            context,
        });
        let abandoned = Arc::clone(&scope);
        let plan = CallPlan {
            request: scope.context.id,
            body,
            candidates: vec![expert.clone()],
            timeout: scope.context.left(app.clock.as_ref()),
            traceparent: Some(scope.context.traceparent.clone()),
            task: None,
            tenant: tenant_header(&sample.principal.tenant),
            scope: Some(CallScope::new(Arc::clone(&scope))),
            limits: AttemptLimits::default(),
            on_abandon: Some(Box::new(move |reports| abandoned.book(reports))),
        };
        let outcome = app.pool.call(plan).await;
        let attempts = outcome.attempts;
        scope.nested.settle(&attempts, permit);
        for report in &attempts {
            let price = scope.nested.price(report);
            app.metrics.count_attempt(report, purpose, price);
        }
        scope.book(attempts);
        let answer = outcome.result.map_err(|why| {
            tracing::debug!(request = %scope.context.id, %expert, %why, "no word of a check");
            Missing::Failed
        })?;
        answer_text(&answer.body).ok_or(Missing::Unclear)
    }

    /// The request is booked already: what is made for it now is booked by itself.
    fn nested(&self) -> Arc<Nested> {
        let sample = self.sample;
        let facts = NestedFacts {
            request: sample.context.id,
            tenant: sample.principal.tenant.clone(),
            scenario: sample.scenario.clone(),
            decision: Some(sample.decision),
            tags: sample.tags.clone(),
        };
        let nested = Nested::new(self.app, facts);
        nested.close();
        nested
    }

    /// The most that a question may use: three bytes are a token.
    fn most(&self, expert: &ExpertId, body: &[u8], bound: Option<u64>) -> AdmitAsk {
        let price = self.app.prices.of(expert);
        let input = u64::try_from(body.len()).unwrap_or(u64::MAX).div_ceil(3);
        let output = bound.unwrap_or_else(|| USUAL_OUTPUT.into());
        let part = |each: Pico, count: u64| each.checked_mul(i128::from(count)).ok();
        let cost = [
            Some(price.per_request),
            part(price.per_input_token, input),
            part(price.per_output_token, output),
        ];
        AdmitAsk {
            tokens: input.saturating_add(output),
            cost: cost.into_iter().flatten().sum(),
        }
    }

    /// Writes down what was said, or that nothing was.
    fn book(&self, source: OutcomeSource, word: Result<Word, Missing>) {
        let (app, sample) = (self.app, self.sample);
        let result = word.as_ref().map_or_else(|why| why.as_str(), |_| "scored");
        app.metrics
            .checks
            .with_label_values(&[source.as_str(), result])
            .inc();
        let (score, label) = match word {
            Ok((score, label)) => (Some(score), label),
            Err(why) => (None, Some(Arc::from(why.as_str()))),
        };
        if score.is_some() {
            app.metrics
                .outcomes
                .with_label_values(&[source.as_str()])
                .inc();
        }
        let record = OutcomeRecord {
            request: sample.context.id,
            tenant: sample.principal.tenant.clone(),
            score,
            source,
            label,
            comment_chars: 0,
            idempotency_key: format!("sampled:{}", sample.context.id).into(),
            at: app.clock.now(),
        };
        if !app.recorder.record(&[LedgerEvent::Outcome(record)]) {
            tracing::error!(request = %sample.context.id, "a judgement is lost: the journal refuses");
        }
    }
}

/// The same request for another expert: one whole answer, whatever the client asked for.
fn alone(asked: &[u8]) -> Option<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(asked).ok()?;
    let fields = body.as_object_mut()?;
    for field in ["stream", "stream_options", "metadata", "n"] {
        fields.remove(field);
    }
    fields.insert("model".to_owned(), json!("auto"));
    Some(body.to_string().into_bytes())
}
