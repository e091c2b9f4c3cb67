//! What a router is worth: scores of rankings, costs and probabilities, each as its source defines it.

pub mod hull;
pub mod ranking;

#[cfg(test)]
mod tests;

/// Expected calibration error over 15 equal bins of `(probability, label)`; 0 for no pairs.
pub fn ece(pairs: &[(f32, f32)]) -> f64 {
    const BINS: usize = 15;
    let mut bins = [(0.0_f64, 0.0_f64); BINS];
    for (probability, label) in pairs {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the bin of a probability"
        )]
        let bin = ((probability.clamp(0.0, 1.0) * BINS as f32) as usize).min(BINS - 1);
        bins[bin].0 += f64::from(*probability);
        bins[bin].1 += f64::from(*label);
    }
    let gaps = bins.iter().map(|(sum, hits)| (sum - hits).abs());
    gaps.sum::<f64>() / count(pairs.len().max(1))
}

/// Probability that a positive scores above a negative; ties count half. 0.5 where either is missing.
pub fn auroc(positive: &[f32], negative: &[f32]) -> f64 {
    if positive.is_empty() || negative.is_empty() {
        return 0.5;
    }
    let mut sorted = negative.to_vec();
    sorted.sort_by(f32::total_cmp);
    let wins = positive.iter().map(|score| {
        let below = sorted.partition_point(|other| other < score);
        let upto = sorted.partition_point(|other| other <= score);
        (count(below) + count(upto)) / 2.0
    });
    wins.sum::<f64>() / (count(positive.len()) * count(negative.len()))
}

/// Entropy of the shares of the experts chosen, over that of an even choice: 0 for one expert, 1 for all alike
/// (RouterEval's E_p, divided by its most).
pub fn selection_entropy(chosen: impl Iterator<Item = usize>, experts: usize) -> f64 {
    let mut counts = vec![0_usize; experts];
    let mut total = 0;
    for expert in chosen {
        if let Some(slot) = counts.get_mut(expert) {
            *slot += 1;
            total += 1;
        }
    }
    if experts < 2 || total == 0 {
        return 0.0;
    }
    let shares = counts
        .into_iter()
        .filter(|n| *n > 0)
        .map(|n| count(n) / count(total));
    -shares.map(|share| share * share.ln()).sum::<f64>() / count(experts).ln()
}

/// A count as a float.
pub fn count(n: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let n = n as f64;
    n
}
