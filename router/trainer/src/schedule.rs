//! The learning rate over a run: a straight rise, then half a cosine down to zero.

/// Factor on the peak rate at `step` of `steps` (counted from 0), rising over the first `warmup` share. In `[0, 1]`.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
pub fn factor(step: usize, steps: usize, warmup: f64) -> f64 {
    let done = (step as f64 + 1.0) / (steps.max(1) as f64);
    if done < warmup {
        return done / warmup;
    }
    let left = (done - warmup) / (1.0 - warmup);
    0.5 * (1.0 + (std::f64::consts::PI * left.min(1.0)).cos())
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn rises_then_falls_to_zero() {
        let rates: Vec<f64> = (0..100).map(|step| factor(step, 100, 0.1)).collect();
        assert!(rates[..9].windows(2).all(|w| w[0] < w[1]), "{rates:?}");
        assert!(rates[10..].windows(2).all(|w| w[0] > w[1]));
        assert!((rates[9] - 1.0).abs() < 1e-3);
        assert!(rates[99].abs() < 1e-12);
        assert!(rates.iter().all(|rate| (0.0..=1.0).contains(rate)));
    }

    #[test]
    fn no_warmup_starts_at_the_peak() {
        assert!(factor(0, 1_000, 0.0) > 0.999);
    }
}
