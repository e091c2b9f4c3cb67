//! What an expert decided about one text.

use expert_card::{Choice, Task};

/// What an expert decided about one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Position of the task in the card.
    pub task: usize,
    /// Every label's position and calibrated probability, best first. Where labels exclude each other they sum to 1,
    /// else each is the probability of that label by itself.
    pub ranked: Vec<(usize, f32)>,
    /// Positions of the answer's labels, in the card's order: the best one where labels exclude each other, any number
    /// else. What a rejected text would have got, had it not been rejected.
    pub chosen: Vec<usize>,
    /// Probability that `chosen` is right, as far as the network tells. For several labels: that each of them and none
    /// of the others applies, taken as independent.
    pub confidence: f32,
    /// Whether the text is out of the task's scope, by its label or its threshold.
    pub rejected: bool,
}

impl Classification {
    /// Reads the logits of one task, divided by its temperature.
    pub(crate) fn of(position: usize, task: &Task, logits: &[f32]) -> Self {
        match task.choice {
            Choice::One => one(position, task, logits),
            Choice::Any => any(position, task, logits),
        }
    }
}

/// Labels exclude each other: softmax.
fn one(position: usize, task: &Task, logits: &[f32]) -> Classification {
    let ranked = ranked(softmax(logits, task.temperature));
    let rejected = rejected(task, &ranked);
    let best = ranked.first().copied();
    Classification {
        task: position,
        chosen: best.iter().map(|(label, _)| *label).collect(),
        confidence: best.map_or(0.0, |(_, probability)| probability),
        ranked,
        rejected,
    }
}

/// Each label by itself: sigmoid, and its own threshold.
fn any(position: usize, task: &Task, logits: &[f32]) -> Classification {
    let probabilities = sigmoid(logits, task.temperature);
    let mut chosen = Vec::new();
    let mut confidence = 1f32;
    for (at, (&probability, label)) in probabilities.iter().zip(&task.labels).enumerate() {
        let applies = f64::from(probability) >= label.threshold.unwrap_or(0.5);
        if applies {
            chosen.push(at);
        }
        confidence *= if applies {
            probability
        } else {
            1.0 - probability
        };
    }
    Classification {
        task: position,
        ranked: ranked(probabilities),
        chosen,
        confidence,
        rejected: false,
    }
}

fn ranked(probabilities: Vec<f32>) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = probabilities.into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

/// Probabilities of logits at a temperature, computed in f64.
fn softmax(logits: &[f32], temperature: f64) -> Vec<f32> {
    let scaled: Vec<f64> = logits.iter().map(|&x| f64::from(x) / temperature).collect();
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|x| narrow(x / sum)).collect()
}

/// The probability of each logit by itself, computed in f64.
fn sigmoid(logits: &[f32], temperature: f64) -> Vec<f32> {
    let one = |&x: &f32| narrow(1.0 / (1.0 + (-f64::from(x) / temperature).exp()));
    logits.iter().map(one).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a probability keeps its meaning in f32"
)]
fn narrow(probability: f64) -> f32 {
    probability as f32
}

fn rejected(task: &Task, ranked: &[(usize, f32)]) -> bool {
    let outside = task
        .out_of_scope_label
        .as_deref()
        .and_then(|name| task.label_index(name));
    if outside.is_some() && ranked.first().map(|best| best.0) == outside {
        return true;
    }
    let inside = ranked.iter().find(|(label, _)| Some(*label) != outside);
    match (task.reject_threshold, inside) {
        (Some(threshold), Some((_, probability))) => f64::from(*probability) < threshold,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use expert_card::{Choice, Label, Task};

    use super::Classification;

    fn task() -> Task {
        let label = |name: &str| Label {
            name: name.into(),
            answer: "An answer.".into(),
            threshold: None,
        };
        Task {
            id: "t".into(),
            title: "A task".into(),
            temperature: 1.0,
            reject_threshold: None,
            out_of_scope_label: None,
            out_of_scope_answer: Some("No.".into()),
            quality: None,
            choice: Choice::One,
            none_answer: None,
            labels: vec![label("a"), label("b"), label("oos")],
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_come_best_first() {
        let found = Classification::of(4, &task(), &[1.0, 3.0, -2.0]);
        assert_eq!(found.task, 4);
        assert_eq!(
            found.ranked.iter().map(|r| r.0).collect::<Vec<_>>(),
            [1, 0, 2]
        );
        let sum: f32 = found.ranked.iter().map(|r| r.1).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert!(!found.rejected);
        assert_eq!(
            (found.chosen, found.confidence),
            (vec![1], found.ranked[0].1)
        );
    }

    #[test]
    fn a_higher_temperature_is_less_sure() {
        let sure = Classification::of(0, &task(), &[0.0, 2.0, 0.0]).ranked[0].1;
        let mut warm = task();
        warm.temperature = 2.0;
        let unsure = Classification::of(0, &warm, &[0.0, 2.0, 0.0]).ranked[0].1;
        assert!(unsure < sure, "{unsure} < {sure}");
        let expected = 1f32.exp() / (1f32.exp() + 2.0);
        assert!((unsure - expected).abs() < 1e-6);
    }

    #[test]
    fn large_logits_stay_finite() {
        let found = Classification::of(0, &task(), &[1e30, -1e30, 5.0]);
        assert_eq!(found.ranked[0], (0, 1.0));
    }

    #[test]
    fn the_out_of_scope_label_or_a_low_probability_rejects() {
        let mut strict = task();
        strict.out_of_scope_label = Some("oos".into());
        assert!(Classification::of(0, &strict, &[0.0, 0.0, 1.0]).rejected);
        assert!(!Classification::of(0, &strict, &[2.0, 0.0, 1.0]).rejected);
        strict.reject_threshold = Some(0.9);
        assert!(Classification::of(0, &strict, &[2.0, 0.0, 1.0]).rejected);
        assert!(!Classification::of(0, &strict, &[9.0, 0.0, 1.0]).rejected);
    }

    #[test]
    fn each_label_has_its_own_threshold() {
        let mut any = task();
        any.choice = Choice::Any;
        for (label, threshold) in any.labels.iter_mut().zip([0.5, 0.9, 0.1]) {
            label.threshold = Some(threshold);
        }
        // Probabilities .73, .73 and .27.
        let found = Classification::of(0, &any, &[1.0, 1.0, -1.0]);
        assert_eq!(found.chosen, [0, 2]);
        let (p, q) = (0.731_058_6_f32, 0.268_941_4_f32);
        assert!((found.confidence - p * q * q).abs() < 1e-6, "{found:?}");
        assert!((found.ranked[0].1 - p).abs() < 1e-6 && !found.rejected);
        let none = Classification::of(0, &any, &[-9.0, -9.0, -9.0]);
        assert!(none.chosen.is_empty() && none.confidence > 0.99, "{none:?}");
    }
}
