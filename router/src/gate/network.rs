//! The network: three bags and the numbers → one hidden layer (ReLU) → linear heads.

use super::Bags;
use crate::features::{DENSE, DIM, Outline};
use crate::package::{HIDDEN, INPUT, Linear, Weights};

/// Input of the hidden layer: words, characters, context, numbers.
pub(crate) type Input = [f32; INPUT];

/// Each bag over the root of its count, then the numbers.
pub(crate) fn input_of(weights: &Weights, bags: &mut Bags<'_>, outline: Outline) -> Input {
    let mut input = [0.0; INPUT];
    let (slots, _) = input.as_chunks_mut::<DIM>();
    for (slot, (sum, count)) in slots.iter_mut().zip(bags.finish()) {
        let share = bag_factor(count);
        for ((out, total), scale) in slot.iter_mut().zip(sum).zip(&weights.scale) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "sums of one window are below 2^24"
            )]
            let total = total as f32;
            *out = total * scale * share;
        }
    }
    let mut dense = outline.dense;
    dense[DENSE - 1] = bags.known_share();
    for (out, value) in input.iter_mut().skip(3 * DIM).zip(dense) {
        *out = value;
    }
    input
}

/// One over the root of a bag's tokens.
pub(crate) fn bag_factor(count: u32) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "tokens of one window are below 2^24"
    )]
    let count = count.max(1) as f32;
    count.sqrt().recip()
}

/// The hidden layer.
pub(super) fn hidden(weights: &Weights, input: &Input, out: &mut [f32; HIDDEN]) {
    let mut sum = weights.input_bias;
    for (value, row) in input.iter().zip(&weights.input) {
        for (total, weight) in sum.iter_mut().zip(row) {
            *total += value * weight;
        }
    }
    *out = sum.map(|value| value.max(0.0));
}

/// Output `at` of a head; 0 where it has none.
pub(super) fn output(head: &Linear, at: usize, hidden: &[f32; HIDDEN]) -> f32 {
    let Some((row, bias)) = head.rows.get(at).zip(head.bias.get(at)) else {
        return 0.0;
    };
    let (row, _) = row.as_chunks::<8>();
    let (hidden, _) = hidden.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for (weights, values) in row.iter().zip(hidden) {
        for ((lane, weight), value) in lanes.iter_mut().zip(weights).zip(values) {
            *lane += weight * value;
        }
    }
    lanes.iter().sum::<f32>() + bias
}

/// The numbers of a request among its input.
pub(crate) fn numbers(input: &Input) -> &[f32] {
    input.get(3 * DIM..).unwrap_or(&[])
}

/// Probabilities of a head's outputs, to whose logits `wide` is added.
pub(super) fn softmax(head: &Linear, hidden: &[f32; HIDDEN], wide: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.extend((0..head.rows.len()).map(|at| output(head, at, hidden)));
    for (logit, more) in out.iter_mut().zip(wide) {
        *logit += more;
    }
    let top = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in out.iter_mut() {
        *value = (*value - top).exp();
        sum += *value;
    }
    for value in out.iter_mut() {
        *value /= sum;
    }
}

/// The logistic function.
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Gradient of output `at` of a head with respect to the input, where the hidden layer stands as it does.
pub(crate) fn gradient(
    weights: &Weights,
    head: &Linear,
    at: usize,
    hidden: &[f32; HIDDEN],
) -> Input {
    let mut slope = [0.0; HIDDEN];
    if let Some(row) = head.rows.get(at) {
        for ((out, weight), value) in slope.iter_mut().zip(row).zip(hidden) {
            *out = if *value > 0.0 { *weight } else { 0.0 };
        }
    }
    let mut input = [0.0; INPUT];
    for (out, row) in input.iter_mut().zip(&weights.input) {
        *out = row.iter().zip(&slope).map(|(a, b)| a * b).sum();
    }
    input
}
