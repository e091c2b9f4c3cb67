//! Which score tells best that a text is outside of all labels: what each would reject on dev at the same cost.

use serde::{Deserialize, Serialize};

use crate::calibrate::softmax;
use crate::train::best;

/// What a score is worth as a ground to reject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectScore {
    /// `probability`: of the best in-scope label. `energy`: the logarithm of the summed powers of in-scope logits.
    /// `margin`: the best in-scope logit over the out-of-scope one.
    pub name: String,
    /// Chance that an in-scope row scores above an out-of-scope one.
    pub auroc: f64,
    /// Share of out-of-scope rows rejected, by their best label or by the score, where the score may turn `cost` of
    /// the in-scope rows from right to rejected.
    pub recall: f64,
}

/// Every score on rows of logits with their gold labels. `outside` is the label that means out of scope.
pub fn scores(
    rows: &[(&[f32], usize)],
    outside: usize,
    temperature: f64,
    cost: f64,
) -> Vec<RejectScore> {
    let inside = |logits: &[f32]| -> Vec<f64> {
        let others = logits.iter().enumerate().filter(|(at, _)| *at != outside);
        others.map(|(_, &x)| f64::from(x)).collect()
    };
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let probability = |logits: &[f32]| {
        let all = softmax(logits, temperature).into_iter().enumerate();
        let others: Vec<f64> = all
            .filter(|(at, _)| *at != outside)
            .map(|(_, p)| p)
            .collect();
        most(&others)
    };
    let energy = |logits: &[f32]| {
        let others = inside(logits);
        let most = most(&others);
        most + others.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
    };
    let margin = |logits: &[f32]| {
        let against = logits.get(outside).map_or(0.0, |&x| f64::from(x));
        most(&inside(logits)) - against
    };
    vec![
        worth("probability", rows, outside, cost, probability),
        worth("energy", rows, outside, cost, energy),
        worth("margin", rows, outside, cost, margin),
    ]
}

fn worth(
    name: &str,
    rows: &[(&[f32], usize)],
    outside: usize,
    cost: f64,
    score: impl Fn(&[f32]) -> f64,
) -> RejectScore {
    let (mut within, mut right, mut strange) = (Vec::new(), Vec::new(), Vec::new());
    for (logits, gold) in rows {
        let (answer, score) = (best(logits), score(logits));
        if *gold == outside {
            strange.push((score, answer == Some(outside)));
        } else {
            within.push(score);
            if answer == Some(*gold) {
                right.push(score);
            }
        }
    }
    right.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a row count is a row count"
    )]
    let lost = (cost * within.len() as f64).floor() as usize;
    let threshold = right.get(lost).or(right.last()).copied().unwrap_or(0.0);
    let rejected = strange
        .iter()
        .filter(|(score, said)| *said || *score < threshold);
    RejectScore {
        name: name.to_owned(),
        recall: share(rejected.count(), strange.len()),
        auroc: auroc(&mut within, strange.iter().map(|(score, _)| *score)),
    }
}

/// The share of pairs in which the first of `above` and `below` scores higher; equal ones count half.
fn auroc(above: &mut [f64], below: impl Iterator<Item = f64>) -> f64 {
    above.sort_by(f64::total_cmp);
    let (mut halves, mut pairs) = (0, 0);
    for score in below {
        let under = above.partition_point(|x| *x < score);
        let not_over = above.partition_point(|x| *x <= score);
        halves += 2 * (above.len() - not_over) + (not_over - under);
        pairs += above.len();
    }
    share(halves, 2 * pairs)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::{auroc, scores};

    #[test]
    fn auroc_counts_pairs() {
        assert!((auroc(&mut [3.0, 1.0], [2.0, 0.0].into_iter()) - 0.75).abs() < 1e-12);
        assert!((auroc(&mut [1.0], [1.0].into_iter()) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn energy_sees_what_probability_does_not() {
        // In-scope rows have large logits, out-of-scope rows small ones of the same differences; label 2 means outside.
        let inside: Vec<[f32; 3]> = (0..50)
            .map(|i| [9.0 + 0.01 * i as f32, 6.0, -9.0])
            .collect();
        let strange: Vec<[f32; 3]> = (0..50)
            .map(|i| [2.0 + 0.01 * i as f32, -1.0, -9.0])
            .collect();
        let rows: Vec<(&[f32], usize)> = inside
            .iter()
            .map(|row| (row.as_slice(), 0))
            .chain(strange.iter().map(|row| (row.as_slice(), 2)))
            .collect();
        let found = scores(&rows, 2, 1.0, 0.0);
        let by = |name: &str| found.iter().find(|score| score.name == name).unwrap();
        assert!(
            (by("energy").auroc - 1.0).abs() < 1e-9 && (by("energy").recall - 1.0).abs() < 1e-9
        );
        assert!((by("probability").auroc - 0.5).abs() < 0.05, "{found:?}");
        assert!(by("probability").recall < 0.1, "{found:?}");
    }
}
