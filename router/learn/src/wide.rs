//! Fits the wide part: regularised linear regression of every label at once on the hashed tokens, by coordinate ascent
//! in the dual (Shalev-Shwartz and Zhang 2013), which has no learning rate to tune and converges in a few passes.
//!
//! Quality columns share strength: an expert's column is the sum of one that all experts have in common (how hard is
//! the text?) and one of its own, each with its own prior. Rare tokens get a wider prior than common ones, as inverse
//! document frequency does.

mod sparse;

#[cfg(test)]
mod tests;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use router::DENSE;

use crate::encode::Encoded;
use crate::network::{Target, place, sigmoid};
use sparse::{BIAS, Idf, Sparse};

/// How strongly labels move the wide part: variances of the priors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WideOptions {
    /// The table has `2^bits` rows.
    pub bits: u32,
    /// Domains, one against the rest.
    pub domain: f32,
    /// The quality that all experts have in common.
    pub common: f32,
    /// The quality of an expert of its own.
    pub own: f32,
    /// Tokens and seconds, as logarithms.
    pub usage: f32,
    /// Weight of character n-grams beside words.
    pub chars: f32,
    /// Weight of the numbers of a text beside its words.
    pub numbers: f32,
    /// Passes over the rows.
    pub passes: usize,
}

impl WideOptions {
    /// What did well over folds of the train rows of every public set, with a table for so many rows.
    pub fn for_rows(rows: usize) -> Self {
        let bits = rows.max(64).ilog2() + 4;
        Self {
            bits: bits.clamp(10, 16),
            domain: 12.0,
            common: 0.2,
            own: 0.2,
            usage: 1.0,
            chars: 0.5,
            numbers: 0.5,
            passes: 12,
        }
    }
}

/// A fitted wide part, in floats.
#[derive(Debug, Clone)]
pub struct WideFit {
    /// `2^bits` rows of `columns` numbers: domains, then quality, cost and latency of each expert.
    pub rows: Vec<f32>,
    /// Numbers of a row.
    pub columns: usize,
    /// For each column, what the numbers of a text add.
    pub dense: Vec<[f32; DENSE]>,
    /// Biases of the columns.
    pub bias: Vec<f32>,
}

/// Columns of one kind.
#[derive(Debug, Clone, Copy)]
struct Layout {
    domains: usize,
    experts: usize,
}

impl Layout {
    fn columns(self) -> usize {
        self.domains + 3 * self.experts
    }

    fn quality(self) -> usize {
        self.domains
    }

    fn usage(self) -> usize {
        self.domains + self.experts
    }
}

impl WideFit {
    /// Logits of one text.
    pub fn logits(&self, text: &Encoded) -> Vec<f32> {
        let mut logits = self.bias.clone();
        for bag in &text.wide {
            let factor = crate::network::factor(bag.len());
            for row in bag {
                let start = place(*row) * self.columns;
                let values = self.rows.get(start..start + self.columns).unwrap_or(&[]);
                for (logit, value) in logits.iter_mut().zip(values) {
                    *logit += value * factor;
                }
            }
        }
        for (logit, weights) in logits.iter_mut().zip(&self.dense) {
            *logit += dot(weights, &text.dense);
        }
        logits
    }
}

fn dot(weights: &[f32; DENSE], values: &[f32; DENSE]) -> f32 {
    weights.iter().zip(values).map(|(a, b)| a * b).sum()
}

/// Fits every column.
pub fn fit(
    texts: &[(Encoded, Target)],
    domains: usize,
    experts: usize,
    options: &WideOptions,
    rng: &mut StdRng,
) -> WideFit {
    let layout = Layout { domains, experts };
    let idf = Idf::count(texts.iter().map(|(text, _)| text), options.bits);
    let means = usage_means(texts, layout);
    let mut state = State::new(layout, options, texts.len());
    let mut order: Vec<usize> = (0..texts.len()).collect();
    for _ in 0..options.passes {
        order.shuffle(rng);
        for at in &order {
            if let Some((text, target)) = texts.get(*at) {
                let x = Sparse::new(text, &idf, options);
                state.step(*at, &x, target, &means);
            }
        }
    }
    state.finish(&idf, options, &means)
}

/// Mean of the logarithms of tokens and of seconds of each expert, from which the fit starts.
fn usage_means(texts: &[(Encoded, Target)], layout: Layout) -> Vec<f32> {
    let mut sums = vec![(0.0_f64, 0.0_f64); 2 * layout.experts];
    for (_, target) in texts {
        let labels = target.output.iter().chain(&target.latency);
        for ((sum, n), label) in sums.iter_mut().zip(labels) {
            if let Some(label) = label {
                *sum += f64::from(*label);
                *n += 1.0;
            }
        }
    }
    let mean = |(sum, n): (f64, f64)| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a logarithm needs no 64 bits"
        )]
        let mean = (sum / f64::max(n, 1.0)) as f32;
        mean
    };
    sums.into_iter().map(mean).collect()
}

/// Primal weights and dual variables.
struct State {
    layout: Layout,
    variances: Vec<f32>,
    common: f32,
    /// A column for each label, and the last: what all experts have in common.
    width: usize,
    weights: Vec<f32>,
    dense: Vec<[f32; DENSE]>,
    bias: Vec<f32>,
    duals: Vec<f32>,
    logits: Vec<f32>,
    steps: Vec<f32>,
}

impl State {
    fn new(layout: Layout, options: &WideOptions, texts: usize) -> Self {
        let columns = layout.columns();
        let mut variances = vec![options.usage; columns];
        variances[..layout.domains].fill(options.domain);
        variances[layout.quality()..layout.usage()].fill(options.own);
        let width = columns + 1;
        Self {
            layout,
            variances,
            common: options.common,
            width,
            weights: vec![0.0; (1 << options.bits) * width],
            dense: vec![[0.0; DENSE]; width],
            bias: vec![0.0; width],
            duals: vec![0.0; texts * columns],
            logits: vec![0.0; width],
            steps: vec![0.0; width],
        }
    }

    /// One text: moves its dual variables to where they belong, given all others.
    fn step(&mut self, at: usize, x: &Sparse, target: &Target, means: &[f32]) {
        self.score(x);
        self.steps.fill(0.0);
        let columns = self.layout.columns();
        let duals = at * columns;
        for domain in 0..self.layout.domains {
            if let Some(label) = target.domain {
                let label = if label == domain { 1.0 } else { 0.0 };
                let rate = self.variances[domain] * x.square;
                let move_by =
                    logistic(self.logits[domain], label, self.duals[duals + domain], rate);
                self.duals[duals + domain] += move_by;
                self.steps[domain] = move_by * self.variances[domain];
            }
        }
        let first = self.layout.quality();
        for (expert, label) in target.quality.iter().enumerate() {
            let Some(label) = label else { continue };
            let column = first + expert;
            let rate = (self.variances[column] + self.common) * x.square;
            let logit = self.logits[column] + self.logits[columns];
            let move_by = logistic(logit, *label, self.duals[duals + column], rate);
            self.duals[duals + column] += move_by;
            self.steps[column] = move_by * self.variances[column];
            self.steps[columns] += move_by * self.common;
            // The others see at once what the common part has learned.
            self.logits[columns] += move_by * self.common * x.square;
        }
        let first = self.layout.usage();
        let labels = target.output.iter().chain(&target.latency);
        for (number, (label, mean)) in labels.zip(means).enumerate() {
            let Some(label) = label else { continue };
            let column = first + number;
            let rate = self.variances[column] * x.square;
            let error = label - mean - self.logits[column] - self.duals[duals + column];
            let move_by = error / (1.0 + rate);
            self.duals[duals + column] += move_by;
            self.steps[column] = move_by * self.variances[column];
        }
        self.apply(x);
    }

    fn score(&mut self, x: &Sparse) {
        for (logit, (bias, dense)) in self
            .logits
            .iter_mut()
            .zip(self.bias.iter().zip(&self.dense))
        {
            *logit = bias * BIAS + dot(dense, &x.dense);
        }
        for (row, value) in &x.rows {
            let start = row * self.width;
            let weights = self.weights.get(start..start + self.width).unwrap_or(&[]);
            for (logit, weight) in self.logits.iter_mut().zip(weights) {
                *logit += weight * value;
            }
        }
    }

    fn apply(&mut self, x: &Sparse) {
        for ((bias, dense), step) in self.bias.iter_mut().zip(&mut self.dense).zip(&self.steps) {
            *bias += step * BIAS;
            for (weight, value) in dense.iter_mut().zip(&x.dense) {
                *weight += step * value;
            }
        }
        for (row, value) in &x.rows {
            let start = row * self.width;
            if let Some(weights) = self.weights.get_mut(start..start + self.width) {
                for (weight, step) in weights.iter_mut().zip(&self.steps) {
                    *weight += step * value;
                }
            }
        }
    }

    /// The columns as the gate takes them: the common part added to each expert's quality, every weight scaled.
    fn finish(self, idf: &Idf, options: &WideOptions, means: &[f32]) -> WideFit {
        let columns = self.layout.columns();
        let quality = self.layout.quality()..self.layout.usage();
        let merge = |values: &[f32]| -> Vec<f32> {
            let common = values.get(columns).copied().unwrap_or(0.0);
            let pairs = values.iter().take(columns).enumerate();
            pairs
                .map(|(at, value)| value + if quality.contains(&at) { common } else { 0.0 })
                .collect()
        };
        let mut rows = Vec::with_capacity((1 << options.bits) * columns);
        let half = 1 << (options.bits - 1);
        for (at, values) in self.weights.chunks(self.width).enumerate() {
            let weight = idf.of(at) * if at < half { 1.0 } else { options.chars };
            rows.extend(merge(values).into_iter().map(|value| value * weight));
        }
        let mut bias: Vec<f32> = merge(&self.bias)
            .into_iter()
            .map(|value| value * BIAS)
            .collect();
        for (bias, mean) in bias.iter_mut().skip(self.layout.usage()).zip(means) {
            *bias += mean;
        }
        let by_number: Vec<Vec<f32>> = (0..DENSE)
            .map(|at| merge(&self.dense.iter().map(|dense| dense[at]).collect::<Vec<_>>()))
            .collect();
        let dense = (0..columns)
            .map(|column| std::array::from_fn(|at| by_number[at][column] * options.numbers))
            .collect();
        WideFit {
            rows,
            columns,
            dense,
            bias,
        }
    }
}

/// Step of the dual variable of one text for the logistic loss: the root of `dual + step = label - sigmoid(logit + step
/// rate)`. The left side rises and the right side falls, so there is one, between `label - 1 - dual` and `label - dual`;
/// Newton's method, halved where it leaves what is known to hold the root.
fn logistic(logit: f32, label: f32, dual: f32, rate: f32) -> f32 {
    let (mut low, mut high) = (label - 1.0 - dual, label - dual);
    let mut step = 0.0_f32.clamp(low, high);
    for _ in 0..40 {
        let p = sigmoid(logit + step * rate);
        let error = dual + step - label + p;
        if error.abs() < 1e-4 {
            break;
        }
        if error > 0.0 {
            high = step;
        } else {
            low = step;
        }
        step -= error / (1.0 + rate * p * (1.0 - p));
        // Also at the ends themselves: between two of them Newton's method can swing for ever.
        if step <= low || step >= high {
            step = f32::midpoint(low, high);
        }
    }
    step
}
