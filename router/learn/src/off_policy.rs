//! What a policy would have earned on requests that another one decided, from the logged propensities: inverse propensity
//! scores (IPS), the self-normalised form (SNIPS) and doubly robust (DR, Dudík, Langford and Li 2011), each with an
//! interval. Weights are clipped; what no logged choice could have shown is reported, not guessed.

pub mod coverage;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::resample;

/// One logged request, as a target policy sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logged {
    /// Probability with which the logged choice was made; above 0.
    pub propensity: f64,
    /// What the choice earned.
    pub reward: f64,
    /// Probability with which the target policy makes the same choice.
    pub target: f64,
    /// What a model that has not seen this request's reward expects of the logged choice.
    pub model: f64,
    /// What it expects of the target policy's choices.
    pub expected: f64,
    /// Probability that the target policy makes a choice that was never made on such a request: of propensity 0.
    pub unsupported: f64,
}

impl Logged {
    /// The importance weight, at most `clip`; 0 where the propensity makes no sense.
    pub fn weight(&self, clip: f64) -> f64 {
        if self.propensity > 0.0 && self.propensity.is_finite() {
            (self.target / self.propensity).clamp(0.0, clip)
        } else {
            0.0
        }
    }

    /// The doubly robust score: the model's word, corrected by what was seen.
    pub fn doubly_robust(&self, clip: f64) -> f64 {
        self.expected + self.weight(clip) * (self.reward - self.model)
    }
}

/// How estimates are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Largest importance weight.
    pub clip: f64,
    /// Probability that an interval holds the truth, such as 0.95.
    pub level: f64,
}

impl Default for Options {
    /// Weights up to 50, intervals of 95 %.
    fn default() -> Self {
        Self {
            clip: 50.0,
            level: 0.95,
        }
    }
}

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Is a value inside?
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// The estimates of one policy's mean reward.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimates {
    /// Requests.
    pub rows: usize,
    /// Inverse propensity scores.
    pub ips: Interval,
    /// Self-normalised.
    pub snips: Interval,
    /// Doubly robust.
    pub dr: Interval,
    /// Requests that the weights are worth: `(Σw)² / Σw²`.
    pub effective: f64,
    /// Share of requests whose weight was clipped.
    pub clipped: f64,
    /// Mean probability of choices that were never made on such requests. IPS counts them as 0, DR believes the model.
    pub unsupported: f64,
}

/// Estimates a policy's mean reward with normal intervals; `None` without a request or without any weight.
pub fn estimate(rows: &[Logged], options: &Options) -> Option<Estimates> {
    let z = resample::quantile_of_normal(0.5 + options.level / 2.0);
    let weights: Vec<f64> = rows.iter().map(|row| row.weight(options.clip)).collect();
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    if rows.is_empty() || sum <= 0.0 {
        return None;
    }
    let n = count(rows.len());
    let around = |scores: &[f64]| {
        let (mean, deviation) = moments(scores);
        interval(mean, z * deviation / n.sqrt())
    };
    let weighed: Vec<f64> = rows
        .iter()
        .zip(&weights)
        .map(|(row, w)| w * row.reward)
        .collect();
    let own = weighed.iter().sum::<f64>() / sum;
    // The delta method for a ratio of means.
    let influences: Vec<f64> = rows
        .iter()
        .zip(&weights)
        .map(|(row, w)| w * (row.reward - own) * n / sum)
        .collect();
    let (_, spread) = moments(&influences);
    let robust: Vec<f64> = rows
        .iter()
        .map(|row| row.doubly_robust(options.clip))
        .collect();
    let cut = |row: &&Logged| row.propensity > 0.0 && row.target / row.propensity > options.clip;
    Some(Estimates {
        rows: rows.len(),
        ips: around(&weighed),
        snips: interval(own, z * spread / n.sqrt()),
        dr: around(&robust),
        effective: sum * sum / squares,
        clipped: count(rows.iter().filter(cut).count()) / n,
        unsupported: rows.iter().map(|row| row.unsupported).sum::<f64>() / n,
    })
}

fn interval(value: f64, half: f64) -> Interval {
    Interval {
        value,
        low: value - half,
        high: value + half,
    }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = count(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
pub(crate) fn count(rows: usize) -> f64 {
    rows as f64
}
