//! The network in training: floats, the losses, and their gradients by hand.

use rand::Rng;
use rand::rngs::StdRng;
use router::{DIM, HIDDEN, INPUT, Linear};

use crate::corpus::{DOMAINS, SCENARIOS};
use crate::encode::{BUCKET_BITS, Encoded};

/// Weight of the ranking loss beside the others.
const RANKING: f32 = 0.3;
/// An outside text counts as so many inside ones, which are far more.
const OUTSIDE: f32 = 3.0;

/// Probability that labels leave to the other outputs, against overconfidence.
const SMOOTHING: f32 = 0.02;

/// What a text should come out as.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Its domain.
    pub domain: Option<usize>,
    /// Its scenario.
    pub scenario: Option<usize>,
    /// Of no expert's kind.
    pub outside: bool,
    /// Quality of each expert.
    pub quality: &'a [Option<f32>],
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
    /// Heads: domain, scenario, outside, quality.
    pub heads: [Linear; 4],
}

impl Dense {
    /// All zero.
    pub fn zeros(experts: usize) -> Self {
        let outputs = [DOMAINS.len(), SCENARIOS.len(), 1, experts];
        Self {
            input: vec![[0.0; HIDDEN]; INPUT],
            bias: [0.0; HIDDEN],
            heads: outputs.map(Linear::zeros),
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
    /// Logits of the four heads.
    pub logits: [Vec<f32>; 4],
}

/// Sums of losses by head, with their counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loss {
    /// Domain, scenario, outside, quality.
    pub sums: [f64; 4],
    /// Texts (for quality: labels) behind each.
    pub counts: [f64; 4],
}

impl Loss {
    /// The mean loss of each head.
    pub fn means(&self) -> [f64; 4] {
        std::array::from_fn(|at| self.sums[at] / f64::max(self.counts[at], 1.0))
    }

    /// The mean losses, added up.
    pub fn total(&self) -> f64 {
        self.means().iter().sum()
    }
}

impl Network {
    /// A fresh network.
    pub fn new(experts: usize, rng: &mut StdRng) -> Self {
        let mut dense = Dense::zeros(experts);
        for value in dense.input.as_flattened_mut() {
            *value = rng.random_range(-0.2..0.2);
        }
        for head in &mut dense.heads {
            for value in head.rows.as_flattened_mut() {
                *value = rng.random_range(-0.1..0.1);
            }
        }
        Self {
            table: vec![[0.0; DIM]; 1 << BUCKET_BITS],
            dense,
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
        slopes: &[Vec<f32>; 4],
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
pub fn losses(pass: &Pass, target: &Target<'_>, loss: &mut Loss) -> [Vec<f32>; 4] {
    let [domain, scenario, outside, quality] = &pass.logits;
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
    for (at, (logit, label)) in quality.iter().zip(target.quality).enumerate() {
        let Some(label) = label else { continue };
        loss.sums[3] += f64::from(binary(*logit, *label));
        loss.counts[3] += 1.0;
        slopes[3][at] += sigmoid(*logit) - label;
        for (other, (rival, worse)) in quality.iter().zip(target.quality).enumerate() {
            let Some(gap) = worse.map(|worse| label - worse).filter(|gap| *gap > 0.0) else {
                continue;
            };
            let slope = RANKING * gap * (1.0 - sigmoid(logit - rival));
            slopes[3][at] -= slope;
            slopes[3][other] += slope;
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
