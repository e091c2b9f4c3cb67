//! A fast learner whose curve stands for a task: logistic regression over words and pairs of words.

use super::features::{Sparse, Vocabulary};

/// Least squares of the weights against the losses, per row: the inverse of scikit-learn's `C`.
const PENALTY: f64 = 0.01;
const ROUNDS: usize = 300;
/// Learning ends when the gradient is this small.
const STILL: f64 = 1e-4;

/// A text and its label.
#[derive(Debug, Clone)]
pub(super) struct Example {
    /// Hashes of its words and pairs.
    pub(super) grams: Vec<u64>,
    /// Its label's position.
    pub(super) label: usize,
}

/// Learned weights.
#[derive(Debug)]
pub(super) struct Learner {
    vocabulary: Vocabulary,
    labels: usize,
    /// For each gram, and last for the constant, a weight for each label.
    weights: Vec<f32>,
}

impl Learner {
    /// Learns to tell `labels` labels from examples: the mean cross-entropy with a penalty on the squared weights,
    /// lowered by accelerated descent with restarts (O'Donoghue and Candes 2015).
    pub(super) fn learn(examples: &[&Example], labels: usize) -> Self {
        let vocabulary = Vocabulary::of(examples.iter().map(|example| example.grams.as_slice()));
        let rows: Vec<(Sparse, usize)> = examples
            .iter()
            .map(|example| (vocabulary.features(&example.grams), example.label))
            .collect();
        let size = (vocabulary.len() + 1) * labels;
        let penalty = (PENALTY / examples.len().max(1) as f64) as f32;
        // A row has length 1, with the constant 2; the softmax bends by at most half.
        let step = (1.0 + penalty).recip();
        let mut learner = Self {
            vocabulary,
            labels,
            weights: vec![0.0; size],
        };
        let mut ahead = learner.weights.clone();
        let mut gradient = vec![0.0; size];
        let mut momentum = 1.0f32;
        for _ in 0..ROUNDS {
            gradient_of(&rows, labels, &ahead, penalty, &mut gradient);
            let norm: f64 = gradient.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            if norm.sqrt() < STILL {
                break;
            }
            let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            let carry = (momentum - 1.0) / next;
            let mut uphill = 0.0f64;
            for ((weight, ahead), gradient) in
                learner.weights.iter_mut().zip(&mut ahead).zip(&gradient)
            {
                let stepped = *ahead - step * gradient;
                let moved = stepped - *weight;
                uphill += f64::from(gradient * moved);
                *ahead = stepped + carry * moved;
                *weight = stepped;
            }
            momentum = if uphill > 0.0 { 1.0 } else { next };
            if uphill > 0.0 {
                ahead.copy_from_slice(&learner.weights);
            }
        }
        learner
    }

    /// The label it takes a text for.
    pub(super) fn label(&self, grams: &[u64]) -> usize {
        let mut scores = vec![0.0; self.labels];
        score(&self.vocabulary.features(grams), &self.weights, &mut scores);
        let best = scores.iter().enumerate().max_by(|x, y| x.1.total_cmp(y.1));
        best.map_or(0, |(label, _)| label)
    }

    /// The share of examples it is right on.
    pub(super) fn accuracy(&self, examples: &[Example]) -> f64 {
        let right = examples
            .iter()
            .filter(|example| self.label(&example.grams) == example.label);
        right.count() as f64 / examples.len().max(1) as f64
    }
}

/// Adds up the labels' scores of a text; the last block of weights is the constant's.
fn score(features: &Sparse, weights: &[f32], scores: &mut [f32]) {
    let labels = scores.len();
    let constant = weights.len() - labels;
    scores.copy_from_slice(weights.get(constant..).unwrap_or_default());
    for &(number, value) in features {
        let from = number as usize * labels;
        let block = weights.get(from..from + labels).unwrap_or_default();
        for (score, weight) in scores.iter_mut().zip(block) {
            *score += value * weight;
        }
    }
}

/// The gradient of mean cross-entropy and penalty; the constant is not penalised.
fn gradient_of(
    rows: &[(Sparse, usize)],
    labels: usize,
    weights: &[f32],
    penalty: f32,
    out: &mut [f32],
) {
    for (slot, weight) in out.iter_mut().zip(weights) {
        *slot = penalty * weight;
    }
    let constant = out.len() - labels;
    out.get_mut(constant..).unwrap_or_default().fill(0.0);
    let share = (rows.len().max(1) as f32).recip();
    let mut scores = vec![0.0f32; labels];
    for (features, label) in rows {
        score(features, weights, &mut scores);
        softmax(&mut scores);
        if let Some(gold) = scores.get_mut(*label) {
            *gold -= 1.0;
        }
        let mut add = |number: usize, value: f32| {
            let block = out
                .get_mut(number * labels..(number + 1) * labels)
                .unwrap_or_default();
            for (slot, score) in block.iter_mut().zip(&scores) {
                *slot += value * share * score;
            }
        };
        features
            .iter()
            .for_each(|&(number, value)| add(number as usize, value));
        add(constant / labels.max(1), 1.0);
    }
}

fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - top).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[cfg(test)]
mod tests {
    use super::super::features::grams;
    use super::{Example, Learner, gradient_of};

    fn examples(texts: &[(&str, usize)]) -> Vec<Example> {
        texts
            .iter()
            .map(|&(text, label)| Example {
                grams: grams(text),
                label,
            })
            .collect()
    }

    #[test]
    fn telling_words_are_learned() {
        let seen = examples(&[
            ("gold rises today", 0),
            ("prices rise today", 0),
            ("gold falls today", 1),
            ("prices fall again", 1),
            ("gold steady again", 2),
        ]);
        let learner = Learner::learn(&seen.iter().collect::<Vec<_>>(), 3);
        assert!((learner.accuracy(&seen) - 1.0).abs() < f64::EPSILON);
        assert_eq!(learner.label(&grams("silver rises")), 0);
        assert_eq!(learner.label(&grams("it all falls again")), 1);
        assert_eq!(learner.label(&grams("steady")), 2);
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let rows = vec![
            (vec![(0u32, 0.6f32), (1, 0.8)], 0usize),
            (vec![(1, 1.0)], 2),
        ];
        let weights: Vec<f32> = (0..9).map(|i| (i as f32 * 0.7).sin()).collect();
        let loss = |weights: &[f32]| {
            let mut total = 0.0f64;
            for (features, label) in &rows {
                let mut scores = vec![0.0; 3];
                super::score(features, weights, &mut scores);
                super::softmax(&mut scores);
                total -= f64::from(scores[*label]).ln() / 2.0;
            }
            total + 0.05 * weights[..6].iter().map(|w| f64::from(w * w)).sum::<f64>()
        };
        let mut gradient = vec![0.0; 9];
        gradient_of(&rows, 3, &weights, 0.1, &mut gradient);
        for at in 0..9 {
            let shifted = |by: f32| {
                let mut moved = weights.clone();
                moved[at] += by;
                loss(&moved)
            };
            let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
            assert!(
                (slope - f64::from(gradient[at])).abs() < 1e-3,
                "{at}: {slope} is not {}",
                gradient[at]
            );
        }
    }
}
