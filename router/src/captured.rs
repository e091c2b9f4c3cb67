//! What a gate read of a request, apart from its text: table rows, bits of words and a few numbers, in a small binary
//! form. A gate can be asked again about it, and the next one can learn from it. Hashes hide the text from a reader, not
//! from somebody with a dictionary and time: whoever keeps them says for how long.

mod form;

#[cfg(test)]
mod tests;

use crate::features::{DENSE, Kind, Sink, Token, extract, known_bit, table_row};
use crate::package::Spec;
use crate::view::RequestView;

pub use form::CapturedError;

/// Most entries of one list; a longer text counts by its first so many.
pub const CAPTURED_MOST: usize = 2_048;

/// The features of one request under the rules of this version. Orders within a list carry nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Captured {
    /// Rows are those of a table of `2^table_bits` rows; a smaller table's are their leading bits.
    pub table_bits: u32,
    /// Bits of words are those of a table of `2^known_bits` bits; likewise.
    pub known_bits: u32,
    /// Digest of the features, as in the decision.
    pub digest: u32,
    /// Table rows of words and pairs, of characters, of context; repetitions count.
    pub bags: [Vec<u32>; 3],
    /// Bits of its single words in the table of known words.
    pub words: Vec<u32>,
    /// The numbers; the last, the share of known words, is a gate's own.
    pub dense: [f32; DENSE],
}

impl Captured {
    /// An empty note, to be filled by [`crate::Gate::read_noting`]; its memory is reused.
    pub fn new() -> Self {
        Self {
            table_bits: 0,
            known_bits: 0,
            digest: 0,
            bags: [const { Vec::new() }; 3],
            words: Vec::new(),
            dense: [0.0; DENSE],
        }
    }

    /// What a gate with tables of these sizes would note of a request.
    pub fn of(view: &RequestView<'_>, table_bits: u32, known_bits: u32) -> Self {
        struct Digest(u64);
        impl<'a> Sink<'a> for Digest {
            fn token(&mut self, token: Token<'a>) {
                self.0 = self.0.wrapping_add(token.hash);
            }
        }
        let mut note = Self::new();
        note.start(table_bits, known_bits);
        let mut noting = Noting {
            sink: Digest(0),
            note: &mut note,
        };
        let outline = extract(view, &mut noting);
        let [a, b, c, d, ..] = (noting.sink.0 ^ (noting.sink.0 >> 32)).to_le_bytes();
        (note.dense, note.digest) = (outline.dense, u32::from_le_bytes([a, b, c, d]));
        note
    }

    /// The rows of each bag in a table of `2^bits` rows. `None` where the note is of a smaller table.
    pub fn rows(&self, bits: u32) -> Option<[Vec<u32>; 3]> {
        let shift = self.table_bits.checked_sub(bits)?;
        let cut = |bag: &Vec<u32>| bag.iter().map(|row| row >> shift).collect();
        Some([cut(&self.bags[0]), cut(&self.bags[1]), cut(&self.bags[2])])
    }

    /// The rows of the wide part of `2^bits` rows: of words and pairs, and of characters. `None` where the note is of a
    /// smaller table; empty where there is no wide part.
    pub fn wide_rows(&self, bits: u32) -> Option<[Vec<u32>; 2]> {
        let Some(half) = bits.checked_sub(1).filter(|half| *half > 0) else {
            return Some([Vec::new(), Vec::new()]);
        };
        let [words, chars, _] = self.rows(half)?;
        let second = chars.into_iter().map(|row| row + (1 << half));
        Some([words, second.collect()])
    }

    /// The bits of its words in a table of `2^bits` bits. `None` where the note is of a smaller table.
    pub fn word_bits(&self, bits: u32) -> Option<Vec<u32>> {
        let shift = self.known_bits.checked_sub(bits)?;
        Some(self.words.iter().map(|word| word >> shift).collect())
    }

    pub(crate) fn begin(&mut self, spec: &Spec) {
        // Each kind of token has half of the wide part to itself.
        let widest = spec.bucket_bits.max(spec.wide_bits.saturating_sub(1));
        self.start(widest, spec.known_bits);
    }

    fn start(&mut self, table_bits: u32, known_bits: u32) {
        (self.table_bits, self.known_bits) = (table_bits, known_bits);
        self.bags.iter_mut().for_each(Vec::clear);
        self.words.clear();
    }

    fn note(&mut self, token: &Token<'_>) {
        let narrow = |place: usize| u32::try_from(place).unwrap_or(0);
        let row = narrow(table_row(token.kind, token.hash, self.table_bits));
        let [words, chars, context] = &mut self.bags;
        let bag = match token.kind {
            Kind::Word | Kind::Pair => words,
            Kind::Chars => chars,
            Kind::Context => context,
        };
        if bag.len() < CAPTURED_MOST {
            bag.push(row);
        }
        if token.kind == Kind::Word && self.words.len() < CAPTURED_MOST {
            self.words
                .push(narrow(known_bit(token.hash, self.known_bits)));
        }
    }
}

impl Default for Captured {
    fn default() -> Self {
        Self::new()
    }
}

/// Hands every token on, and notes it.
pub(crate) struct Noting<'n, S> {
    pub(crate) sink: S,
    pub(crate) note: &'n mut Captured,
}

impl<'a, S: Sink<'a>> Sink<'a> for Noting<'_, S> {
    #[inline]
    fn token(&mut self, token: Token<'a>) {
        self.note.note(&token);
        self.sink.token(token);
    }
}
