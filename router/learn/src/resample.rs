//! Intervals of means by resampling, and the normal distribution's quantiles.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::off_policy::{Interval, count};

/// Percentile bootstrap of the mean of some values: each drawn again with its neighbours in the list left to chance.
/// `None` without values.
pub fn mean(values: &[f64], rounds: usize, level: f64, seed: u64) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let drawn = (0..values.len()).map(|_| rng.random_range(0..values.len()));
            let sum: f64 = drawn.filter_map(|at| values.get(at)).sum();
            sum / count(values.len())
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Some(Interval {
        value: values.iter().sum::<f64>() / count(values.len()),
        low: quantile(&means, tail),
        high: quantile(&means, 1.0 - tail),
    })
}

/// A quantile of sorted values, between neighbours by distance.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share.clamp(0.0, 1.0) * count(last);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let below = place.floor() as usize;
    let low = sorted.get(below).copied().unwrap_or(f64::NAN);
    let high = sorted.get(below.saturating_add(1)).copied().unwrap_or(low);
    low + (high - low) * (place - place.floor())
}

/// Quantile of the standard normal distribution, to 1e-8 (Acklam's rational approximation, one step of Halley's method
/// left out: a third of its error is below that).
pub fn quantile_of_normal(share: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let horner = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, next| sum * x + next);
    let p = share.clamp(1e-12, 1.0 - 1e-12);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    if p < 0.024_25 {
        tail(p)
    } else if p > 1.0 - 0.024_25 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, value) in [
            (0.5, 0.0),
            (0.975, 1.959_963_985),
            (0.05, -1.644_853_627),
            (0.001, -3.090_232_306),
        ] {
            assert!((quantile_of_normal(share) - value).abs() < 1e-7, "{share}");
        }
    }

    #[test]
    fn a_mean_lies_inside_its_interval() {
        let values: Vec<f64> = (0..400).map(|n| f64::from(n % 10)).collect();
        let found = mean(&values, 500, 0.95, 1).unwrap();
        assert!(found.holds(4.5) && found.value == 4.5, "{found:?}");
        // 1.96 · 2.87 / √400 = 0.28 to each side.
        assert!((found.high - found.low - 0.56).abs() < 0.08, "{found:?}");
        assert_eq!(mean(&values, 500, 0.95, 1), Some(found));
        assert_eq!(mean(&[], 10, 0.95, 1), None);
    }
}
