//! In what weights are kept: as the file has them, or as 8-bit integers.

use half::{bf16, f16};
use pulp::Simd;

use crate::checkpoint::{Kind, Raw};

/// In what to keep weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// As the file has them: no value is changed.
    AsIs,
    /// As integers from -127 to 127 with a scale for each output.
    Int8,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    F32,
    Bf16,
    F16,
    Int8,
}

impl Stored {
    pub(super) fn of(self, parts: &[&Raw]) -> Layout {
        let alike = |kind| parts.iter().all(|part| part.kind() == kind);
        match self {
            Self::Int8 => Layout::Int8,
            Self::AsIs if alike(Kind::Bf16) => Layout::Bf16,
            Self::AsIs if alike(Kind::F16) => Layout::F16,
            Self::AsIs => Layout::F32,
        }
    }
}

impl Layout {
    /// Weights of a word.
    pub(super) const fn parts(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 | Self::F16 => 2,
            Self::Int8 => 4,
        }
    }

    /// One weight of a word, without the scale.
    pub(super) fn value(self, word: u32, part: usize) -> f32 {
        let [a, b, c, d] = word.to_le_bytes();
        let half = if part == 0 { [a, b] } else { [c, d] };
        match self {
            Self::F32 => f32::from_bits(word),
            Self::Bf16 => bf16::from_le_bytes(half).to_f32(),
            Self::F16 => f16::from_le_bytes(half).to_f32(),
            Self::Int8 => f32::from([a, b, c, d].get(part).copied().unwrap_or(128)) - 128.0,
        }
    }
}

/// Writes the weights of one output into its words; gives their scale.
pub(super) fn put<'a>(
    layout: Layout,
    words: impl Iterator<Item = &'a mut u32>,
    row: &[f32],
) -> f32 {
    let scale = match layout {
        Layout::Int8 => {
            let most = row.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            (most / 127.0).max(f32::MIN_POSITIVE)
        }
        Layout::F32 | Layout::Bf16 | Layout::F16 => 1.0,
    };
    for (word, values) in words.zip(row.chunks(layout.parts())) {
        // What stands past the last input is nothing.
        let value = |at: usize| values.get(at).copied().unwrap_or(0.0);
        *word = match layout {
            Layout::F32 => value(0).to_bits(),
            Layout::Bf16 => pair([0, 1].map(|at| bf16::from_f32(value(at)).to_bits())),
            Layout::F16 => pair([0, 1].map(|at| f16::from_f32(value(at)).to_bits())),
            Layout::Int8 => u32::from_le_bytes([0, 1, 2, 3].map(|at| byte(value(at) / scale))),
        };
    }
    scale
}

fn pair([low, high]: [u16; 2]) -> u32 {
    u32::from(low) | u32::from(high) << 16
}

/// A number from -127 to 127 as a byte, 128 above it.
fn byte(value: f32) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded and clamped to 1..=255"
    )]
    let byte = (value.round() + 128.0).clamp(1.0, 255.0) as u8;
    byte
}

/// Weights of one part of each of some words.
pub(super) trait Format {
    const PARTS: usize;

    fn part<S: Simd>(simd: S, words: S::u32s, part: usize) -> S::f32s;
}

pub(super) struct F32;
pub(super) struct Bf16;
pub(super) struct F16;
pub(super) struct Int8;

impl Format for F32 {
    const PARTS: usize = 1;

    #[inline(always)]
    fn part<S: Simd>(simd: S, words: S::u32s, _: usize) -> S::f32s {
        simd.transmute_f32s_u32s(words)
    }
}

impl Format for Bf16 {
    const PARTS: usize = 2;

    #[inline(always)]
    fn part<S: Simd>(simd: S, words: S::u32s, part: usize) -> S::f32s {
        simd.transmute_f32s_u32s(high_half(simd, words, part))
    }
}

impl Format for F16 {
    const PARTS: usize = 2;

    /// Exponent and fraction, put where those of an f32 are, are 2^112 too small; times that they are right, subnormal
    /// ones too.
    #[inline(always)]
    fn part<S: Simd>(simd: S, words: S::u32s, part: usize) -> S::f32s {
        let high = high_half(simd, words, part);
        let sign = simd.and_u32s(high, simd.splat_u32s(0x8000_0000));
        let rest = simd.and_u32s(high, simd.splat_u32s(0x7fff_0000));
        let rest = simd.wrapping_dyn_shr_u32s(rest, simd.splat_u32s(3));
        let scale = simd.splat_f32s(f32::from_bits(0x7780_0000));
        let value = simd.mul_f32s(simd.transmute_f32s_u32s(rest), scale);
        simd.transmute_f32s_u32s(simd.or_u32s(simd.transmute_u32s_f32s(value), sign))
    }
}

/// The low or the high half of each word, where the high one is.
#[inline(always)]
fn high_half<S: Simd>(simd: S, words: S::u32s, part: usize) -> S::u32s {
    if part == 0 {
        simd.wrapping_dyn_shl_u32s(words, simd.splat_u32s(16))
    } else {
        simd.and_u32s(words, simd.splat_u32s(0xffff_0000))
    }
}

impl Format for Int8 {
    const PARTS: usize = 4;

    /// A byte in the last place of 2^23 is 2^23 plus itself.
    #[inline(always)]
    fn part<S: Simd>(simd: S, words: S::u32s, part: usize) -> S::f32s {
        let shift = simd.splat_u32s(u32::try_from(part * 8).unwrap_or(0));
        let byte = simd.wrapping_dyn_shr_u32s(words, shift);
        let byte = simd.and_u32s(byte, simd.splat_u32s(0xff));
        let float = simd.or_u32s(byte, simd.splat_u32s(0x4b00_0000));
        let zero = simd.splat_f32s(8_388_608.0 + 128.0);
        simd.sub_f32s(simd.transmute_f32s_u32s(float), zero)
    }
}
