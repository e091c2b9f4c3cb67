//! Fitting the law to runs, and how sure the fit is.

use serde::{Deserialize, Serialize};

use super::huber::{HUBER_DELTA, huber};
use super::projection::{self, Start};
use super::{Law, Run};
use crate::minimise::minimise;
use crate::{Draws, EconomicsError, Reach, Span};

/// The law has five numbers; fewer runs than this leave nothing to check them on.
pub const LEAST_RUNS: usize = 8;

/// The grid of exponents that the descent starts from.
const EXPONENTS: (f64, f64, usize) = (0.05, 1.5, 24);
/// How many of the best grid points the descent starts from.
const STARTS: usize = 6;

/// What a fit may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Both exponents.
    Free,
    /// One exponent for size and data, so that the best of both grow alike with work (Gadre et al. 2024, equation 4): the
    /// steadier choice for few sizes.
    Tied,
}

/// A fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// What the fit could choose.
    pub form: Form,
    /// Sum over the runs of the Huber loss of the log residual.
    pub objective: f64,
    /// What it was fitted on.
    pub reach: Reach,
}

/// Laws fitted to resampled runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// A law for each resampling that could be fitted.
    pub laws: Vec<Law>,
    /// Resamplings that could not: all runs of one size, or no gain with size or data.
    pub failed: usize,
}

impl Law {
    /// Fits the law to runs by the lowest sum of Huber losses of log residuals.
    pub fn fit(runs: &[Run], form: Form) -> Result<Fit, EconomicsError> {
        let data = Centred::of(runs)?;
        let (low, high, count) = EXPONENTS;
        let ratio = (high / low).powf(((count - 1) as f64).recip());
        let exponents: Vec<f64> = (0..count).map(|i| low * ratio.powi(i as i32)).collect();
        let starts = projection::grid(runs, data.centre, &exponents, form);
        let ends = starts
            .iter()
            .take(STARTS)
            .map(|start| data.descend(data.encode(start), form));
        let best = ends.min_by(|a, b| a.1.total_cmp(&b.1));
        let (at, objective) = best.ok_or(EconomicsError::TooFew {
            what: "starts",
            found: 0,
            needed: 1,
        })?;
        Ok(Fit {
            law: data.decode(&at)?,
            form,
            objective,
            reach: data.reach,
        })
    }
}

impl Fit {
    /// Refits the law on clusters of runs drawn with replacement, `count` times, each from this fit's law.
    pub fn bootstrap(&self, runs: &[Run], count: usize, draws: &mut impl Draws) -> Bootstrap {
        let mut members: Vec<Vec<Run>> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        for run in runs {
            let place = *places.entry(run.cluster()).or_insert(members.len());
            if place == members.len() {
                members.push(Vec::new());
            }
            members[place].push(*run);
        }
        let mut laws = Vec::with_capacity(count);
        for _ in 0..count {
            let mut sample = Vec::with_capacity(runs.len());
            for _ in 0..members.len() {
                sample.extend_from_slice(&members[draws.below(members.len())]);
            }
            laws.extend(self.refit(&sample));
        }
        Bootstrap {
            failed: count - laws.len(),
            laws,
        }
    }

    fn refit(&self, runs: &[Run]) -> Option<Law> {
        let data = Centred::of(runs).ok()?;
        let Law {
            e,
            a,
            b,
            alpha,
            beta,
        } = self.law;
        let weights = [
            e,
            a * (-alpha * data.centre[0]).exp(),
            b * (-beta * data.centre[1]).exp(),
        ];
        let start = Start {
            weights,
            alpha,
            beta,
            objective: 0.0,
        };
        let (at, _) = data.descend(data.encode(&start), self.form);
        data.decode(&at).ok()
    }
}

impl Bootstrap {
    /// The middle `share` of the values of `of` over the laws, such as 0.95; `None` where fewer than 20 laws have one.
    pub fn interval(&self, share: f64, of: impl Fn(&Law) -> Option<f64>) -> Option<Span> {
        crate::quantile::middle(self.laws.iter().filter_map(of), share)
    }
}

/// Runs in logarithms, sizes and tokens around their middle so that weights and exponents are nearly independent.
struct Centred {
    /// Log size and log tokens, less their middle, and log loss.
    rows: Vec<[f64; 3]>,
    centre: [f64; 2],
    reach: Reach,
}

impl Centred {
    fn of(runs: &[Run]) -> Result<Self, EconomicsError> {
        if runs.len() < LEAST_RUNS {
            let (found, needed) = (runs.len(), LEAST_RUNS);
            return Err(EconomicsError::TooFew {
                what: "runs",
                found,
                needed,
            });
        }
        let span = |what, value: fn(&Run) -> f64| match Span::of(runs.iter().map(value)) {
            Some(span) if span.low < span.high => Ok(span),
            Some(Span { low: value, .. }) => Err(EconomicsError::NoSpread { what, value }),
            None => Err(EconomicsError::TooFew {
                what: "runs",
                found: 0,
                needed: LEAST_RUNS,
            }),
        };
        let reach = Reach {
            params: span("params", Run::params)?,
            tokens: span("tokens", Run::tokens)?,
            flops: span("flops", |run| super::flops(run.params(), run.tokens()))?,
        };
        let mean = |value: fn(&Run) -> f64| {
            runs.iter().map(|run| value(run).ln()).sum::<f64>() / runs.len() as f64
        };
        let centre = [mean(Run::params), mean(Run::tokens)];
        let row = |run: &Run| {
            [
                run.params().ln() - centre[0],
                run.tokens().ln() - centre[1],
                run.loss().ln(),
            ]
        };
        Ok(Self {
            rows: runs.iter().map(row).collect(),
            centre,
            reach,
        })
    }

    /// The start as the descent's numbers: logs of the three weights, and the exponents.
    fn encode(&self, start: &Start) -> [f64; 5] {
        // A weight of exactly 0 has no log; the descent may shrink it again.
        let least = self
            .rows
            .iter()
            .map(|row| row[2])
            .fold(f64::INFINITY, f64::min)
            - 14.0;
        let [e, a, b] = start.weights.map(|weight| weight.ln().max(least));
        [e, a, b, start.alpha, start.beta]
    }

    fn decode(&self, at: &[f64; 5]) -> Result<Law, EconomicsError> {
        let [e, a, b, alpha, beta] = *at;
        for (what, exponent) in [("params", alpha), ("tokens", beta)] {
            if !(exponent.is_finite() && exponent > 0.0) {
                return Err(EconomicsError::NoGain { what, exponent });
            }
        }
        Law {
            e: e.exp(),
            a: (a + alpha * self.centre[0]).exp(),
            b: (b + beta * self.centre[1]).exp(),
            alpha,
            beta,
        }
        .checked()
    }

    fn descend(&self, start: [f64; 5], form: Form) -> ([f64; 5], f64) {
        // In units of the squared delta the objective is of the order of the number of rows.
        let scale = (HUBER_DELTA * HUBER_DELTA).recip();
        let scaled = |at: &[f64; 5]| {
            let (value, gradient) = self.objective(at);
            (value * scale, gradient.map(|g| g * scale))
        };
        let [e, a, b, alpha, beta] = start;
        match form {
            Form::Free => {
                let found = minimise(scaled, start);
                (found.at, found.value / scale)
            }
            Form::Tied => {
                let tied = |&[e, a, b, both]: &[f64; 4]| {
                    let (value, [of_e, of_a, of_b, of_alpha, of_beta]) =
                        scaled(&[e, a, b, both, both]);
                    (value, [of_e, of_a, of_b, of_alpha + of_beta])
                };
                let found = minimise(tied, [e, a, b, f64::midpoint(alpha, beta)]);
                let [e, a, b, both] = found.at;
                ([e, a, b, both, both], found.value / scale)
            }
        }
    }

    /// The sum of Huber losses and its gradient.
    fn objective(&self, at: &[f64; 5]) -> (f64, [f64; 5]) {
        let [e, a, b, alpha, beta] = *at;
        let (mut value, mut gradient) = (0.0, [0.0; 5]);
        for &[params, tokens, loss] in &self.rows {
            let terms = [e, a - alpha * params, b - beta * tokens];
            let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts = terms.map(|term| (term - top).exp());
            let sum: f64 = parts.iter().sum();
            let residual = top + sum.ln() - loss;
            let (cost, slope) = huber(residual);
            value += cost;
            let [of_e, of_a, of_b] = parts.map(|part| slope * part / sum);
            for (total, part) in
                gradient
                    .iter_mut()
                    .zip([of_e, of_a, of_b, -of_a * params, -of_b * tokens])
            {
                *total += part;
            }
        }
        (value, gradient)
    }
}
