//! The inner loops: a panel of weights by some tokens, in the widest registers that the machine has.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use super::PANEL;
use super::format::{Bf16, F16, F32, Format, Int8, Layout};

/// What the machine has.
pub(crate) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Tokens that share one reading of a panel: as many as the registers hold the sums of.
static MOST: LazyLock<usize> = LazyLock::new(|| ARCH.dispatch(Most));

struct Most;

impl WithSimd for Most {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        if S::F32_LANES >= 16 { 8 } else { 2 }
    }
}

/// The inputs of some tokens, a few of them side by side.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    width: usize,
    rows: usize,
    /// Tokens of each tile.
    sizes: Vec<usize>,
    values: Vec<f32>,
}

impl Tiles {
    /// Takes tokens of so many values, one after the other, in place of those before.
    pub(crate) fn fill(&mut self, values: &[f32], width: usize) {
        let padded = width.next_multiple_of(4);
        self.width = padded;
        self.rows = values.len() / width.max(1);
        self.sizes.clear();
        self.values.clear();
        self.values.resize(self.rows * padded, 0.0);
        let mut tokens = values.chunks_exact(width.max(1));
        let (mut left, mut rest) = (self.rows, self.values.as_mut_slice());
        for size in [8, 4, 2, 1].into_iter().filter(|size| *size <= *MOST) {
            while left >= size {
                let (tile, after) = rest.split_at_mut(size * padded);
                for (lane, token) in tokens.by_ref().take(size).enumerate() {
                    for (slot, value) in tile.iter_mut().skip(lane).step_by(size).zip(token) {
                        *slot = *value;
                    }
                }
                self.sizes.push(size);
                rest = after;
                left -= size;
            }
        }
    }

    /// Tokens.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }
}

/// The results of one panel: for each token its 32.
pub(super) fn panel(layout: Layout, words: &[u32], x: &Tiles, out: &mut [f32]) {
    match layout {
        Layout::F32 => ARCH.dispatch(Panel::<F32>::new(words, x, out)),
        Layout::Bf16 => ARCH.dispatch(Panel::<Bf16>::new(words, x, out)),
        Layout::F16 => ARCH.dispatch(Panel::<F16>::new(words, x, out)),
        Layout::Int8 => ARCH.dispatch(Panel::<Int8>::new(words, x, out)),
    }
}

struct Panel<'a, F> {
    words: &'a [u32],
    x: &'a Tiles,
    out: &'a mut [f32],
    format: std::marker::PhantomData<F>,
}

impl<'a, F> Panel<'a, F> {
    const fn new(words: &'a [u32], x: &'a Tiles, out: &'a mut [f32]) -> Self {
        Self {
            words,
            x,
            out,
            format: std::marker::PhantomData,
        }
    }
}

impl<F: Format> WithSimd for Panel<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => tiles::<S, F, 2>(simd, self),
            8 => tiles::<S, F, 4>(simd, self),
            4 => tiles::<S, F, 8>(simd, self),
            _ => tiles::<S, F, 32>(simd, self),
        }
    }
}

#[inline(always)]
fn tiles<S: Simd, F: Format, const V: usize>(simd: S, panel: Panel<'_, F>) {
    let words = S::as_simd_u32s(panel.words).0.as_chunks::<V>().0;
    let (mut values, mut out) = (panel.x.values.as_slice(), panel.out);
    for size in &panel.x.sizes {
        let Some((x, rest)) = values.split_at_checked(size * panel.x.width) else {
            return;
        };
        let Some((y, after)) = out.split_at_mut_checked(size * PANEL) else {
            return;
        };
        match size {
            8 => tile::<S, F, 8, V>(simd, words, x, y),
            4 => tile::<S, F, 4, V>(simd, words, x, y),
            2 => tile::<S, F, 2, V>(simd, words, x, y),
            _ => tile::<S, F, 1, V>(simd, words, x, y),
        }
        (values, out) = (rest, after);
    }
}

#[inline(always)]
fn tile<S: Simd, F: Format, const R: usize, const V: usize>(
    simd: S,
    words: &[[S::u32s; V]],
    x: &[f32],
    out: &mut [f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let x = x.as_chunks::<R>().0;
    for (words, x) in words.iter().zip(x.chunks_exact(F::PARTS)) {
        for (part, x) in x.iter().enumerate().take(F::PARTS) {
            // No closure here: one would be compiled without the machine's registers.
            let mut weights = [simd.splat_f32s(0.0); V];
            for (weights, words) in weights.iter_mut().zip(words) {
                *weights = F::part(simd, *words, part);
            }
            for (sums, x) in sums.iter_mut().zip(x) {
                let x = simd.splat_f32s(*x);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_f32s(x, weight, *sum);
                }
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(PANEL)) {
        let out = S::as_mut_simd_f32s(out).0;
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = *sum;
        }
    }
}
