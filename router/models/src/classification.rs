//! What an expert decided about one text.

use expert_card::Task;

/// What an expert decided about one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// Position of the task in the card.
    pub task: usize,
    /// Every label's position and calibrated probability, best first; probabilities sum to 1.
    pub ranked: Vec<(usize, f32)>,
    /// Whether the text is out of the task's scope, by its label or its threshold.
    pub rejected: bool,
}

impl Classification {
    /// Ranks the logits of one task after dividing them by its temperature.
    pub(crate) fn of(position: usize, task: &Task, logits: &[f32]) -> Self {
        let probabilities = softmax(logits, task.temperature);
        let mut ranked: Vec<(usize, f32)> = probabilities.into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let rejected = rejected(task, &ranked);
        Self {
            task: position,
            ranked,
            rejected,
        }
    }
}

/// Probabilities of logits at a temperature, computed in f64.
fn softmax(logits: &[f32], temperature: f64) -> Vec<f32> {
    let scaled: Vec<f64> = logits.iter().map(|&x| f64::from(x) / temperature).collect();
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.iter().map(|x| (x - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a probability keeps its meaning in f32"
    )]
    powers.into_iter().map(|x| (x / sum) as f32).collect()
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
    use expert_card::{Label, Task};

    use super::Classification;

    fn task() -> Task {
        let label = |name: &str| Label {
            name: name.into(),
            answer: "An answer.".into(),
        };
        Task {
            id: "t".into(),
            title: "A task".into(),
            temperature: 1.0,
            reject_threshold: None,
            out_of_scope_label: None,
            out_of_scope_answer: Some("No.".into()),
            quality: None,
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
}
