//! Rotary positions: a table of cosines and sines, stretched as the checkpoint was trained.

use std::f64::consts::PI;

/// How frequencies are stretched beyond the length of training.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All by one factor (Chen et al. 2023).
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low ones by a factor, high ones not, in between in between (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Turns in `trained` tokens below which a frequency is low.
        low: f64,
        /// Turns above which it is high.
        high: f64,
        /// The length of training.
        trained: f64,
    },
    /// NTK by parts, with warmer attention (Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        /// The factor.
        factor: f64,
        /// Turns from which a frequency is left alone.
        fast: f64,
        /// Turns up to which it is stretched wholly.
        slow: f64,
        /// The length of training.
        trained: f64,
        /// What cosines and sines are multiplied by.
        attention: f64,
        /// Are the bounds rounded outwards to whole dimensions?
        truncate: bool,
    },
}

/// The frequencies of a head.
#[derive(Debug)]
pub(crate) struct Rope {
    frequencies: Vec<f32>,
    attention: f32,
}

impl Rope {
    /// Of heads of `dim` values.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "computed in f32, as `transformers` does"
    )]
    pub(crate) fn new(dim: usize, theta: f64, scaling: &RopeScaling) -> Self {
        let frequencies = frequencies(dim, theta, scaling).into_iter();
        Self {
            frequencies: frequencies.map(|frequency| frequency as f32).collect(),
            attention: match scaling {
                RopeScaling::Yarn { attention, .. } => *attention as f32,
                _ => 1.0,
            },
        }
    }

    /// Cosines and then sines of a position, after those in `out`.
    #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^24")]
    pub(crate) fn angles(&self, position: usize, out: &mut Vec<f32>) {
        let angles = self.frequencies.iter().map(|f| position as f32 * f);
        out.extend(angles.clone().map(|angle| angle.cos() * self.attention));
        out.extend(angles.map(|angle| angle.sin() * self.attention));
    }
}

/// Turns one head of a token in place.
pub(crate) fn turn(head: &mut [f32], angles: &[f32]) {
    let half = head.len() / 2;
    let (cos, sin) = angles.split_at(half.min(angles.len()));
    let (first, second) = head.split_at_mut(half);
    for (((a, b), c), s) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        (*a, *b) = (*a * c - *b * s, *b * c + *a * s);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "heads are far below 2^52 values"
)]
fn frequencies(dim: usize, theta: f64, scaling: &RopeScaling) -> Vec<f64> {
    let d = dim as f64;
    let plain = (0..dim / 2).map(|i| (i as f64, 1.0 / theta.powf(2.0 * i as f64 / d)));
    match scaling {
        RopeScaling::None => plain.map(|(_, f)| f).collect(),
        RopeScaling::Linear { factor } => plain.map(|(_, f)| f / factor).collect(),
        RopeScaling::Llama3 {
            factor,
            low,
            high,
            trained,
        } => plain
            .map(|(_, f)| {
                let turns = trained * f / (2.0 * PI);
                if turns < *low {
                    f / factor
                } else if turns > *high {
                    f
                } else {
                    let smooth = (turns - low) / (high - low);
                    (1.0 - smooth) * f / factor + smooth * f
                }
            })
            .collect(),
        RopeScaling::Yarn {
            factor,
            fast,
            slow,
            trained,
            truncate,
            ..
        } => {
            let dimension =
                |turns: f64| d * (trained / (turns * 2.0 * PI)).ln() / (2.0 * theta.ln());
            let (mut low, mut high) = (dimension(*fast), dimension(*slow));
            if *truncate {
                (low, high) = (low.floor(), high.ceil());
            }
            (low, high) = (low.max(0.0), high.min(d - 1.0));
            let width = if low == high { 0.001 } else { high - low };
            plain
                .map(|(i, f)| {
                    let stretched = ((i - low) / width).clamp(0.0, 1.0);
                    f / factor * stretched + f * (1.0 - stretched)
                })
                .collect()
        }
    }
}
