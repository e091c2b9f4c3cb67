//! Confidence sequences: intervals that hold at every number of cases at once, so that one may look whenever one likes.

use crate::gamma::ln_beta;
use crate::{EconomicsError, Span};

/// Fewer cases than this give no confidence sequence of a mean.
pub const LEAST_CASES: u64 = 100;

/// Half the width of the asymptotic confidence sequence of a mean after `cases` cases whose variance is `variance`, at
/// error `alpha` (Waudby-Smith et al. 2024, theorem 2.2):
/// `sqrt((n v r^2 + 1) / (n^2 r^2) * ln((n v r^2 + 1) / alpha^2))`, with
/// `r = sqrt(-2 ln alpha + ln(-2 ln alpha) + 1) / 10`, which makes it narrowest near a hundred cases.
pub fn mean_margin(cases: u64, variance: f64, alpha: f64) -> Result<f64, EconomicsError> {
    if cases < LEAST_CASES {
        let found = usize::try_from(cases).unwrap_or(usize::MAX);
        let needed = LEAST_CASES as usize;
        return Err(EconomicsError::TooFew {
            what: "cases",
            found,
            needed,
        });
    }
    if !(variance.is_finite() && variance >= 0.0) {
        return Err(EconomicsError::BadNumber {
            what: "variance",
            expected: "a finite number of at least 0",
            found: variance,
        });
    }
    let n = cases as f64;
    let square = tuning(checked_alpha(alpha)?).powi(2);
    let spread = n * variance * square + 1.0;
    Ok((spread / (n * n * square) * (spread / (alpha * alpha)).ln()).sqrt())
}

/// The confidence sequence of a mean, from the values themselves.
pub fn mean(values: &[f64], alpha: f64) -> Result<Span, EconomicsError> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / n;
    let margin = mean_margin(values.len() as u64, variance, alpha)?;
    Ok(Span {
        low: mean - margin,
        high: mean + margin,
    })
}

/// The confidence sequence of a share, exact at any number of cases (Robbins 1970): where
/// `p^S (1 - p)^(n - S) = alpha B(1 + S, 1 + n - S)`.
pub fn share(passed: u64, cases: u64, alpha: f64) -> Result<Span, EconomicsError> {
    let alpha = checked_alpha(alpha)?;
    if passed > cases {
        return Err(EconomicsError::BadNumber {
            what: "passed",
            expected: "at most the number of cases",
            found: passed as f64,
        });
    }
    let (hits, misses) = (passed as f64, (cases - passed) as f64);
    let floor = ln_beta(1.0 + hits, 1.0 + misses) + alpha.ln();
    let likelihood = |p: f64| power_log(hits, p) + power_log(misses, 1.0 - p);
    let middle = if cases == 0 {
        0.5
    } else {
        hits / (hits + misses)
    };
    let end = |outside: f64| {
        let (mut inside, mut outside) = (middle, outside);
        if likelihood(outside) >= floor {
            return outside;
        }
        for _ in 0..200 {
            let p = f64::midpoint(inside, outside);
            if likelihood(p) >= floor {
                inside = p;
            } else {
                outside = p;
            }
        }
        f64::midpoint(inside, outside)
    };
    Ok(Span {
        low: end(0.0),
        high: end(1.0),
    })
}

/// How many cases it takes until the margin of a mean is at most `margin`; `None` for a margin that is not above 0 or
/// takes more than 2^40 cases.
pub fn cases_for(margin: f64, variance: f64, alpha: f64) -> Result<Option<u64>, EconomicsError> {
    const MOST: u64 = 1 << 40;
    let enough = |cases| mean_margin(cases, variance, alpha).map(|found| found <= margin);
    if !(margin > 0.0 && enough(MOST)?) {
        return Ok(None);
    }
    let (mut low, mut high) = (LEAST_CASES, MOST);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low))
}

fn tuning(alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    (twice + twice.ln() + 1.0).sqrt() / 10.0
}

/// `ln p^k`, where `0^0` is 1.
fn power_log(k: f64, p: f64) -> f64 {
    if k > 0.0 { k * p.ln() } else { 0.0 }
}

fn checked_alpha(alpha: f64) -> Result<f64, EconomicsError> {
    if alpha > 0.0 && alpha <= 0.5 {
        return Ok(alpha);
    }
    Err(EconomicsError::BadNumber {
        what: "alpha",
        expected: "above 0, at most 0.5",
        found: alpha,
    })
}

#[cfg(test)]
mod tests {
    use super::{cases_for, mean, mean_margin, share, tuning};
    use crate::draws::{Draws, splitmix};

    #[track_caller]
    fn near(found: f64, expected: f64, by: f64) {
        assert!((found - expected).abs() <= by, "{found} is not {expected}");
    }

    #[test]
    fn margins_of_a_mean_by_their_vector() {
        near(tuning(0.05), 0.29634, 5e-6);
        near(mean_margin(100, 0.25, 0.05).unwrap(), 0.16133, 5e-6);
        near(mean_margin(1_000, 0.25, 0.05).unwrap(), 0.04884, 5e-6);
        assert!(mean_margin(99, 0.25, 0.05).is_err());
        assert!(mean_margin(100, f64::NAN, 0.05).is_err());
        assert!(mean_margin(100, 0.25, 0.0).is_err());
    }

    #[test]
    fn shares_by_their_vector() {
        let at_100 = share(87, 100, 0.05).unwrap();
        near(at_100.low, 0.7341, 5e-5);
        near(at_100.high, 0.9539, 5e-5);
        let at_1000 = share(870, 1_000, 0.05).unwrap();
        near(at_1000.low, 0.8281, 5e-5);
        near(at_1000.high, 0.9054, 5e-5);
        let nothing = share(0, 0, 0.05).unwrap();
        assert_eq!((nothing.low, nothing.high), (0.0, 1.0));
        let all = share(50, 50, 0.05).unwrap();
        assert!(all.low > 0.8 && all.high >= 1.0, "{all:?}");
        assert!(share(2, 1, 0.05).is_err());
    }

    #[test]
    fn cases_for_a_margin_are_the_fewest() {
        let needed = cases_for(0.02, 0.25, 0.05).unwrap().unwrap();
        assert!(mean_margin(needed, 0.25, 0.05).unwrap() <= 0.02);
        assert!(mean_margin(needed - 1, 0.25, 0.05).unwrap() > 0.02);
        assert_eq!(cases_for(0.0, 0.25, 0.05).unwrap(), None);
        assert_eq!(cases_for(0.9, 0.25, 0.05).unwrap(), Some(100));
    }

    /// The promise itself: over many streams looked at after every case, few ever leave the truth out.
    #[test]
    fn looking_at_every_case_is_allowed() {
        let seed = 21;
        println!("seed {seed}");
        let mut draws = splitmix(seed);
        let (streams, length, truth) = (300, 400, 0.8);
        let (mut share_missed, mut mean_missed) = (0, 0);
        for _ in 0..streams {
            let mut values = Vec::new();
            let (mut passed, mut share_left, mut mean_left) = (0, false, false);
            for n in 1..=length {
                let pass = draws.unit() < truth;
                passed += u64::from(pass);
                values.push(f64::from(u8::from(pass)));
                let span = share(passed, n, 0.1).unwrap();
                share_left |= !(span.low..=span.high).contains(&truth);
                if n >= 100 {
                    let span = mean(&values, 0.1).unwrap();
                    mean_left |= !(span.low..=span.high).contains(&truth);
                }
            }
            share_missed += u32::from(share_left);
            mean_missed += u32::from(mean_left);
        }
        // A tenth may; 300 streams scatter by 5.
        assert!(
            share_missed < 46 && mean_missed < 46,
            "{share_missed} {mean_missed}"
        );
    }
}
