//! The wide part: the rows of a request's tokens, summed column by column, straight into the logits.

use crate::features::{DENSE, Kind};
use crate::package::{Manifest, Wide};

/// Rows that sixteen bits can sum without overflow.
const PILE: usize = 256;

/// Tokens of one request by bag, and what they add to each column. Reused from request to request.
#[derive(Debug, Clone, Default)]
pub(crate) struct WideSums {
    /// Rows of words and pairs, and of characters; each row once.
    bags: [Vec<u32>; 2],
    /// The rows taken, a bit for each.
    seen: Vec<u64>,
    narrow: Vec<i16>,
    broad: Vec<i32>,
    /// What the wide part adds to each number; empty for a gate without one.
    logits: Vec<f32>,
}

impl WideSums {
    /// Empty memory.
    pub(crate) const fn new() -> Self {
        Self {
            bags: [Vec::new(), Vec::new()],
            seen: Vec::new(),
            narrow: Vec::new(),
            broad: Vec::new(),
            logits: Vec::new(),
        }
    }

    /// Forgets the last request and gets ready for a table of `2^bits` rows.
    pub(crate) fn clear(&mut self, bits: u32) {
        let words = (1_usize << bits.min(24)).div_ceil(64);
        if self.seen.len() == words {
            for row in self.bags.iter().flatten() {
                let at = usize::try_from(*row).unwrap_or(0);
                if let Some(word) = self.seen.get_mut(at / 64) {
                    *word = 0;
                }
            }
        } else {
            self.seen.clear();
            self.seen.resize(words, 0);
        }
        for bag in &mut self.bags {
            bag.clear();
        }
        self.logits.clear();
    }

    /// Takes the row of a token, unless it has it.
    #[inline]
    pub(crate) fn take(&mut self, kind: Kind, row: usize) {
        let Some(word) = self.seen.get_mut(row / 64) else {
            return;
        };
        let bit = 1_u64 << (row % 64);
        if *word & bit == 0 {
            *word |= bit;
            let bag = usize::from(kind == Kind::Chars);
            self.bags[bag].push(u32::try_from(row).unwrap_or(u32::MAX));
        }
    }

    /// Sums all rows taken since the last clearing.
    pub(crate) fn finish(&mut self, wide: &Wide, dense: &[f32]) {
        let columns = wide.scale.len();
        self.logits.clear();
        self.logits.resize(columns, 0.0);
        for (logit, weights) in self.logits.iter_mut().zip(&wide.dense) {
            let pairs = weights.iter().zip(dense.iter().take(DENSE));
            *logit = pairs.map(|(weight, value)| weight * value).sum();
        }
        for bag in &self.bags {
            self.broad.clear();
            self.broad.resize(columns, 0);
            for pile in bag.chunks(PILE) {
                self.narrow.clear();
                self.narrow.resize(columns, 0);
                for at in pile {
                    let row = wide.row(usize::try_from(*at).unwrap_or(usize::MAX));
                    for (sum, value) in self.narrow.iter_mut().zip(row) {
                        *sum = sum.wrapping_add(i16::from(*value));
                    }
                }
                for (sum, part) in self.broad.iter_mut().zip(&self.narrow) {
                    *sum += i32::from(*part);
                }
            }
            let factor = super::bag_factor(u32::try_from(bag.len()).unwrap_or(u32::MAX));
            for ((logit, sum), scale) in self.logits.iter_mut().zip(&self.broad).zip(&wide.scale) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "sums of one window are below 2^24"
                )]
                let sum = *sum as f32;
                *logit += sum * scale * factor;
            }
        }
    }

    /// What the wide part adds to the domains' logits; empty where it says nothing.
    pub(crate) fn domains(&self, manifest: &Manifest) -> &[f32] {
        self.logits.get(..manifest.domains.len()).unwrap_or(&[])
    }

    /// What it adds to a number of an expert; 0 where it says nothing.
    pub(crate) fn expert(&self, manifest: &Manifest, of: Column, expert: usize) -> f32 {
        let at = of.place(manifest, expert);
        self.logits.get(at).copied().unwrap_or(0.0)
    }
}

/// A number of an expert that the wide part adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Logit of the quality.
    Quality,
    /// `ln(1 + output tokens)`.
    Cost,
    /// `ln(latency in ns)`.
    Latency,
}

impl Column {
    /// Its place among the columns of the wide part.
    pub fn place(self, manifest: &Manifest, expert: usize) -> usize {
        let experts = manifest.experts.len();
        let before = match self {
            Self::Quality => 0,
            Self::Cost => experts,
            Self::Latency => 2 * experts,
        };
        manifest.domains.len() + before + expert
    }
}
