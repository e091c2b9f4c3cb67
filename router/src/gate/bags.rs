//! Sums the embedding rows of a request's tokens, in integers, as the tokens are found.

use crate::features::{DIM, Kind, Sink, Token, known_bit, table_row};
use crate::package::{Spec, Weights};

/// The sums over one request.
pub(crate) struct Bags<'g> {
    table: &'g [[i8; DIM]],
    known: &'g [u8],
    bucket_bits: u32,
    known_bits: u32,
    pub(super) words: [i32; DIM],
    pub(super) chars: [i32; DIM],
    pub(super) context: [i32; DIM],
    pub(super) counts: [u32; 3],
    single: u32,
    seen: u32,
    digest: u64,
}

impl<'g> Bags<'g> {
    /// Empty sums.
    pub(crate) fn new(weights: &'g Weights, spec: &Spec) -> Self {
        Self {
            table: &weights.embedding,
            known: &weights.known,
            bucket_bits: spec.bucket_bits,
            known_bits: spec.known_bits,
            words: [0; DIM],
            chars: [0; DIM],
            context: [0; DIM],
            counts: [0; 3],
            single: 0,
            seen: 0,
            digest: 0,
        }
    }

    /// Share of the words that were known in training; 1 where there are none.
    pub(super) fn known_share(&self) -> f32 {
        if self.single == 0 {
            return 1.0;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "words of one window are below 2^24"
        )]
        let share = self.seen as f32 / self.single as f32;
        share
    }

    /// A digest of all tokens, whatever their order.
    pub(crate) fn digest(&self) -> u32 {
        let [a, b, c, d, ..] = (self.digest ^ (self.digest >> 32)).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }
}

impl<'a> Sink<'a> for Bags<'_> {
    #[inline]
    fn token(&mut self, token: Token<'a>) {
        let at = table_row(token.kind, token.hash, self.bucket_bits);
        let Some(row) = self.table.get(at) else {
            return;
        };
        let sum = match token.kind {
            Kind::Word => {
                let bit = known_bit(token.hash, self.known_bits);
                let byte = self.known.get(bit / 8).copied().unwrap_or(0);
                self.seen += u32::from((byte >> (bit % 8)) & 1);
                self.single += 1;
                self.counts[0] += 1;
                &mut self.words
            }
            Kind::Pair => {
                self.counts[0] += 1;
                &mut self.words
            }
            Kind::Chars => {
                self.counts[1] += 1;
                &mut self.chars
            }
            Kind::Context => {
                self.counts[2] += 1;
                &mut self.context
            }
        };
        for (total, value) in sum.iter_mut().zip(row) {
            *total += i32::from(*value);
        }
        self.digest = self.digest.wrapping_add(token.hash);
    }
}
