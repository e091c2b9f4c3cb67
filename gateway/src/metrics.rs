//! The metrics of the gateway, declared once: OpenTelemetry's GenAI names, and `moegate_…` for what
//! they do not cover. No tenant, key or free text is ever a label.

use std::collections::HashMap;
use std::sync::Arc;

use expert_pool::{WorkerCounters, WorkerKey};
use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{
    CounterVec, Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use self::buckets::{DURATION, EACH_TOKEN, FIRST_TOKEN, OPERATION, OVERHEAD, TOKENS};

mod buckets;
mod observe;

/// Every metric of the gateway.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// What each worker had done when it was last seen.
    workers: Arc<Mutex<HashMap<WorkerKey, WorkerCounters>>>,
    /// Whole requests by expert and error type.
    pub request_duration: HistogramVec,
    /// Tokens of attempts by expert and type (`input`, `output`).
    pub token_usage: HistogramVec,
    /// Time to the first token of an answer, by expert.
    pub first_token: HistogramVec,
    /// Time of each token after the first of a streamed answer, by expert.
    pub each_token: HistogramVec,
    /// Attempts at experts, by expert and error type.
    pub operation: HistogramVec,
    /// Time of a request that was spent in the gateway itself.
    pub overhead: Histogram,
    /// Time of the gate's decision.
    pub decision: Histogram,
    /// Decisions by reason and expert.
    pub decisions: IntCounterVec,
    /// Requests whose scenario was neither declared nor recognised.
    pub unassigned: IntCounter,
    /// Attempts by expert, purpose and status.
    pub attempts: IntCounterVec,
    /// Requests refused before any expert, by error code.
    pub refused: IntCounterVec,
    /// Requests being served.
    pub running: IntGauge,
    /// Cost in 1e-9 currency units by expert, marginal basis; for trends, the ledger is the record.
    pub cost: IntCounterVec,
    /// Attempts whose cost is unknown, by expert.
    pub cost_unknown: IntCounterVec,
    /// Outcomes taken by source.
    pub outcomes: IntCounterVec,
    /// Device time of workers since the gateway started, seconds, by pool and use (`busy`, `load`, `idle`).
    pub device_seconds: CounterVec,
    /// Device time in the receipts of attempts, seconds, by pool: what of `busy` was booked.
    pub receipt_seconds: CounterVec,
    /// Requests of workers by pool and outcome (`answered`, `rejected`, `cancelled`).
    pub worker_requests: IntCounterVec,
    /// Requests at workers by pool and state (`waiting`, `running`).
    pub worker_queue: IntGaugeVec,
    /// Tenants' monthly budgets by how much of them is spent (`total`, `over_50`, `over_80`, `over_100`); each counts in all
    /// it belongs to.
    pub budgets: IntGaugeVec,
    /// Replicas by expert and state (`alive`, `total`).
    pub replicas: IntGaugeVec,
    /// Bytes of the journal that are not yet in the store.
    pub journal_lag: IntGauge,
    /// Journal writes that failed.
    pub journal_errors: IntCounter,
    /// Requests whose features were kept.
    pub captured: IntCounter,
    /// Requests whose features were not: the queue was full, or the store away.
    pub capture_dropped: IntCounter,
    /// Decisions of the gate in the shadow: `same` as the live one's, or `different`.
    pub shadow_decisions: IntCounterVec,
    /// Time of one of them, off the request's path.
    pub shadow_time: Histogram,
    /// Population stability index of the last full window against the gate's training: `score`, `length`.
    pub drift: GaugeVec,
    /// 1 where it is over 0.25.
    pub drift_alarm: IntGaugeVec,
    /// Entropy of the choices of that window over the experts, 0 to 1.
    pub selection_entropy: Gauge,
    /// Times another gate was made the live one while running.
    pub gate_swaps: IntCounter,
    /// Times a pointer named a gate that could not be loaded.
    pub gate_failures: IntCounter,
    /// Calls of plugins without an answer, by plugin and code.
    pub plugin_failures: IntCounterVec,
    /// Versions of plugins asked in the shadow, by plugin and how their answer compares.
    pub plugin_shadows: IntCounterVec,
    /// CPU time of plugins, seconds, by plugin.
    pub plugin_cpu: CounterVec,
    /// Versions of plugins that could not be loaded.
    pub plugin_load_failures: IntCounter,
    /// Answers checked after they were given, by who checks (`judge`, `verifier`) and what came of it.
    pub checks: IntCounterVec,
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}

/// A histogram of OpenTelemetry's, with the attributes that all its series have alike.
fn genai(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    histogram(name, help, buckets)
        .const_label("gen_ai_operation_name", "chat")
        .const_label("gen_ai_provider_name", "moegate")
}

impl Metrics {
    /// Declares and registers every metric.
    ///
    /// # Errors
    /// Two metrics share a name, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let operation = ["gen_ai_request_model", "error_type"];
        let metrics = Self {
            request_duration: HistogramVec::new(
                genai(
                    "gen_ai_server_request_duration_seconds",
                    "Duration of requests (gen_ai.server.request.duration).",
                    DURATION,
                ),
                &operation,
            )?,
            token_usage: HistogramVec::new(
                genai(
                    "gen_ai_client_token_usage",
                    "Tokens per attempt (gen_ai.client.token.usage).",
                    TOKENS,
                ),
                &["gen_ai_request_model", "gen_ai_token_type"],
            )?,
            first_token: HistogramVec::new(
                genai(
                    "gen_ai_server_time_to_first_token_seconds",
                    "Time to the first token (gen_ai.server.time_to_first_token).",
                    FIRST_TOKEN,
                ),
                &["gen_ai_request_model"],
            )?,
            each_token: HistogramVec::new(
                genai(
                    "gen_ai_server_time_per_output_token_seconds",
                    "Time per token after the first (gen_ai.server.time_per_output_token).",
                    EACH_TOKEN,
                ),
                &["gen_ai_request_model"],
            )?,
            operation: HistogramVec::new(
                genai(
                    "gen_ai_client_operation_duration_seconds",
                    "Duration of attempts at experts (gen_ai.client.operation.duration).",
                    OPERATION,
                ),
                &operation,
            )?,
            overhead: Histogram::with_opts(histogram(
                "moegate_gateway_overhead_seconds",
                "Time of a request spent in the gateway itself.",
                OVERHEAD,
            ))?,
            decision: Histogram::with_opts(histogram(
                "moegate_gate_decision_seconds",
                "Time of the gate's decision.",
                &[
                    0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.01,
                ],
            ))?,
            decisions: counters(
                "moegate_decisions_total",
                "Decisions of the gate.",
                &["reason", "expert"],
            )?,
            unassigned: IntCounter::new(
                "moegate_unassigned_requests_total",
                "Requests whose scenario was neither declared nor recognised.",
            )?,
            attempts: counters(
                "moegate_attempts_total",
                "Attempts at experts.",
                &["expert", "purpose", "status"],
            )?,
            refused: counters(
                "moegate_refused_requests_total",
                "Requests refused before any expert was asked.",
                &["code"],
            )?,
            running: IntGauge::new("moegate_running_requests", "Requests being served.")?,
            cost: counters(
                "moegate_cost_nano_total",
                "Marginal cost in 1e-9 currency units; a trend, the ledger is the record.",
                &["expert"],
            )?,
            cost_unknown: counters(
                "moegate_cost_unknown_total",
                "Attempts whose cost is unknown.",
                &["expert"],
            )?,
            outcomes: counters("moegate_outcomes_total", "Outcomes by source.", &["source"])?,
            device_seconds: CounterVec::new(
                Opts::new(
                    "moegate_device_seconds_total",
                    "Device time of workers since the gateway started, by use.",
                ),
                &["pool", "use"],
            )?,
            receipt_seconds: CounterVec::new(
                Opts::new(
                    "moegate_receipt_device_seconds_total",
                    "Device time in the receipts of attempts: what was booked.",
                ),
                &["pool"],
            )?,
            worker_requests: counters(
                "moegate_worker_requests_total",
                "Requests of workers by outcome.",
                &["pool", "outcome"],
            )?,
            worker_queue: IntGaugeVec::new(
                Opts::new("moegate_worker_queue", "Requests at workers by state."),
                &["pool", "state"],
            )?,
            budgets: IntGaugeVec::new(
                Opts::new(
                    "moegate_budgets",
                    "Monthly budgets of tenants by how much of them is spent.",
                ),
                &["spent"],
            )?,
            replicas: IntGaugeVec::new(
                Opts::new("moegate_replicas", "Replicas of experts by state."),
                &["expert", "state"],
            )?,
            journal_lag: IntGauge::new(
                "moegate_journal_lag_bytes",
                "Bytes of the journal that are not yet in the store.",
            )?,
            journal_errors: IntCounter::new(
                "moegate_journal_errors_total",
                "Writes to the journal that failed.",
            )?,
            captured: IntCounter::new(
                "moegate_captured_requests_total",
                "Requests whose features were kept.",
            )?,
            capture_dropped: IntCounter::new(
                "moegate_capture_dropped_total",
                "Requests whose features were not kept: queue full or store away.",
            )?,
            shadow_decisions: counters(
                "moegate_shadow_decisions_total",
                "Decisions of the gate in the shadow, by agreement with the live one.",
                &["agreement"],
            )?,
            shadow_time: Histogram::with_opts(histogram(
                "moegate_shadow_decision_seconds",
                "Time of a decision of the gate in the shadow, off the request's path.",
                &[
                    0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.01,
                ],
            ))?,
            drift: GaugeVec::new(
                Opts::new(
                    "moegate_gate_drift_psi",
                    "Population stability index of the last full window against the gate's training.",
                ),
                &["of"],
            )?,
            drift_alarm: IntGaugeVec::new(
                Opts::new(
                    "moegate_gate_drift_alarm",
                    "1 where the index is over 0.25.",
                ),
                &["of"],
            )?,
            selection_entropy: Gauge::new(
                "moegate_gate_selection_entropy",
                "Entropy of the choices of the last full window over the experts, 0 to 1.",
            )?,
            gate_swaps: IntCounter::new(
                "moegate_gate_swaps_total",
                "Times another gate was made the live one while running.",
            )?,
            gate_failures: IntCounter::new(
                "moegate_gate_load_failures_total",
                "Times a pointer named a gate that could not be loaded.",
            )?,
            plugin_failures: counters(
                "moegate_plugin_failures_total",
                "Calls of plugins without an answer.",
                &["plugin", "code"],
            )?,
            plugin_shadows: counters(
                "moegate_plugin_shadows_total",
                "Versions of plugins asked in the shadow, by how their answer compares.",
                &["plugin", "compared"],
            )?,
            plugin_cpu: CounterVec::new(
                Opts::new("moegate_plugin_cpu_seconds_total", "CPU time of plugins."),
                &["plugin"],
            )?,
            plugin_load_failures: IntCounter::new(
                "moegate_plugin_load_failures_total",
                "Versions of plugins that could not be loaded.",
            )?,
            checks: counters(
                "moegate_answer_checks_total",
                "Answers checked after they were given.",
                &["source", "result"],
            )?,
            workers: Arc::default(),
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.all()
            .into_iter()
            .try_for_each(|metric| self.registry.register(metric))
    }

    fn all(&self) -> [Box<dyn Collector>; 37] {
        [
            Box::new(self.request_duration.clone()),
            Box::new(self.token_usage.clone()),
            Box::new(self.first_token.clone()),
            Box::new(self.each_token.clone()),
            Box::new(self.operation.clone()),
            Box::new(self.overhead.clone()),
            Box::new(self.decision.clone()),
            Box::new(self.decisions.clone()),
            Box::new(self.unassigned.clone()),
            Box::new(self.attempts.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.running.clone()),
            Box::new(self.cost.clone()),
            Box::new(self.cost_unknown.clone()),
            Box::new(self.outcomes.clone()),
            Box::new(self.device_seconds.clone()),
            Box::new(self.receipt_seconds.clone()),
            Box::new(self.worker_requests.clone()),
            Box::new(self.worker_queue.clone()),
            Box::new(self.budgets.clone()),
            Box::new(self.replicas.clone()),
            Box::new(self.journal_lag.clone()),
            Box::new(self.journal_errors.clone()),
            Box::new(self.captured.clone()),
            Box::new(self.capture_dropped.clone()),
            Box::new(self.shadow_decisions.clone()),
            Box::new(self.shadow_time.clone()),
            Box::new(self.drift.clone()),
            Box::new(self.drift_alarm.clone()),
            Box::new(self.selection_entropy.clone()),
            Box::new(self.gate_swaps.clone()),
            Box::new(self.gate_failures.clone()),
            Box::new(self.plugin_failures.clone()),
            Box::new(self.plugin_shadows.clone()),
            Box::new(self.plugin_cpu.clone()),
            Box::new(self.plugin_load_failures.clone()),
            Box::new(self.checks.clone()),
        ]
    }

    /// The text form Prometheus reads.
    ///
    /// # Errors
    /// A metric cannot be encoded.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::with_capacity(8 << 10);
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

#[cfg(test)]
mod tests;
