//! The network in training: floats, the losses, and their gradients by hand.

use rand::Rng;
use rand::rngs::StdRng;
use router::{DIM, HIDDEN, INPUT, Linear};

use crate::encode::Encoded;
use crate::table::{OutcomeTable, Row};

/// Weight of the ranking loss beside the others.
const RANKING: f32 = 0.3;
/// An outside text counts as so many inside ones, which are far more.
const OUTSIDE: f32 = 3.0;

/// Probability that labels leave to the other outputs, against overconfidence.
const SMOOTHING: f32 = 0.02;

/// An error of one in the logarithm of tokens or seconds counts as so much of a wrong answer.
const USAGE: f32 = 0.1;

/// Heads, in this order: domain, scenario, outside, quality, cost, latency.
pub const HEADS: usize = 6;

/// Place of the quality among the heads.
pub const QUALITY: usize = 3;

/// What a text should come out as.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its domain.
    pub domain: Option<usize>,
    /// Its scenario.
    pub scenario: Option<usize>,
    /// Of no expert's kind.
    pub outside: bool,
    /// Quality of each expert.
    pub quality: Vec<Option<f32>>,
    /// `ln(1 + output tokens)` of each expert.
    pub output: Vec<Option<f32>>,
    /// `ln(latency in ns)` of each expert.
    pub latency: Vec<Option<f32>>,
}

impl Target {
    /// The labels of a row.
    pub fn of(row: &Row) -> Self {
        let outcomes = || row.outcomes.iter();
        Self {
            domain: row.domain,
            scenario: row.scenario,
            outside: row.outside,
            quality: outcomes().map(|outcome| outcome.quality).collect(),
            output: outcomes()
                .map(|outcome| outcome.output.map(log_tokens))
                .collect(),
            latency: outcomes()
                .map(|outcome| outcome.latency.map(|time| log(time.get().max(1))))
                .collect(),
        }
    }
}

/// `ln(1 + tokens)`.
pub fn log_tokens(tokens: units::Tokens) -> f32 {
    log(tokens.get().saturating_add(1))
}

/// The natural logarithm of a count of at least 1.
fn log(count: u64) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a logarithm needs no exact count"
    )]
    let log = (count as f64).ln() as f32;
    log
}

/// How many outputs the heads have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Domains.
    pub domains: usize,
    /// Scenarios.
    pub scenarios: usize,
    /// Experts.
    pub experts: usize,
}

impl Shape {
    /// What a table needs; a gate has one scenario at least, `unassigned`.
    pub fn of(table: &OutcomeTable) -> Self {
        Self {
            domains: table.domains.len(),
            scenarios: table.scenarios.len().max(1),
            experts: table.experts.len(),
        }
    }

    fn outputs(self) -> [usize; HEADS] {
        let experts = self.experts;
        [self.domains, self.scenarios, 1, experts, experts, experts]
    }
}

/// The parameters.
#[derive(Debug, Clone)]
pub struct Network {
    /// Embedding table; starts at zero, so that what was never seen says nothing.
    pub table: Vec<[f32; DIM]>,
    /// Everything else.
    pub dense: Dense,
}

/// The parameters besides the table; also used for their gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Hidden layer, a row for each input.
    pub input: Vec<[f32; HIDDEN]>,
    /// Its bias.
    pub bias: [f32; HIDDEN],
    /// Heads: domain, scenario, outside, quality, cost, latency.
    pub heads: [Linear; HEADS],
}

impl Dense {
    /// All zero.
    pub fn zeros(shape: Shape) -> Self {
        Self {
            input: vec![[0.0; HIDDEN]; INPUT],
            bias: [0.0; HIDDEN],
            heads: shape.outputs().map(Linear::zeros),
        }
    }

    /// Every number, in a fixed order.
    pub fn numbers(&mut self) -> impl Iterator<Item = &mut f32> {
        let heads = self.heads.iter_mut();
        let heads = heads.flat_map(|h| h.rows.as_flattened_mut().iter_mut().chain(&mut h.bias));
        self.input
            .as_flattened_mut()
            .iter_mut()
            .chain(&mut self.bias)
            .chain(heads)
    }
}

/// What the network says of one text.
#[derive(Debug, Clone)]
pub struct Pass {
    input: [f32; INPUT],
    hidden: [f32; HIDDEN],
    /// Outputs of the heads.
    pub logits: [Vec<f32>; HEADS],
}

/// Sums of losses by head, with their counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loss {
    /// By head.
    pub sums: [f64; HEADS],
    /// Texts (for heads of experts: labels) behind each.
    pub counts: [f64; HEADS],
}

impl Loss {
    /// The mean loss of each head.
    pub fn means(&self) -> [f64; HEADS] {
        std::array::from_fn(|at| self.sums[at] / f64::max(self.counts[at], 1.0))
    }

    /// The mean losses, added up.
    pub fn total(&self) -> f64 {
        self.means().iter().sum()
    }
}

impl Network {
    /// A fresh network with a table of `2^bits` rows.
    pub fn new(shape: Shape, bits: u32, rng: &mut StdRng) -> Self {
        let mut dense = Dense::zeros(shape);
        for value in dense.input.as_flattened_mut() {
            *value = rng.random_range(-0.2..0.2);
        }
        for head in &mut dense.heads {
            for value in head.rows.as_flattened_mut() {
                *value = rng.random_range(-0.1..0.1);
            }
        }
        Self {
            table: vec![[0.0; DIM]; 1 << bits],
            dense,
        }
    }

    /// Sets the biases of cost and latency to the mean labels, from which the fit starts.
    pub fn start_from(&mut self, targets: &[Target]) {
        type Labels = fn(&Target) -> &[Option<f32>];
        let usage: [Labels; 2] = [|target| &target.output, |target| &target.latency];
        for (head, labels) in self.dense.heads.iter_mut().skip(4).zip(usage) {
            for (at, bias) in head.bias.iter_mut().enumerate() {
                let known = targets
                    .iter()
                    .filter_map(|t| labels(t).get(at).copied().flatten());
                let (sum, n) = known.fold((0.0, 0.0), |(sum, n), label| (sum + label, n + 1.0_f32));
                *bias = sum / n.max(1.0);
            }
        }
    }

    /// Runs a text through.
    pub fn forward(&self, text: &Encoded) -> Pass {
        let mut input = [0.0; INPUT];
        let (slots, _) = input.as_chunks_mut::<DIM>();
        for (slot, bag) in slots.iter_mut().zip(&text.bags) {
            for row in bag.iter().filter_map(|at| self.table.get(place(*at))) {
                for (sum, value) in slot.iter_mut().zip(row) {
                    *sum += value;
                }
            }
            let factor = factor(bag.len());
            for sum in slot {
                *sum *= factor;
            }
        }
        for (slot, value) in input.iter_mut().skip(3 * DIM).zip(text.dense) {
            *slot = value;
        }
        let mut hidden = self.dense.bias;
        for (value, row) in input.iter().zip(&self.dense.input) {
            for (sum, weight) in hidden.iter_mut().zip(row) {
                *sum += value * weight;
            }
        }
        let hidden = hidden.map(|value| value.max(0.0));
        let logits = std::array::from_fn(|at| head_logits(&self.dense.heads[at], &hidden));
        Pass {
            input,
            hidden,
            logits,
        }
    }

    /// Adds a text's gradients to `gradients`; returns the gradient of each bag's rows.
    pub fn backward(
        &self,
        pass: &Pass,
        slopes: &[Vec<f32>; HEADS],
        gradients: &mut Dense,
    ) -> [[f32; DIM]; 3] {
        let mut hidden = [0.0; HIDDEN];
        for (at, slopes) in slopes.iter().enumerate() {
            let (head, sums) = (&self.dense.heads[at], &mut gradients.heads[at]);
            for (output, slope) in slopes
                .iter()
                .enumerate()
                .filter(|(_, slope)| **slope != 0.0)
            {
                sums.bias[output] += slope;
                let row = sums.rows[output].iter_mut().zip(&head.rows[output]);
                for ((sum, weight), (value, back)) in row.zip(pass.hidden.iter().zip(&mut hidden)) {
                    *sum += slope * value;
                    *back += slope * weight;
                }
            }
        }
        for (back, value) in hidden.iter_mut().zip(&pass.hidden) {
            if *value <= 0.0 {
                *back = 0.0;
            }
        }
        for (sum, back) in gradients.bias.iter_mut().zip(&hidden) {
            *sum += back;
        }
        let mut input = [0.0; INPUT];
        let rows = self.dense.input.iter().zip(&mut gradients.input);
        for ((weights, sums), (value, back)) in rows.zip(pass.input.iter().zip(&mut input)) {
            for ((weight, sum), slope) in weights.iter().zip(sums).zip(&hidden) {
                *sum += value * slope;
                *back += weight * slope;
            }
        }
        let (bags, _) = input.as_chunks::<DIM>();
        std::array::from_fn(|at| bags.get(at).copied().unwrap_or([0.0; DIM]))
    }
}

/// Factor of a bag with so many tokens; as in the gate.
pub fn factor(tokens: usize) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "tokens of one window are below 2^24"
    )]
    let tokens = tokens.max(1) as f32;
    tokens.sqrt().recip()
}

pub(crate) fn place(row: u32) -> usize {
    usize::try_from(row).unwrap_or(0)
}

fn head_logits(head: &Linear, hidden: &[f32; HIDDEN]) -> Vec<f32> {
    let dot = |row: &[f32; HIDDEN]| row.iter().zip(hidden).map(|(a, b)| a * b).sum::<f32>();
    head.rows
        .iter()
        .zip(&head.bias)
        .map(|(row, bias)| dot(row) + bias)
        .collect()
}

/// The losses of one text, and their slopes by the logits. Quality: binary cross-entropy, and a ranking loss over pairs
/// of experts of which one is better, against collapse onto one expert.
pub fn losses(pass: &Pass, target: &Target, loss: &mut Loss) -> [Vec<f32>; HEADS] {
    let [domain, scenario, outside, quality, cost, latency] = &pass.logits;
    let mut slopes = pass.logits.clone().map(|logits| vec![0.0; logits.len()]);
    for (at, (logits, label)) in [(domain, target.domain), (scenario, target.scenario)]
        .into_iter()
        .enumerate()
    {
        if let Some(label) = label {
            loss.sums[at] += f64::from(cross_entropy(logits, label, &mut slopes[at]));
            loss.counts[at] += 1.0;
        }
    }
    let (label, weight) = if target.outside {
        (1.0, OUTSIDE)
    } else {
        (0.0, 1.0)
    };
    if let Some(logit) = outside.first() {
        loss.sums[2] += f64::from(binary(*logit, label) * weight);
        loss.counts[2] += f64::from(weight);
        slopes[2][0] = (sigmoid(*logit) - label.clamp(SMOOTHING, 1.0 - SMOOTHING)) * weight;
    }
    for (at, (logit, label)) in quality.iter().zip(&target.quality).enumerate() {
        let Some(label) = label else { continue };
        loss.sums[3] += f64::from(binary(*logit, *label));
        loss.counts[3] += 1.0;
        slopes[3][at] += sigmoid(*logit) - label;
        for (other, (rival, worse)) in quality.iter().zip(&target.quality).enumerate() {
            let Some(gap) = worse.map(|worse| label - worse).filter(|gap| *gap > 0.0) else {
                continue;
            };
            let slope = RANKING * gap * (1.0 - sigmoid(logit - rival));
            slopes[3][at] -= slope;
            slopes[3][other] += slope;
        }
    }
    for (at, logits, labels) in [(4, cost, &target.output), (5, latency, &target.latency)] {
        for (output, (logit, label)) in logits.iter().zip(labels).enumerate() {
            let Some(label) = label else { continue };
            let error = logit - label;
            loss.sums[at] += f64::from(0.5 * USAGE * error * error);
            loss.counts[at] += 1.0;
            // Far errors, as at the start, pull no harder than near ones.
            slopes[at][output] = USAGE * error.clamp(-2.0, 2.0);
        }
    }
    slopes
}

fn cross_entropy(logits: &[f32], label: usize, slopes: &mut [f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a head has few outputs")]
    let spread = SMOOTHING / (logits.len().max(2) - 1) as f32;
    let mut loss = 0.0;
    for (at, (logit, slope)) in logits.iter().zip(slopes).enumerate() {
        let share = (logit - top).exp() / sum;
        *slope = share - if at == label { 1.0 - SMOOTHING } else { spread };
        if at == label {
            loss = -share.max(1e-9).ln();
        }
    }
    loss
}

/// Binary cross-entropy of a logit against a label in `[0, 1]`.
pub fn binary(logit: f32, label: f32) -> f32 {
    logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p()
}

/// The logistic function.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
