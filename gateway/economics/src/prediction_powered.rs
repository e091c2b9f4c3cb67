//! Prediction-powered inference: a few human labels correct many judgements of a judge, however bad the judge is
//! (Angelopoulos et al. 2023; the weight is that of PPI++, Angelopoulos et al. 2023b).

use crate::{EconomicsError, Span};

/// An estimated mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// How much the judge is listened to: 0 not at all, 1 wholly.
    pub weight: f64,
}

/// A case that both a human and the judge scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// What the human says.
    pub human: f64,
    /// What the judge says.
    pub judge: f64,
}

/// The mean of what humans would say: `w * mean(judge on the judged) + mean(human - w * judge on the labelled)`. The weight
/// `w` is the one of least variance, `cov(human, judge) / ((1 + n / N) var(judge))`, held within 0 and 1. `judged` are the
/// cases that only the judge scored; a judgement that failed is in neither. At least two cases of each kind are needed.
pub fn mean(judged: &[f64], labelled: &[Labelled]) -> Result<Estimate, EconomicsError> {
    for (what, found) in [
        ("judged cases", judged.len()),
        ("labelled cases", labelled.len()),
    ] {
        if found < 2 {
            return Err(EconomicsError::TooFew {
                what,
                found,
                needed: 2,
            });
        }
    }
    let (n, all) = (labelled.len() as f64, judged.len() as f64);
    let human = Moments::of(labelled.iter().map(|case| case.human));
    let judge = Moments::of(labelled.iter().map(|case| case.judge));
    let unlabelled = Moments::of(judged.iter().copied());
    let covariance = labelled
        .iter()
        .map(|case| (case.human - human.mean) * (case.judge - judge.mean))
        .sum::<f64>()
        / (n - 1.0);
    let pooled = Moments::of(
        labelled
            .iter()
            .map(|case| case.judge)
            .chain(judged.iter().copied()),
    );
    let weight = if pooled.variance > 0.0 {
        (covariance / ((1.0 + n / all) * pooled.variance)).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let corrected = Moments::of(labelled.iter().map(|case| case.human - weight * case.judge));
    let mean = weight * unlabelled.mean + corrected.mean;
    let variance = weight * weight * unlabelled.variance / all + corrected.variance / n;
    Ok(Estimate {
        mean,
        error: variance.sqrt(),
        weight,
    })
}

impl Estimate {
    /// The interval that holds the mean with 95 % confidence, for a number of cases fixed beforehand.
    pub fn interval(&self) -> Span {
        const Z: f64 = 1.959_963_984_540_054;
        Span {
            low: self.mean - Z * self.error,
            high: self.mean + Z * self.error,
        }
    }
}

struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, variance }
    }
}

#[cfg(test)]
mod tests {
    use super::{Labelled, mean};
    use crate::draws::{Draws, splitmix};

    /// Cases of which humans pass 70 %; the judge agrees with them in `agree` of the cases and passes the rest.
    fn cases(draws: &mut impl Draws, count: usize, agree: f64) -> Vec<Labelled> {
        let case = |draws: &mut dyn FnMut() -> f64| {
            let human = f64::from(u8::from(draws() < 0.7));
            let judge = if draws() < agree { human } else { 1.0 };
            Labelled { human, judge }
        };
        (0..count).map(|_| case(&mut || draws.unit())).collect()
    }

    #[test]
    fn a_biased_judge_does_not_bias_the_mean_and_a_good_one_narrows_it() {
        let seed = 8;
        println!("seed {seed}");
        let mut draws = splitmix(seed);
        for (agree, gain) in [(0.95, 0.6), (0.7, 0.9), (0.0, 1.01)] {
            let (mut covered, mut bias, mut width) = (0, 0.0, 0.0);
            let rounds = 200;
            for _ in 0..rounds {
                let labelled = cases(&mut draws, 200, agree);
                let judged: Vec<f64> = cases(&mut draws, 4_000, agree)
                    .iter()
                    .map(|c| c.judge)
                    .collect();
                let found = mean(&judged, &labelled).unwrap();
                let span = found.interval();
                covered += u32::from(span.low <= 0.7 && 0.7 <= span.high);
                bias += (found.mean - 0.7) / f64::from(rounds);
                width += found.error / f64::from(rounds);
            }
            let alone = (0.7f64 * 0.3 / 200.0).sqrt();
            assert!(covered >= 180, "{agree}: covered {covered} of {rounds}");
            assert!(bias.abs() < 0.008, "{agree}: bias {bias}");
            assert!(
                width < gain * alone,
                "{agree}: {width} is not below {gain} of {alone}"
            );
        }
    }

    #[test]
    fn a_judge_who_says_one_thing_has_no_weight() {
        let labelled = [1.0, 0.0, 1.0, 1.0].map(|human| Labelled { human, judge: 1.0 });
        let found = mean(&[1.0; 10], &labelled).unwrap();
        assert!(
            (found.mean - 0.75).abs() < 1e-12 && found.weight.abs() < 1e-12,
            "{found:?}"
        );
        assert!(mean(&[1.0; 10], &labelled[..1]).is_err());
        assert!(mean(&[1.0], &labelled).is_err());
    }
}
