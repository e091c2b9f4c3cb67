//! The drop-safe end of every request: budget settled, receipts recorded, metrics counted, exactly
//! once, whatever ends it.

use std::sync::Arc;

use expert_pool::AttemptReport;
use ledger::{
    AttemptRecord, CLIENT_GONE, Candidate, DecisionSummary, LedgerEvent, Ppm, RequestRecord,
};
use parking_lot::Mutex;
use router::{Decision, Reason};
use units::{ExpertId, Nanos, Pico, Purpose, TenantId, Tokens};

use super::{Route, attempt_record};
use crate::admission::Permit;
use crate::api::RequestContext;
use crate::app::App;
use crate::auth::Principal;
use crate::plugins::{Nested, NestedFacts};

/// An admitted request that is not yet recorded.
#[derive(Debug)]
pub struct Booking {
    app: Arc<App>,
    context: RequestContext,
    tenant: TenantId,
    principal: Arc<str>,
    route: Route,
    permit: Permit,
    streamed: bool,
    attempts: Vec<AttemptReport>,
    /// Attempts of plugins, where one may be asked.
    nested: Option<Arc<Nested>>,
}

/// How a request was let in.
#[derive(Debug)]
pub struct Admitted {
    /// What is reserved for it.
    pub permit: Permit,
    /// It is answered in pieces.
    pub streamed: bool,
    /// Where plugins book what they ask for, where one may be asked.
    pub nested: Option<Arc<Nested>>,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The status the client saw, or that of the error frame which ended its stream.
    pub http_status: u16,
    /// Who gave the answer.
    pub answered_by: Option<ExpertId>,
}

/// What was recorded.
#[derive(Debug, Clone, Copy)]
pub struct Booked {
    /// Marginal cost of all attempts; `None` where one of them is unknown.
    pub cost: Option<Pico>,
    /// The journal has it. If not, the client must not get its answer.
    pub recorded: bool,
}

impl Booking {
    /// Opens the books for an admitted request.
    pub fn open(
        app: &Arc<App>,
        context: &RequestContext,
        principal: &Principal,
        route: Route,
        admitted: Admitted,
    ) -> Self {
        app.metrics.running.inc();
        Self {
            app: Arc::clone(app),
            context: context.clone(),
            tenant: principal.tenant.clone(),
            principal: Arc::from(principal.subject.as_str()),
            route,
            permit: admitted.permit,
            streamed: admitted.streamed,
            attempts: Vec::new(),
            nested: admitted.nested,
        }
    }

    /// Where the request goes.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Adds tries that have ended.
    pub fn add(&mut self, reports: impl IntoIterator<Item = AttemptReport>) {
        self.attempts.extend(reports);
    }

    /// Settles the budget, writes the journal, counts.
    pub fn close(mut self, ending: &Ending) -> Booked {
        let total = self.context.elapsed(self.app.clock.as_ref());
        let mut reports = std::mem::take(&mut self.attempts);
        let own = reports.len();
        let working: Nanos = reports.iter().map(|r| r.finished.since(r.started)).sum();
        reports.extend(self.nested.iter().flat_map(|nested| nested.close()));
        let facts = self.facts();
        let records: Vec<AttemptRecord> = reports
            .iter()
            .map(|report| attempt_record(report, &facts))
            .collect();
        let prices: Vec<Option<Pico>> = records
            .iter()
            .map(|record| self.app.recorder.price(record))
            .collect();
        // What was spent in the shadow is not the client's.
        let heard = prices.iter().zip(&reports);
        let heard = heard.filter(|(_, report)| report.purpose != Purpose::Shadow);
        let cost = sum(heard.map(|(price, _)| price));
        // What plugins asked for was settled when it ended.
        let own_cost = sum(prices.get(..own).unwrap_or_default());
        let tokens = records
            .iter()
            .take(own)
            .map(|record| record.receipt.tokens.total())
            .try_fold(Tokens::ZERO, |all, one| {
                one.map(|one| all.saturating_add(one))
            });
        let overhead = total.saturating_sub(working);
        let mut events: Vec<LedgerEvent> = Vec::with_capacity(records.len().saturating_add(1));
        self.count(&reports, &prices, ending, total, overhead);
        let request = self.request_record(ending, total, overhead);
        events.extend(records.into_iter().map(LedgerEvent::Attempt));
        events.push(LedgerEvent::Request(request));
        let recorded = self.app.recorder.record(&events);
        self.app.recorder.remember(&self.tenant, self.context.id);
        self.permit.settle(tokens.map(Tokens::get), own_cost);
        Booked { cost, recorded }
    }

    /// What all its attempts have in common.
    fn facts(&self) -> NestedFacts {
        NestedFacts {
            request: self.context.id,
            tenant: self.tenant.clone(),
            scenario: self.route.scenario.clone(),
            decision: Some(self.route.decision.id),
            tags: self.route.tags.clone(),
        }
    }

    fn request_record(&self, ending: &Ending, total: Nanos, overhead: Nanos) -> RequestRecord {
        RequestRecord {
            request: self.context.id,
            tenant: self.tenant.clone(),
            principal: Arc::clone(&self.principal),
            scenario: self.route.scenario.clone(),
            scenario_source: self.route.source,
            decision: Some(summary(&self.route.decision, ending.answered_by.as_ref())),
            answered_by: ending.answered_by.clone(),
            started: self.context.started,
            total,
            overhead,
            http_status: ending.http_status,
            streamed: self.streamed,
            tags: self.route.tags.clone(),
        }
    }

    fn count(
        &self,
        reports: &[AttemptReport],
        prices: &[Option<Pico>],
        ending: &Ending,
        total: Nanos,
        overhead: Nanos,
    ) {
        let metrics = &self.app.metrics;
        let error = match ending.http_status {
            200 => "",
            CLIENT_GONE => "client_gone",
            _ => "error",
        };
        let expert = ending
            .answered_by
            .as_ref()
            .unwrap_or(&self.route.decision.chosen)
            .as_str();
        let seconds = |time: Nanos| time.to_duration().as_secs_f64();
        metrics
            .request_duration
            .with_label_values(&[expert, error])
            .observe(seconds(total));
        metrics.overhead.observe(seconds(overhead));
        let reason = self.route.decision.reason.as_str();
        let chosen = self.route.decision.chosen.as_str();
        metrics.decisions.with_label_values(&[reason, chosen]).inc();
        if self.route.source == ledger::ScenarioSource::Unassigned {
            metrics.unassigned.inc();
        }
        for (report, price) in reports.iter().zip(prices) {
            metrics.count_attempt(report, report.purpose, *price);
            if self.streamed {
                self.count_tokens_in_time(report);
            }
        }
        metrics.running.dec();
    }

    /// When the first token of a stream came, and how fast the others did.
    fn count_tokens_in_time(&self, report: &AttemptReport) {
        let (expert, receipt) = (report.expert.as_str(), &report.receipt);
        let Some(first) = receipt.first_token_ns else {
            return;
        };
        let seconds = |time: Nanos| time.to_duration().as_secs_f64();
        let metrics = &self.app.metrics;
        metrics
            .first_token
            .with_label_values(&[expert])
            .observe(seconds(first));
        let later = receipt.tokens.output().and_then(|count| {
            let later = count.get().checked_sub(1).filter(|later| *later > 0)?;
            u32::try_from(later).ok()
        });
        if let Some((later, total)) = later.zip(receipt.total_ns) {
            let each = seconds(total.saturating_sub(first)) / f64::from(later);
            metrics
                .each_token
                .with_label_values(&[expert])
                .observe(each);
        }
    }
}

fn sum<'a>(prices: impl IntoIterator<Item = &'a Option<Pico>>) -> Option<Pico> {
    let mut prices = prices.into_iter();
    prices.try_fold(Pico::ZERO, |all, one| all.checked_add((*one)?).ok())
}

fn summary(decision: &Decision, answered_by: Option<&ExpertId>) -> DecisionSummary {
    let fell_back = answered_by.is_some_and(|expert| *expert != decision.chosen);
    let reason = if fell_back {
        Reason::Fallback
    } else {
        decision.reason
    };
    let propensity = decision.chosen_row().map_or(0.0, |row| row.propensity);
    DecisionSummary {
        id: decision.id,
        gate_version: Arc::clone(&decision.gate),
        reason: reason.as_str().into(),
        chosen: decision.chosen.clone(),
        propensity: ppm(propensity),
        candidates: recorded(decision),
    }
}

/// The candidates of a decision as the ledger keeps them.
pub fn recorded(decision: &Decision) -> Vec<Candidate> {
    let rows = decision.candidates.iter();
    rows.map(|row| Candidate {
        expert: row.expert.clone(),
        quality: ppm(f64::from(row.quality)),
        propensity: ppm(row.propensity),
        cost: Some(row.cost),
        latency: row.latency,
    })
    .collect()
}

/// A probability in parts per million.
pub fn ppm(share: f64) -> Ppm {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1e6 before the cast, and NaN becomes 0"
    )]
    let parts = (share.clamp(0.0, 1.0) * 1e6).round() as u32;
    Ppm::new(parts)
}

/// A place that holds a booking until somebody closes it: the handler, or the pool when the client
/// goes away.
#[derive(Debug, Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Booking>>>);

impl Slot {
    /// Puts the booking in.
    pub fn put(&self, booking: Booking) {
        *self.0.lock() = Some(booking);
    }

    /// Takes the booking out; `None` where it is closed already.
    pub fn take(&self) -> Option<Booking> {
        self.0.lock().take()
    }

    /// Adds tries to the booking inside.
    pub fn add(&self, reports: Vec<AttemptReport>) {
        if let Some(booking) = self.0.lock().as_mut() {
            booking.add(reports);
        }
    }

    /// The client went away: closes the booking with what the pool has seen.
    pub fn abandon(&self, reports: Vec<AttemptReport>) {
        if let Some(mut booking) = self.take() {
            booking.add(reports);
            booking.close(&Ending {
                http_status: CLIENT_GONE,
                answered_by: None,
            });
        }
    }
}
