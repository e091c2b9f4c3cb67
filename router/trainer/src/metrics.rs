//! Figures of a classifier: accuracy, macro-F1 and calibration error.

/// One measured row.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Positions of the gold labels, in order.
    pub gold: Vec<usize>,
    /// Positions of the answered labels, in order; absent when the expert rejected the row.
    pub answered: Option<Vec<usize>>,
    /// Probability that the answer is right, in `[0, 1]`.
    pub confidence: f64,
}

impl Scored {
    /// Whether the answer is the gold label; of several, all of them and no other.
    pub fn correct(&self) -> bool {
        self.answered.as_ref() == Some(&self.gold)
    }
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Share of rows answered with exactly the gold labels; 0 for no rows.
pub fn accuracy(rows: &[Scored]) -> f64 {
    ratio(rows.iter().filter(|row| row.correct()).count(), rows.len())
}

/// Unweighted mean of F1 over the labels that occur as gold; 0 for no rows.
pub fn macro_f1(rows: &[Scored]) -> f64 {
    let labels = rows
        .iter()
        .flat_map(|r| r.gold.iter().chain(r.answered.iter().flatten()))
        .max()
        .map_or(0, |most| most + 1);
    let mut counts = vec![(0, 0, 0); labels]; // (both, gold, answered)
    for row in rows {
        for (position, count) in counts.iter_mut().enumerate() {
            let gold = usize::from(row.gold.contains(&position));
            let answered = row.answered.as_ref();
            let answered = usize::from(answered.is_some_and(|a| a.contains(&position)));
            *count = (
                count.0 + gold * answered,
                count.1 + gold,
                count.2 + answered,
            );
        }
    }
    let present: Vec<_> = counts.into_iter().filter(|count| count.1 > 0).collect();
    let sum: f64 = present.iter().map(|c| ratio(2 * c.0, c.1 + c.2)).sum();
    if present.is_empty() {
        0.0
    } else {
        sum / ratio(present.len(), 1)
    }
}

/// Expected calibration error over 15 equal bins of confidence (Guo et al. 2017, equation 3); a rejected row counts by
/// its confidence as an answer that was not right. 0 for no rows.
pub fn ece(rows: &[Scored]) -> f64 {
    const BINS: usize = 15;
    let mut bins = [(0usize, 0usize, 0f64); BINS]; // (rows, correct, sum of confidence)
    for row in rows {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in [0, 15]"
        )]
        let bin = (row.confidence.clamp(0.0, 1.0) * 15.0) as usize;
        if let Some(bin) = bins.get_mut(bin.min(BINS - 1)) {
            *bin = (
                bin.0 + 1,
                bin.1 + usize::from(row.correct()),
                bin.2 + row.confidence,
            );
        }
    }
    let gap = |(n, correct, sum): (usize, usize, f64)| {
        (ratio(correct, 1) - sum).abs() * ratio(n.min(1), 1)
    };
    bins.into_iter().map(gap).sum::<f64>() * ratio(1, rows.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::{Scored, accuracy, ece, macro_f1};

    fn row(gold: usize, answered: usize, confidence: f64) -> Scored {
        Scored {
            gold: vec![gold],
            answered: Some(vec![answered]),
            confidence,
        }
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn figures_by_hand() {
        let rows = [
            row(0, 0, 0.9),
            row(0, 1, 0.9),
            row(1, 1, 0.5),
            row(2, 1, 0.5),
        ];
        near(accuracy(&rows), 0.5);
        // F1: label 0: 2/(2+1), label 1: 2/(1+3), label 2: 0.
        near(macro_f1(&rows), (2.0 / 3.0 + 0.5 + 0.0) / 3.0);
        // Bins: two rows at 0.9, one right: |1 - 1.8|; two rows at 0.5, one right: 0.
        near(ece(&rows), 0.8 / 4.0);
    }

    #[test]
    fn a_rejected_row_is_not_right() {
        let rows = [
            row(0, 0, 1.0),
            Scored {
                gold: vec![0],
                answered: None,
                confidence: 0.2,
            },
        ];
        near(accuracy(&rows), 0.5);
        near(macro_f1(&rows), 2.0 / 3.0);
        near(ece(&rows), 0.1);
    }

    #[test]
    fn several_labels_are_right_together() {
        let row = |gold: &[usize], answered: &[usize]| Scored {
            gold: gold.to_vec(),
            answered: Some(answered.to_vec()),
            confidence: 1.0,
        };
        let rows = [row(&[0, 1], &[0, 1]), row(&[0], &[0, 1]), row(&[], &[])];
        near(accuracy(&rows), 2.0 / 3.0);
        // F1: label 0: 4/4, label 1: 2/(1+2).
        near(macro_f1(&rows), (1.0 + 2.0 / 3.0) / 2.0);
    }

    #[test]
    fn no_rows_are_zero() {
        near(accuracy(&[]), 0.0);
        near(macro_f1(&[]), 0.0);
        near(ece(&[]), 0.0);
    }
}
