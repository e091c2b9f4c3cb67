//! Foretelling with curves fitted to resampled rows.

use serde::{Deserialize, Serialize};

use super::{Curve, CurveFit, Point};
use crate::{Draws, EconomicsError, REACH, Span};

/// Fewer curves than this have no say beside the one fitted to all rows.
const LEAST_CURVES: usize = 20;

/// A fitted curve and those of resampled rows. What it foretells is their mean (Breiman 1996): few small runs leave the
/// end of the curve open, and the single best one, held below 1 on one side only, ends too high.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bagged {
    /// The curve of all rows.
    pub fit: CurveFit,
    /// The curves of resampled rows.
    pub curves: Vec<Curve>,
}

/// The answer to "how many labels reach this accuracy?".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Labels {
    /// So many.
    Needed(f64),
    /// No number does: the curve ends at this accuracy.
    Ceiling(f64),
}

impl Bagged {
    /// Fits the curve to all rows, and to `count` samples of them: within each amount of labels, rows with replacement,
    /// each shaken by its binomial error. Samples whose rows gain nothing from labels are left out.
    pub fn fit(
        points: &[Point],
        count: usize,
        draws: &mut impl Draws,
    ) -> Result<Self, EconomicsError> {
        let fit = Curve::fit(points)?;
        let mut amounts: Vec<Vec<Point>> = Vec::new();
        for point in points {
            let same = |group: &&mut Vec<Point>| group.iter().any(|p| p.labels == point.labels);
            match amounts.iter_mut().find(same) {
                Some(group) => group.push(*point),
                None => amounts.push(vec![*point]),
            }
        }
        let mut curves = Vec::with_capacity(count);
        for _ in 0..count {
            let mut sample = Vec::with_capacity(points.len());
            for group in &amounts {
                for _ in group {
                    if let Some(point) = group.get(draws.below(group.len())) {
                        sample.push(point.shaken(draws.normal()));
                    }
                }
            }
            curves.extend(Curve::fit(&sample).map(|fit| fit.curve));
        }
        Ok(Self { fit, curves })
    }

    /// The accuracy after `labels` labels, within reach of what was measured.
    pub fn accuracy(&self, labels: f64) -> Result<f64, EconomicsError> {
        self.fit.labels.admit("labels", labels)?;
        Ok(self.mean(labels))
    }

    /// The middle `share` of the curves' accuracies after `labels` labels; `None` for fewer than 20 curves.
    pub fn band(&self, share: f64, labels: f64) -> Option<Span> {
        crate::quantile::middle(
            self.curves.iter().map(|curve| curve.accuracy(labels)),
            share,
        )
    }

    /// How many labels reach `accuracy`, within reach of what was measured.
    pub fn labels_for(&self, accuracy: f64) -> Result<Labels, EconomicsError> {
        let limit = self.fit.labels.high * REACH;
        let there = self.mean(limit);
        if accuracy >= self.fit.curve.a && accuracy > there {
            return Ok(Labels::Ceiling(self.fit.curve.a));
        }
        if accuracy > there {
            let what = "accuracy";
            return Err(EconomicsError::BeyondLimit {
                what,
                asked: accuracy,
                limit,
                there,
            });
        }
        let (mut low, mut high) = (0.0, limit.ln());
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.mean(middle.exp()) >= accuracy {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Labels::Needed(high.exp()))
    }

    fn mean(&self, labels: f64) -> f64 {
        if self.curves.len() < LEAST_CURVES {
            return self.fit.curve.accuracy(labels);
        }
        let sum: f64 = self.curves.iter().map(|curve| curve.accuracy(labels)).sum();
        sum / self.curves.len() as f64
    }
}
