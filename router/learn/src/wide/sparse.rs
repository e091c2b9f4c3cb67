//! A text as the fit of the wide part sees it: rows of the table with their values.

use router::DENSE;

use super::WideOptions;
use crate::encode::Encoded;
use crate::network::place;

/// Inverse document frequency of each row of the table; 0 for one that a single text holds.
#[derive(Debug)]
pub(super) struct Idf {
    weights: Vec<f32>,
}

impl Idf {
    pub(super) fn count<'a>(texts: impl Iterator<Item = &'a Encoded>, bits: u32) -> Self {
        let mut counts = vec![0_u32; 1 << bits];
        let mut n = 0_u32;
        for text in texts {
            n += 1;
            for row in text.wide.iter().flatten() {
                if let Some(count) = counts.get_mut(place(*row)) {
                    *count += 1;
                }
            }
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a logarithm needs no exact count"
        )]
        let weight = |count: &u32| {
            if *count < 2 {
                0.0
            } else {
                ((1.0 + n as f32) / (1.0 + *count as f32)).ln() / 4.0 + 0.25
            }
        };
        Self {
            weights: counts.iter().map(weight).collect(),
        }
    }

    pub(super) fn of(&self, row: usize) -> f32 {
        self.weights.get(row).copied().unwrap_or(0.0)
    }
}

/// One text as the fit sees it: rows with their values, the numbers, and the square of its length.
pub(super) struct Sparse {
    pub(super) rows: Vec<(usize, f32)>,
    pub(super) dense: [f32; DENSE],
    pub(super) square: f32,
}

/// Weight of the bias beside the tokens: it is hardly held back.
pub(super) const BIAS: f32 = 1.5;

impl Sparse {
    pub(super) fn new(text: &Encoded, idf: &Idf, options: &WideOptions) -> Self {
        let mut rows = Vec::with_capacity(text.wide.iter().map(Vec::len).sum());
        let mut square = BIAS * BIAS;
        for (bag, weight) in text.wide.iter().zip([1.0, options.chars]) {
            let factor = crate::network::factor(bag.len()) * weight;
            for row in bag.iter().map(|row| place(*row)) {
                let value = factor * idf.of(row);
                if value > 0.0 {
                    square += value * value;
                    rows.push((row, value));
                }
            }
        }
        let dense = text.dense.map(|value| value * options.numbers);
        square += dense.iter().map(|value| value * value).sum::<f32>();
        Self {
            rows,
            dense,
            square,
        }
    }
}
