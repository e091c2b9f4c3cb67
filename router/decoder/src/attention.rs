//! What tokens see of those before them: heads of one layer over pages of keys and values. A token's result does not
//! depend on which others are computed with it.

use pulp::{Simd, WithSimd};

use crate::cache::{KvCache, PAGE};
use crate::math::exp;
use crate::matrix::ARCH;

/// Queries that share one reading of keys and values.
const MOST: usize = 8;

/// Neighbouring tokens of one sequence that ask one layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) cache: &'a KvCache,
    pub(crate) layer: usize,
    pub(crate) pages: &'a [u32],
    /// The position of the first token.
    pub(crate) position: usize,
    pub(crate) window: Option<usize>,
    /// Queries of each token: so many values apart.
    pub(crate) queries: &'a [f32],
    pub(crate) apart: usize,
    /// The heads that are asked, how many ask each, and their width.
    pub(crate) heads: (usize, usize),
    pub(crate) group: usize,
    pub(crate) dim: usize,
}

impl Asking<'_> {
    /// Answers of the heads, token by token, into `out`.
    pub(crate) fn answer(&self, out: &mut [f32]) {
        let (first, last) = self.heads;
        let width = (last - first) * self.group * self.dim;
        let tokens = out.len() / width.max(1);
        let rows: Vec<(usize, usize)> = (0..tokens)
            .flat_map(|token| (0..self.group).map(move |lane| (token, lane)))
            .collect();
        let mut scratch = Scratch::default();
        for head in first..last {
            let mut rest = rows.as_slice();
            for size in [8, 4, 2, 1].into_iter().filter(|size| *size <= MOST) {
                while let Some((block, after)) = rest.split_at_checked(size) {
                    let block = Block {
                        asking: self,
                        head,
                        rows: block,
                        scratch: &mut scratch,
                    };
                    ARCH.dispatch(block);
                    for (&(token, lane), found) in rest.iter().zip(scratch.found.chunks(self.dim)) {
                        let at = token * width + ((head - first) * self.group + lane) * self.dim;
                        if let Some(out) = out.get_mut(at..at + self.dim) {
                            out.copy_from_slice(found);
                        }
                    }
                    rest = after;
                }
            }
        }
    }

    /// The positions that a token of this place sees.
    fn sees(&self, token: usize) -> std::ops::Range<usize> {
        let position = self.position + token;
        let first = self
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        first..position + 1
    }
}

#[derive(Debug, Default)]
struct Scratch {
    /// Of each place of a head, the queries side by side.
    queries: Vec<f32>,
    /// Of each query, a weight for each position.
    weights: Vec<f32>,
    found: Vec<f32>,
}

struct Block<'a> {
    asking: &'a Asking<'a>,
    head: usize,
    rows: &'a [(usize, usize)],
    scratch: &'a mut Scratch,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.rows.len() {
            8 => block::<S, 8>(simd, self),
            4 => block::<S, 4>(simd, self),
            2 => block::<S, 2>(simd, self),
            _ => block::<S, 1>(simd, self),
        }
    }
}

#[inline(always)]
fn block<S: Simd, const R: usize>(simd: S, block: Block<'_>) {
    let Block {
        asking,
        head,
        rows,
        scratch,
    } = block;
    let dim = asking.dim;
    let sees = |row: &(usize, usize)| asking.sees(row.0);
    let first = rows.iter().map(|row| sees(row).start).min().unwrap_or(0) / PAGE;
    let end = rows.iter().map(|row| sees(row).end).max().unwrap_or(0);
    let pages = first..end.div_ceil(PAGE);
    let length = pages.len() * PAGE;

    #[expect(
        clippy::cast_precision_loss,
        reason = "heads are far below 2^24 values"
    )]
    let scale = 1.0 / (dim as f32).sqrt();
    scratch.queries.resize(dim * R, 0.0);
    for (lane, (token, of_group)) in rows.iter().enumerate() {
        let from = token * asking.apart + (head * asking.group + of_group) * dim;
        let query = asking.queries.get(from..from + dim).unwrap_or_default();
        for (slot, value) in scratch.queries.iter_mut().skip(lane).step_by(R).zip(query) {
            *slot = value * scale;
        }
    }
    scratch.weights.resize(length * R, 0.0);
    for (place, page) in pages.enumerate() {
        let (keys, _) = asking.cache.page(asking.layer, asking.pages, page, head);
        match S::F32_LANES {
            16 => scores::<S, R, 1>(simd, scratch, keys, place * PAGE, length),
            8 => scores::<S, R, 2>(simd, scratch, keys, place * PAGE, length),
            4 => scores::<S, R, 4>(simd, scratch, keys, place * PAGE, length),
            _ => scores::<S, R, 16>(simd, scratch, keys, place * PAGE, length),
        }
    }
    let start = first * PAGE;
    let mut sums = [0.0_f32; R];
    let weights = scratch.weights.chunks_mut(length.max(1));
    for ((weights, row), sum) in weights.zip(rows).zip(&mut sums) {
        let sees = sees(row);
        let (before, after) = (sees.start.saturating_sub(start), sees.end - start);
        weights
            .iter_mut()
            .take(before)
            .for_each(|w| *w = f32::NEG_INFINITY);
        weights
            .iter_mut()
            .skip(after)
            .for_each(|w| *w = f32::NEG_INFINITY);
        *sum = softmax(simd, weights);
    }
    scratch.found.resize(dim * R, 0.0);
    for at in (0..dim).step_by(2 * S::F32_LANES.max(1)) {
        values::<S, R>(simd, asking, (head, at), (start, end, length), scratch);
    }
    for (found, sum) in scratch.found.chunks_mut(dim).zip(sums) {
        for found in found {
            *found /= sum;
        }
    }
}

/// Products of the queries and the keys of one page.
#[inline(always)]
fn scores<S: Simd, const R: usize, const V: usize>(
    simd: S,
    scratch: &mut Scratch,
    keys: &[f32],
    at: usize,
    length: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let keys = S::as_simd_f32s(keys).0.as_chunks::<V>().0;
    for (queries, keys) in scratch.queries.as_chunks::<R>().0.iter().zip(keys) {
        for (sums, query) in sums.iter_mut().zip(queries) {
            let query = simd.splat_f32s(*query);
            for (sum, key) in sums.iter_mut().zip(keys) {
                *sum = simd.mul_add_f32s(query, *key, *sum);
            }
        }
    }
    for (weights, sums) in scratch.weights.chunks_mut(length).zip(sums) {
        let Some(weights) = weights.get_mut(at..at + PAGE) else {
            return;
        };
        for (weight, sum) in S::as_mut_simd_f32s(weights).0.iter_mut().zip(sums) {
            *weight = sum;
        }
    }
}

/// Weights from scores; their sum.
#[inline(always)]
fn softmax<S: Simd>(simd: S, weights: &mut [f32]) -> f32 {
    let weights = S::as_mut_simd_f32s(weights).0;
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for weight in weights.iter() {
        most = simd.max_f32s(most, *weight);
    }
    let most = simd.splat_f32s(simd.reduce_max_f32s(most));
    let mut sum = simd.splat_f32s(0.0);
    for weight in weights {
        *weight = exp(simd, simd.sub_f32s(*weight, most));
        sum = simd.add_f32s(sum, *weight);
    }
    simd.reduce_sum_f32s(sum)
}

/// Two vectors of each answer: values of all positions by their weights.
#[inline(always)]
fn values<S: Simd, const R: usize>(
    simd: S,
    asking: &Asking<'_>,
    (head, at): (usize, usize),
    (start, end, length): (usize, usize, usize),
    scratch: &mut Scratch,
) {
    let dim = asking.dim;
    let width = (2 * S::F32_LANES).min(dim - at);
    let low = width.min(S::F32_LANES);
    let mut sums = [[simd.splat_f32s(0.0); 2]; R];
    for page in start / PAGE..end.div_ceil(PAGE) {
        let (_, values) = asking.cache.page(asking.layer, asking.pages, page, head);
        let from = page * PAGE;
        // What stands in a page past the last token is somebody else's.
        let tokens = values.chunks_exact(dim).take(end - from).enumerate();
        for (slot, value) in tokens {
            let value = value.get(at..at + width).unwrap_or_default();
            let (low, high) = value.split_at(low.min(value.len()));
            let value = [load(simd, low), load(simd, high)];
            let position = from + slot - start;
            for (lane, sums) in sums.iter_mut().enumerate() {
                let weight = scratch.weights.get(lane * length + position);
                let weight = simd.splat_f32s(weight.copied().unwrap_or(0.0));
                for (sum, value) in sums.iter_mut().zip(value) {
                    *sum = simd.mul_add_f32s(weight, value, *sum);
                }
            }
        }
    }
    for (found, sums) in scratch.found.chunks_mut(dim).zip(sums) {
        let found = found.get_mut(at..at + width).unwrap_or_default();
        let (low, high) = found.split_at_mut(low.min(found.len()));
        store(simd, low, sums[0]);
        store(simd, high, sums[1]);
    }
}

#[inline(always)]
fn load<S: Simd>(simd: S, from: &[f32]) -> S::f32s {
    match S::as_simd_f32s(from).0.first() {
        Some(whole) => *whole,
        None if from.is_empty() => simd.splat_f32s(0.0),
        None => simd.partial_load_f32s(from),
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, into: &mut [f32], value: S::f32s) {
    if into.is_empty() {
        return;
    }
    simd.partial_store_f32s(into, value);
}
