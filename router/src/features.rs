//! Features of a request: hashed word 1-2-grams and sampled character n-grams of what is asked, words of the system
//! message and of recent turns, and a few numbers (length, scripts, digits, code, tables). Work is bounded: of a long
//! text a head and a tail are read. Nothing is allocated.

mod marks;
mod scan;

#[cfg(test)]
mod tests;

use crate::view::RequestView;
use marks::Counts;

pub use marks::{DENSE, DENSE_NAMES};

/// Version of the rules in this module; a gate trained under other rules is refused.
pub const FEATURE_VERSION: u32 = 1;

/// Width of a row of the embedding table.
pub const DIM: usize = 32;

/// Bytes read from the start of what is asked.
const HEAD: usize = 2_048;
/// Bytes read from its end, where it is longer than head and tail.
const TAIL: usize = 768;
/// Bytes read from the start of the system message.
const SYSTEM_HEAD: usize = 384;
/// Bytes read from the start of each earlier turn.
const TURN_HEAD: usize = 192;
/// Earlier turns read.
const TURNS: usize = 3;

/// What a token is; each kind has hashes of its own and is summed by itself, words and pairs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One word, number shape, currency sign or CJK character.
    Word,
    /// Two neighbouring words.
    Pair,
    /// Three or five bytes in a row, case folded.
    Chars,
    /// One word of the system message or of an earlier turn; hashed like [`Kind::Word`].
    Context,
}

/// One hashed feature and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// 64-bit hash; the same in every run and on every machine.
    pub hash: u64,
    /// The piece of text it stands in.
    pub piece: &'a str,
    /// First byte of it in the piece.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

/// Takes the tokens of a request as they are found.
pub trait Sink<'a> {
    /// Takes one token.
    fn token(&mut self, token: Token<'a>);
}

/// The numbers of a request that need no hashing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outline {
    /// One number for each of [`DENSE_NAMES`], around 0 to 1. The last, the share of known words, is for the caller.
    pub dense: [f32; DENSE],
}

/// Reads a request's text once, hands each token to the sink and returns the numbers.
pub fn extract<'a, S: Sink<'a>>(view: &RequestView<'a>, sink: &mut S) -> Outline {
    let mut counts = Counts::default();
    let asked = view.asked();
    let mut asked_bytes = 0;
    if let Some((_, turn)) = asked {
        asked_bytes = turn.text.len();
        let (head, tail) = windows(turn.text, HEAD, TAIL);
        let keep = scan::sampling(head.len() + tail.len());
        scan::asked(head, keep, &mut counts, sink);
        scan::asked(tail, keep, &mut counts, sink);
    }
    let last = asked.map_or(0, |(at, _)| at);
    let mut context_bytes = 0;
    if let Some(system) = view.system {
        context_bytes += system.len();
        scan::context(windows(system, SYSTEM_HEAD, 0).0, sink);
    }
    for turn in view.turns.iter().take(last).rev().take(TURNS) {
        context_bytes += turn.text.len();
        scan::context(windows(turn.text, TURN_HEAD, 0).0, sink);
    }
    let dense = counts.dense(view, asked_bytes, context_bytes, HEAD + TAIL);
    Outline { dense }
}

/// The row of a table of `2^bits` rows that a token falls on. `bits` from 1 to 32.
pub fn table_row(kind: Kind, hash: u64, bits: u32) -> usize {
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    let salt = match kind {
        Kind::Word | Kind::Context => 0,
        Kind::Pair => 0xA076_1D64_78BD_642F,
        Kind::Chars => 0xE703_7ED1_A0B4_28DB,
    };
    let high = (hash ^ salt).wrapping_mul(SPREAD) >> (64 - bits.clamp(1, 32));
    usize::try_from(high).unwrap_or(0)
}

/// The row of the wide part of `2^bits` rows that a token falls on: words and pairs in the first half, characters in the
/// second. `None` for context, which the wide part does not read, and where there is no wide part.
pub fn wide_row(kind: Kind, hash: u64, bits: u32) -> Option<usize> {
    let half = bits.checked_sub(1).filter(|half| *half > 0)?;
    match kind {
        Kind::Word | Kind::Pair => Some(table_row(kind, hash, half)),
        Kind::Chars => Some(table_row(kind, hash, half) + (1 << half)),
        Kind::Context => None,
    }
}

/// The bit of a table of `2^bits` bits that marks a word as known from training.
pub fn known_bit(hash: u64, bits: u32) -> usize {
    const SPREAD: u64 = 0xD6E8_FEB8_6659_FD93;
    let high = hash.wrapping_mul(SPREAD) >> (64 - bits.clamp(1, 32));
    usize::try_from(high).unwrap_or(0)
}

/// A head and a tail of a text, cut between characters; the whole text and nothing where it is short.
fn windows(text: &str, head: usize, tail: usize) -> (&str, &str) {
    if text.len() <= head + tail {
        return (text, "");
    }
    let start = text.get(..floor(text, head)).unwrap_or("");
    let end = text.get(floor(text, text.len() - tail)..).unwrap_or("");
    (start, end)
}

/// The last place between characters that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|place| text.is_char_boundary(*place))
        .unwrap_or(0)
}
