//! What the gate reads out of one request, and its prediction for each candidate.

use units::{Nanos, ScenarioId, Tokens};

use super::{Column, Gate, Scratch, network};
use crate::candidate::Candidate;
use crate::decision::{DomainGuess, ScenarioGuess};
use crate::package::{HIDDEN, Platt};
use crate::view::RequestView;

/// Rows that count at most towards the width of an interval: calibration itself is no better known.
const ROWS_CAP: f32 = 400.0;
/// Rows that stand behind a prediction at least.
const ROWS_FLOOR: f32 = 2.0;
/// Quality of an expert of which nobody says anything.
const UNKNOWN_QUALITY: f32 = 0.5;

/// One request as the gate reads it. Borrowed from the gate, the request and the scratch memory.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    gate: &'a Gate,
    view: RequestView<'a>,
    scratch: &'a Scratch,
    scenario: ScenarioGuess,
    slice: Option<usize>,
    domain: usize,
    ood: f32,
    digest: u32,
}

/// What the gate expects of one expert on one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Calibrated probability of an acceptable answer, in `[0, 1]`.
    pub quality: f32,
    /// Lower end of its 90 % interval.
    pub low: f32,
    /// Upper end of its 90 % interval.
    pub high: f32,
    /// Output tokens; `None` where the gate has learned none.
    pub output: Option<Tokens>,
    /// Time to answer without a queue; `None` where the gate has learned none.
    pub latency: Option<Nanos>,
    /// The gate was trained on this expert.
    pub known: bool,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        gate: &'a Gate,
        view: RequestView<'a>,
        scratch: &'a Scratch,
        ood: f32,
        digest: u32,
    ) -> Self {
        let (scenario, slice) = guess(gate, &view, &scratch.scenarios);
        let domain = largest(&scratch.domains).map_or(0, |(at, _)| at);
        Self {
            gate,
            view,
            scratch,
            scenario,
            slice,
            domain,
            ood,
            digest,
        }
    }

    /// The gate that read.
    pub fn gate(&self) -> &'a Gate {
        self.gate
    }

    /// The request that was read.
    pub fn view(&self) -> &RequestView<'a> {
        &self.view
    }

    /// The scenario, declared or recognised. Its policy is the one to decide under.
    pub fn scenario(&self) -> &ScenarioGuess {
        &self.scenario
    }

    /// The likeliest domain.
    pub fn domain(&self) -> DomainGuess {
        let name = self
            .gate
            .domains
            .get(self.domain)
            .cloned()
            .unwrap_or_default();
        let probability = self
            .scratch
            .domains
            .get(self.domain)
            .copied()
            .unwrap_or(0.0);
        DomainGuess { name, probability }
    }

    /// Every domain with its probability.
    pub fn domains(&self) -> impl Iterator<Item = (&'a str, f32)> {
        let names = self.gate.manifest.domains.iter().map(String::as_str);
        names.zip(self.scratch.domains.iter().copied())
    }

    /// Probability that the gate has no evidence on such a request.
    pub fn out_of_distribution(&self) -> f32 {
        self.ood
    }

    /// Length of what is asked: the first of the numbers, `bytes_log`.
    pub fn bytes_log(&self) -> f32 {
        self.scratch.bytes_log
    }

    /// Digest of the features.
    pub fn digest(&self) -> u32 {
        self.digest
    }

    pub(crate) fn hidden(&self) -> &[f32; HIDDEN] {
        &self.scratch.hidden
    }

    pub(crate) fn domain_index(&self) -> usize {
        self.domain
    }

    /// Predicts for one candidate. An expert the gate was not trained on gets what its card claims, weighted with the
    /// probability of its domain, with a wide interval.
    pub fn predict(&self, candidate: &Candidate<'_>) -> Prediction {
        match self.gate.experts.get(candidate.expert) {
            Some(&at) => self.predict_known(at),
            None => self.predict_unknown(candidate),
        }
    }

    /// Quality before calibration, as a logit: the lookup and what was learned, mixed. For training.
    pub fn raw_quality(&self, expert: usize) -> f32 {
        let prior = self.prior(expert);
        let learned = self.learned(Column::Quality, expert);
        (1.0 - prior.head) * logit(prior.mean) + prior.head * learned
    }

    /// Mean quality that the lookup table expects of an expert, without what was learned. For training and baselines.
    pub fn lookup_quality(&self, expert: usize) -> f32 {
        self.prior(expert).mean
    }

    /// Share of what was learned in the mixed logit of an expert: 0 at cold start.
    pub fn learned_share(&self, expert: usize) -> f32 {
        self.prior(expert).head
    }

    /// What head and wide part say of an expert, together.
    pub fn learned(&self, of: Column, expert: usize) -> f32 {
        let weights = &self.gate.weights;
        let head = match of {
            Column::Quality => &weights.quality,
            Column::Cost => &weights.cost,
            Column::Latency => &weights.latency,
        };
        let wide = self.scratch.wide.expert(&self.gate.manifest, of, expert);
        network::output(head, expert, self.hidden()) + wide
    }

    fn prior(&self, expert: usize) -> super::lookup::Prior {
        self.gate
            .lookup
            .prior(expert, &self.scratch.domains, self.slice, self.ood)
    }

    fn predict_known(&self, at: usize) -> Prediction {
        let platt = self
            .gate
            .platts
            .get(self.domain)
            .copied()
            .unwrap_or(Platt::IDENTITY);
        let quality = network::sigmoid(platt.scale * self.raw_quality(at) + platt.shift);
        let (low, high) = interval(quality, self.prior(at).n * (1.0 - self.ood));
        let entry = self.gate.manifest.experts.get(at);
        let output = entry.filter(|e| e.output_samples > 0).map(|_| {
            let log = self.learned(Column::Cost, at);
            Tokens::new(whole(log.clamp(0.0, 14.0).exp_m1()))
        });
        let latency = entry.filter(|e| e.latency_samples > 0).map(|_| {
            let log = self.learned(Column::Latency, at);
            Nanos::new(whole(log.clamp(0.0, 28.0).exp()))
        });
        Prediction {
            quality,
            low,
            high,
            output,
            latency,
            known: true,
        }
    }

    fn predict_unknown(&self, candidate: &Candidate<'_>) -> Prediction {
        let claimed = candidate.prior_quality.filter(|q| (0.0..=1.0).contains(q));
        let claimed = claimed.unwrap_or(UNKNOWN_QUALITY);
        let in_domain = self.domains().find(|(name, _)| *name == candidate.domain);
        let quality = if candidate.generalist {
            claimed
        } else {
            claimed * in_domain.map_or(0.5, |(_, share)| share) * (1.0 - self.ood)
        };
        let (low, high) = interval(quality, 0.0);
        Prediction {
            quality,
            low,
            high,
            output: None,
            latency: None,
            known: false,
        }
    }
}

/// The scenario and, where it has a slice in the lookup table, its position.
fn guess(gate: &Gate, view: &RequestView<'_>, shares: &[f32]) -> (ScenarioGuess, Option<usize>) {
    let names = &gate.manifest.scenarios;
    if let Some(declared) = view.scenario {
        let at = names.iter().position(|name| name == declared);
        let probability = at.and_then(|at| shares.get(at)).copied().unwrap_or(0.0);
        let guess = ScenarioGuess {
            id: declared.clone(),
            probability,
            declared: true,
        };
        return (guess, at);
    }
    let possible = |at: usize, name: &ScenarioId| {
        view.scenarios.is_empty() || at == gate.unassigned || view.scenarios.contains(name)
    };
    let (mut sum, mut best, mut top) = (0.0, gate.unassigned, 0.0);
    for (at, (name, &share)) in names.iter().zip(shares).enumerate() {
        if possible(at, name) {
            sum += share;
            if share > top {
                (best, top) = (at, share);
            }
        }
    }
    let probability = if sum > 0.0 { top / sum } else { 0.0 };
    let sure = best != gate.unassigned && probability >= gate.manifest.scenario_threshold;
    let name = names.get(best).filter(|_| sure).cloned();
    let id = name.unwrap_or_else(ScenarioId::unassigned);
    (
        ScenarioGuess {
            id,
            probability,
            declared: false,
        },
        sure.then_some(best),
    )
}

/// Wilson's 90 % interval of a probability seen on so many rows; rows are held between 2 and 400.
pub fn interval(probability: f32, rows: f32) -> (f32, f32) {
    const Z: f32 = 1.645;
    let n = if rows.is_finite() {
        rows.clamp(ROWS_FLOOR, ROWS_CAP)
    } else {
        ROWS_FLOOR
    };
    let centre = probability + Z * Z / (2.0 * n);
    let spread = Z * (probability * (1.0 - probability) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    let low = ((centre - spread) / whole).clamp(0.0, 1.0);
    let high = ((centre + spread) / whole).clamp(0.0, 1.0);
    (low.min(probability), high.max(probability))
}

fn logit(probability: f32) -> f32 {
    let inside = probability.clamp(1e-4, 1.0 - 1e-4);
    (inside / (1.0 - inside)).ln()
}

fn largest(values: &[f32]) -> Option<(usize, f32)> {
    let pairs = values.iter().copied().enumerate();
    pairs.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn whole(value: f32) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to 0 and far below 2^63"
    )]
    let count = value.max(0.0).round() as u64;
    count
}
