//! Making probabilities mean what they say: one temperature per task, and the threshold below which it rejects.

use anyhow::{Context, Result};
use expert_card::Choice;

use crate::answers::Answers;
use crate::data::Row;
use crate::recipe::TaskRecipe;

/// What is known of a task before its quality is.
#[derive(Debug, Clone, Copy)]
pub struct Calibration {
    /// The temperature of its logits.
    pub temperature: f64,
    /// The threshold below which it rejects.
    pub reject_threshold: Option<f64>,
    /// The threshold of each label, where labels are decided one by one.
    pub label_threshold: Option<f64>,
}

impl Calibration {
    /// From the logits of the dev rows: temperature over all of them, reject threshold over the in-scope ones.
    pub fn of(
        task: &TaskRecipe,
        answers: &Answers,
        logits: &[Vec<f32>],
        dev: &[Row],
    ) -> Result<Self> {
        let rows = logits.iter().map(Vec::as_slice);
        if task.choice == Choice::Any {
            let labels = dev.iter().map(|row| row.labels.as_slice());
            let rows: Vec<(&[f32], &[usize])> = rows.zip(labels).collect();
            let temperature = temperature_any(&rows);
            return Ok(Self {
                temperature,
                reject_threshold: None,
                label_threshold: Some(label_threshold(&rows, temperature)),
            });
        }
        let outside = match &task.out_of_scope_label {
            Some(label) => {
                let found = answers.position(label);
                Some(found.with_context(|| format!("{}: no label {label:?}", task.id))?)
            }
            None => None,
        };
        let gold = |row: &Row| row.labels.first().copied().unwrap_or_default();
        let rows: Vec<(&[f32], usize)> = rows.zip(dev.iter().map(gold)).collect();
        let temperature = temperature(&rows);
        let inside: Vec<(&[f32], usize)> = rows
            .into_iter()
            .filter(|(_, gold)| Some(*gold) != outside)
            .collect();
        let reject_threshold = task
            .reject_cost
            .map(|cost| threshold(&inside, outside, temperature, cost));
        Ok(Self {
            temperature,
            reject_threshold,
            label_threshold: None,
        })
    }
}

/// Probabilities of logits at a temperature.
pub fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|&x| f64::from(x) / temperature).collect();
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|x| x / sum).collect()
}

/// The temperature in `[1/16, 16]` with the least negative log-likelihood of the gold labels (Guo et al. 2017, §4.2),
/// found by golden-section search over its logarithm. `rows` are logits with the gold label.
pub fn temperature(rows: &[(&[f32], usize)]) -> f64 {
    least(|temperature| {
        let one = |(logits, gold): &(&[f32], usize)| {
            let p = softmax(logits, temperature)
                .get(*gold)
                .copied()
                .unwrap_or(0.0);
            -p.max(f64::MIN_POSITIVE).ln()
        };
        rows.iter().map(one).sum()
    })
}

/// The probability of a logit by itself at a temperature.
pub fn sigmoid(logit: f32, temperature: f64) -> f64 {
    1.0 / (1.0 + (-f64::from(logit) / temperature).exp())
}

/// Like [`temperature`], where each label is decided by itself: `rows` are logits with the labels that apply.
pub fn temperature_any(rows: &[(&[f32], &[usize])]) -> f64 {
    least(|temperature| {
        let one = |(logits, gold): &(&[f32], &[usize])| -> f64 {
            let label = |(at, &logit): (usize, &f32)| {
                let applies = sigmoid(logit, temperature);
                let p = if gold.contains(&at) {
                    applies
                } else {
                    1.0 - applies
                };
                -p.max(f64::MIN_POSITIVE).ln()
            };
            logits.iter().enumerate().map(label).sum()
        };
        rows.iter().map(one).sum()
    })
}

/// The threshold, one for all labels, at which the most rows have exactly their labels; of equal ones the nearest to
/// one half. Of few, so that a small sample cannot choose much.
pub fn label_threshold(rows: &[(&[f32], &[usize])], temperature: f64) -> f64 {
    let right = |threshold: f64| {
        let exact = |(logits, gold): &&(&[f32], &[usize])| {
            let said = logits.iter().enumerate();
            let said = said.filter(|(_, logit)| sigmoid(**logit, temperature) >= threshold);
            said.map(|(at, _)| at).eq(gold.iter().copied())
        };
        rows.iter().filter(exact).count()
    };
    let nearest_first = [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8];
    let mut best = (0.5, 0);
    for threshold in nearest_first {
        let right = right(threshold);
        if right > best.1 {
            best = (threshold, right);
        }
    }
    best.0
}

/// Where a function over `[1/16, 16]` is least, by golden-section search over the logarithm.
fn least(of: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    const STEPS: usize = 60;
    let loss = |log: f64| of(log.exp());
    let (mut low, mut high) = (-(16f64.ln()), 16f64.ln());
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    for _ in 0..STEPS {
        if loss_a <= loss_b {
            (high, b, loss_b) = (b, a, loss_a);
            a = high - GOLDEN * (high - low);
            loss_a = loss(a);
        } else {
            (low, a, loss_a) = (a, b, loss_b);
            b = low + GOLDEN * (high - low);
            loss_b = loss(b);
        }
    }
    ((low + high) / 2.0).exp()
}

/// The highest threshold that turns at most the share `cost` of the in-scope rows from right to rejected. `rows` are
/// in-scope logits with the gold label; `outside` is the label that means out of scope.
pub fn threshold(
    rows: &[(&[f32], usize)],
    outside: Option<usize>,
    temperature: f64,
    cost: f64,
) -> f64 {
    let mut right: Vec<f64> = Vec::new();
    for (logits, gold) in rows {
        let probabilities = softmax(logits, temperature);
        let best = probabilities
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1));
        if let Some((position, &probability)) = best
            && position == *gold
            && Some(position) != outside
        {
            right.push(probability);
        }
    }
    right.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a row count is a row count"
    )]
    let lost = (cost * rows.len() as f64).floor() as usize;
    // Rows strictly below the threshold are rejected: the first `lost` right ones.
    right.get(lost).or(right.last()).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{label_threshold, softmax, temperature, temperature_any, threshold};

    #[test]
    fn finds_the_temperature_that_made_the_labels() {
        // Of two labels with logits (0, z), label 1 is gold exactly as often as a temperature of 2 says.
        let z = 3.0f32;
        let expected = softmax(&[0.0, z], 2.0)[1];
        let logits = [0.0, z];
        let ones = (expected * 10_000.0).round() as usize;
        let rows: Vec<(&[f32], usize)> = (0..10_000)
            .map(|i| (logits.as_slice(), usize::from(i < ones)))
            .collect();
        let found = temperature(&rows);
        assert!((found - 2.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn labels_by_themselves_have_a_temperature_and_a_threshold() {
        // Of 100 rows with logit 2 for label 0, 73 have it: a temperature of 2 makes that .731.
        let logits = [2.0f32, -90.0];
        let with: &[usize] = &[0];
        let without: &[usize] = &[];
        let rows: Vec<(&[f32], &[usize])> = (0..100)
            .map(|i| (logits.as_slice(), if i < 73 { with } else { without }))
            .collect();
        let found = temperature_any(&rows);
        assert!((found - 2.0).abs() < 0.1, "{found}");
        assert_eq!(label_threshold(&rows, found), 0.5);
        let rare = vec![(logits.as_slice(), without); 9];
        assert_eq!(
            label_threshold(&rare, 2.0),
            0.8,
            "the first that keeps label 0 out"
        );
    }

    #[test]
    fn perfect_rows_go_to_the_bound_and_stay_finite() {
        let logits = [0.0f32, 9.0];
        let rows = vec![(logits.as_slice(), 1); 10];
        let found = temperature(&rows);
        assert!(found.is_finite() && found > 0.0, "{found}");
    }

    #[test]
    fn the_threshold_costs_what_it_may() {
        let logits: Vec<[f32; 2]> = (0..100).map(|i| [0.0, 0.1 + i as f32 / 20.0]).collect();
        let rows: Vec<(&[f32], usize)> = logits.iter().map(|l| (l.as_slice(), 1)).collect();
        for (cost, lost) in [(0.0, 0), (0.05, 5), (0.5, 50)] {
            let at = threshold(&rows, None, 1.0, cost);
            let below = rows
                .iter()
                .filter(|row| softmax(row.0, 1.0)[1] < at)
                .count();
            assert_eq!(below, lost, "cost {cost}");
        }
        assert_eq!(threshold(&[], None, 1.0, 0.1), 0.0);
    }
}
