//! The curve of accuracy over labels, `accuracy(n) = a - b / n^c`, fitted to small runs to say what more labels bring.
//!
//! [`Curve::fit`] fits one; [`Bagged`] foretells with many, fitted to resampled rows.
//!
//! Accuracy is at most 1, so `a` is; more labels never harm, so `b` is at least 0. A row weighs by the inverse of its
//! binomial variance: an accuracy measured on many cases, or near 1, counts for more.

use serde::{Deserialize, Serialize};

mod bagged;

pub use bagged::{Bagged, Labels};

use crate::{EconomicsError, Span};

/// The curve has three numbers; it takes one amount of labels more to see whether they fit.
pub const LEAST_AMOUNTS: usize = 4;

/// Exponents that are tried.
const EXPONENTS: (f64, f64) = (0.05, 2.0);

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    labels: f64,
    accuracy: f64,
    cases: Option<u64>,
}

impl Point {
    /// An accuracy in `[0, 1]` after learning from `labels` labels, at least 1, measured on `cases` cases if known.
    pub fn new(labels: f64, accuracy: f64, cases: Option<u64>) -> Result<Self, EconomicsError> {
        let bad = |what, expected, found| {
            Err(EconomicsError::BadNumber {
                what,
                expected,
                found,
            })
        };
        if !(labels.is_finite() && labels >= 1.0) {
            return bad("n", "a finite number of at least 1", labels);
        }
        if !(0.0..=1.0).contains(&accuracy) {
            return bad("accuracy", "a number from 0 to 1", accuracy);
        }
        if cases == Some(0) {
            return bad("n_eval", "at least 1", 0.0);
        }
        Ok(Self {
            labels,
            accuracy,
            cases,
        })
    }

    /// Labels learned from.
    pub fn labels(&self) -> f64 {
        self.labels
    }

    /// Share of cases answered rightly.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// The same row measured on other cases, by a standard normal draw.
    fn shaken(&self, normal: f64) -> Self {
        let accuracy = (self.accuracy + self.variance().sqrt() * normal).clamp(0.0, 1.0);
        Self { accuracy, ..*self }
    }

    /// The binomial variance, of a share drawn half a case towards the middle so that it is never 0.
    fn variance(&self) -> f64 {
        // Without a number of cases all rows count as measured on equally many.
        let cases = self.cases.map_or(1_000.0, |n| n as f64);
        let share = (self.accuracy * cases + 0.5) / (cases + 1.0);
        share * (1.0 - share) / cases
    }
}

/// `accuracy(n) = a - b / n^c`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The accuracy that endless labels reach, at most 1.
    pub a: f64,
    /// What is missing from it at one label.
    pub b: f64,
    /// How fast labels close the gap.
    pub c: f64,
}

impl Curve {
    /// The accuracy after `labels` labels, at least 0.
    pub fn accuracy(&self, labels: f64) -> f64 {
        (self.a - self.b * labels.powf(-self.c)).max(0.0)
    }

    /// How many labels reach `accuracy`; `None` where no number does.
    pub fn labels_for(&self, accuracy: f64) -> Option<f64> {
        let gap = self.a - accuracy;
        (gap > 0.0).then(|| (self.b / gap).powf(self.c.recip()).max(1.0))
    }
}

/// A fitted curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveFit {
    /// The curve.
    pub curve: Curve,
    /// The labels it was fitted on.
    pub labels: Span,
    /// Sum of squared residuals in units of their binomial variance; far above the number of rows, the curve does not
    /// fit or the runs differ by more than their test.
    pub misfit: f64,
}

impl Curve {
    /// Fits the curve: for each exponent `a` and `b` follow from weighted least squares, so only `c` is searched.
    pub fn fit(points: &[Point]) -> Result<CurveFit, EconomicsError> {
        let mut amounts: Vec<f64> = points.iter().map(|point| point.labels).collect();
        amounts.sort_by(f64::total_cmp);
        amounts.dedup();
        let (found, needed) = (amounts.len(), LEAST_AMOUNTS);
        let too_few = EconomicsError::TooFew {
            what: "amounts of labels",
            found,
            needed,
        };
        if found < needed {
            return Err(too_few);
        }
        let labels = Span::of(amounts).ok_or(too_few)?;
        let (low, high) = (EXPONENTS.0.ln(), EXPONENTS.1.ln());
        const STEPS: u32 = 64;
        let width = (high - low) / f64::from(STEPS);
        let at = |log: f64| project(points, log.exp());
        let best = (0..=STEPS)
            .map(|step| low + width * f64::from(step))
            .min_by(|x, y| at(*x).1.total_cmp(&at(*y).1))
            .unwrap_or(low);
        let log = golden_section((best - width).max(low), (best + width).min(high), |log| {
            at(log).1
        });
        let (curve, misfit) = at(log);
        if curve.b <= 0.0 {
            return Err(EconomicsError::NoGain {
                what: "labels",
                exponent: 0.0,
            });
        }
        Ok(CurveFit {
            curve,
            labels,
            misfit,
        })
    }
}

/// The weighted least squares curve of this exponent within the bounds, and its misfit.
fn project(points: &[Point], c: f64) -> (Curve, f64) {
    // Around the middle the powers are of order 1, whatever the exponent.
    let count = points.len().max(1) as f64;
    let middle = points.iter().map(|p| p.labels.ln()).sum::<f64>() / count;
    let power = |point: &Point| (-c * (point.labels.ln() - middle)).exp();
    let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
    for point in points {
        let weight = point.variance().recip();
        sum += weight;
        x += weight * power(point);
        y += weight * point.accuracy;
    }
    let (x, y) = (x / sum, y / sum);
    let (mut xx, mut xy, mut xx0, mut xy0) = (0.0, 0.0, 0.0, 0.0);
    for point in points {
        let weight = point.variance().recip();
        let p = power(point);
        xx += weight * (p - x) * (p - x);
        xy += weight * (p - x) * (y - point.accuracy);
        xx0 += weight * p * p;
        xy0 += weight * p * (1.0 - point.accuracy);
    }
    let slope = if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 };
    let (a, b) = match y + slope * x {
        a if a <= 1.0 => (a, slope),
        _ => (1.0, xy0 / xx0),
    };
    let misfit = points.iter().map(|point| {
        let residual = a - b * power(point) - point.accuracy;
        residual * residual / point.variance()
    });
    let curve = Curve {
        a,
        b: b * (c * middle).exp(),
        c,
    };
    (curve, misfit.sum())
}

/// The place of the lowest value of a function with one valley.
fn golden_section(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let share = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (left, right) = (high - share * (high - low), low + share * (high - low));
        if f(left) <= f(right) {
            high = right;
        } else {
            low = left;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests;
