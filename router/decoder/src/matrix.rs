//! Weights laid out for steps of a few tokens: panels of 32 outputs side by side, so that a core reads them once, in order,
//! for all tokens. Each output sums its products in the order of the inputs, whatever stands beside it: a token's result
//! is the same, bit by bit, alone and in company.

mod format;
mod kernel;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

pub use format::Stored;
pub(crate) use kernel::{ARCH, Tiles};

use crate::checkpoint::Raw;
use format::{Layout, put};

/// Outputs of a panel.
const PANEL: usize = 32;
/// Pieces that a thread's share of the panels is cut into, so that a slow thread holds up less.
const PIECES: usize = 4;

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub(crate) struct Matrix {
    inputs: usize,
    outputs: usize,
    layout: Layout,
    /// Panels one after the other. A word holds weights of one output by neighbouring inputs, the first in its lowest bits;
    /// of a panel, first come the words of the first inputs.
    words: Vec<u32>,
    /// By output, of 8-bit integers.
    scales: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Matrix {
    /// Lays out rows of weights, those of several tensors one after the other. `stored` says in what to keep them.
    pub(crate) fn new(parts: &[&Raw], bias: Option<Vec<f32>>, stored: Stored) -> Self {
        let inputs = parts.first().map_or(0, |part| part.width());
        let outputs = parts.iter().map(|part| part.rows()).sum();
        let layout = stored.of(parts);
        let panels = usize::div_ceil(outputs, PANEL);
        let each = inputs.div_ceil(layout.parts()) * PANEL;
        let mut words = vec![0; panels * each];
        let mut scales = vec![1.0; panels * PANEL];
        words
            .par_chunks_mut(each.max(1))
            .zip(scales.par_chunks_mut(PANEL))
            .enumerate()
            .for_each(|(panel, (words, scales))| {
                let mut row = vec![0.0; inputs];
                for (lane, scale) in scales.iter_mut().enumerate() {
                    // Outputs past the last stay nothing.
                    if read_row(parts, panel * PANEL + lane, &mut row) {
                        *scale = put(layout, words.iter_mut().skip(lane).step_by(PANEL), &row);
                    }
                }
            });
        Self {
            inputs,
            outputs,
            layout,
            words,
            scales,
            bias,
        }
    }

    /// Values of a result.
    #[cfg(test)]
    const fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let bias = self.bias.as_ref().map_or(0, Vec::len);
        u64::try_from((self.words.len() + self.scales.len() + bias) * 4).unwrap_or(u64::MAX)
    }

    /// Results of every token of `x`, one after the other.
    pub(crate) fn apply(&self, x: &Tiles, scratch: &mut Vec<f32>, out: &mut Vec<f32>) {
        let rows = x.rows();
        let panel = rows * PANEL;
        let panels = self.outputs.div_ceil(PANEL);
        scratch.resize(panels * panel, 0.0);
        out.resize(rows * self.outputs, 0.0);
        if rows == 0 {
            return;
        }
        let each = self.inputs.div_ceil(self.layout.parts()) * PANEL;
        let least = panels.div_ceil(rayon::current_num_threads() * PIECES);
        scratch
            .par_chunks_mut(panel)
            .enumerate()
            .with_min_len(least)
            .for_each(|(at, out)| {
                let words = self.words.get(at * each..(at + 1) * each);
                kernel::panel(self.layout, words.unwrap_or_default(), x, out);
            });
        // From panels to tokens.
        let scaled = self.layout == Layout::Int8;
        out.par_chunks_mut(self.outputs)
            .enumerate()
            .with_min_len(8)
            .for_each(|(row, out)| {
                for (panel, out) in scratch.chunks(panel).zip(out.chunks_mut(PANEL)) {
                    let from = panel.get(row * PANEL..row * PANEL + out.len());
                    out.copy_from_slice(from.unwrap_or_default());
                }
                if scaled {
                    for (out, scale) in out.iter_mut().zip(&self.scales) {
                        *out *= scale;
                    }
                }
                if let Some(bias) = &self.bias {
                    for (out, bias) in out.iter_mut().zip(bias) {
                        *out += bias;
                    }
                }
            });
    }

    /// One row of the weights, for embeddings that are the head, too.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let parts = self.layout.parts();
        let each = self.inputs.div_ceil(parts) * PANEL;
        let from = row / PANEL * each + row % PANEL;
        let scale = self.scales.get(row).copied().unwrap_or(1.0);
        let words = self.words.iter().skip(from).step_by(PANEL);
        for (out, word) in out.chunks_mut(parts).zip(words) {
            for (part, out) in out.iter_mut().enumerate() {
                *out = self.layout.value(*word, part) * scale;
            }
        }
    }
}

/// The row of that number of several tensors, one after the other; false past the last.
fn read_row(parts: &[&Raw], mut row: usize, out: &mut [f32]) -> bool {
    for part in parts {
        if row < part.rows() {
            part.read_row(row, out);
            return true;
        }
        row -= part.rows();
    }
    false
}
