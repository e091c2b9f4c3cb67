//! Making probabilities mean what they say: one temperature per task, and the threshold below which it rejects.

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
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    const STEPS: usize = 60;
    let loss = |log: f64| -> f64 {
        let one = |(logits, gold): &(&[f32], usize)| {
            let p = softmax(logits, log.exp())
                .get(*gold)
                .copied()
                .unwrap_or(0.0);
            -p.max(f64::MIN_POSITIVE).ln()
        };
        rows.iter().map(one).sum()
    };
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
    use super::{softmax, temperature, threshold};

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
