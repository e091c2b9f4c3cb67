//! Sums the embedding rows of a request's tokens, in integers, as the tokens are found.

use super::WideSums;
use crate::captured::Captured;
use crate::features::{DIM, Kind, Sink, Token, known_bit, table_row, wide_row};
use crate::package::{Spec, Weights};

/// The sums over one request.
pub(crate) struct Bags<'g> {
    table: &'g [[i8; DIM]],
    known: &'g [u8],
    bucket_bits: u32,
    known_bits: u32,
    words: Pile,
    chars: Pile,
    context: Pile,
    wide_bits: u32,
    wide: &'g mut WideSums,
    single: u32,
    seen: u32,
    digest: u64,
}

impl<'g> Bags<'g> {
    /// Empty sums; the rows of the wide part go to `wide`, which forgets what it held.
    pub(crate) fn new(weights: &'g Weights, spec: &Spec, wide: &'g mut WideSums) -> Self {
        wide.clear(spec.wide_bits);
        Self {
            table: &weights.embedding,
            known: &weights.known,
            bucket_bits: spec.bucket_bits,
            known_bits: spec.known_bits,
            words: Pile::new(),
            chars: Pile::new(),
            context: Pile::new(),
            wide_bits: spec.wide_bits,
            wide,
            single: 0,
            seen: 0,
            digest: 0,
        }
    }

    /// Adds everything of a note. `None` where it is of smaller tables.
    pub(super) fn recall(&mut self, note: &Captured, spec: &Spec) -> Option<()> {
        let table = note.table_bits.checked_sub(spec.bucket_bits)?;
        let known = note.known_bits.checked_sub(spec.known_bits)?;
        let place = |entry: u32| usize::try_from(entry).unwrap_or(usize::MAX);
        let piles = [&mut self.words, &mut self.chars, &mut self.context];
        for (pile, bag) in piles.into_iter().zip(&note.bags) {
            for row in bag {
                pile.add(place(row >> table), self.table);
            }
        }
        let [words, chars] = note.wide_rows(spec.wide_bits)?;
        for (kind, rows) in [(Kind::Word, words), (Kind::Chars, chars)] {
            for row in rows {
                self.wide.take(kind, place(row));
            }
        }
        for word in &note.words {
            self.word(place(word >> known));
        }
        Some(())
    }

    #[inline]
    fn word(&mut self, bit: usize) {
        let byte = self.known.get(bit / 8).copied().unwrap_or(0);
        self.seen += u32::from((byte >> (bit % 8)) & 1);
        self.single += 1;
    }

    /// The sums of words, characters and context, each with its count of tokens.
    pub(crate) fn finish(&mut self) -> [([i32; DIM], u32); 3] {
        [&mut self.words, &mut self.chars, &mut self.context].map(|pile| pile.finish(self.table))
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

/// Rows that are summed at once: as many as sixteen bits hold without overflow.
const PILE: usize = 256;

/// Rows waiting to be summed, and the sum so far. Summing many rows at once keeps the sum in registers.
struct Pile {
    rows: [u32; PILE],
    waiting: usize,
    sum: [i32; DIM],
    count: u32,
}

impl Pile {
    fn new() -> Self {
        Self {
            rows: [0; PILE],
            waiting: 0,
            sum: [0; DIM],
            count: 0,
        }
    }

    #[inline]
    fn add(&mut self, row: usize, table: &[[i8; DIM]]) {
        if self.waiting == PILE {
            self.flush(table);
        }
        if let Some(slot) = self.rows.get_mut(self.waiting) {
            *slot = u32::try_from(row).unwrap_or(u32::MAX);
            self.waiting += 1;
        }
    }

    fn flush(&mut self, table: &[[i8; DIM]]) {
        let mut narrow = [0_i16; DIM];
        let waiting = self.rows.get(..self.waiting).unwrap_or(&[]);
        let places = waiting
            .iter()
            .map(|row| usize::try_from(*row).unwrap_or(usize::MAX));
        for row in places.filter_map(|place| table.get(place)) {
            for (sum, value) in narrow.iter_mut().zip(row) {
                *sum = sum.wrapping_add(i16::from(*value));
            }
        }
        for (sum, part) in self.sum.iter_mut().zip(narrow) {
            *sum += i32::from(part);
        }
        self.count += u32::try_from(self.waiting).unwrap_or(0);
        self.waiting = 0;
    }

    fn finish(&mut self, table: &[[i8; DIM]]) -> ([i32; DIM], u32) {
        self.flush(table);
        (self.sum, self.count)
    }
}

impl<'a> Sink<'a> for Bags<'_> {
    #[inline]
    fn token(&mut self, token: Token<'a>) {
        let pile = match token.kind {
            Kind::Word => {
                self.word(known_bit(token.hash, self.known_bits));
                &mut self.words
            }
            Kind::Pair => &mut self.words,
            Kind::Chars => &mut self.chars,
            Kind::Context => &mut self.context,
        };
        if let Some(row) = wide_row(token.kind, token.hash, self.wide_bits) {
            self.wide.take(token.kind, row);
        }
        pile.add(
            table_row(token.kind, token.hash, self.bucket_bits),
            self.table,
        );
        self.digest = self.digest.wrapping_add(token.hash);
    }
}
