//! One pass over a piece of text: words, pairs of words and character n-grams, by bytes where the text is ASCII.

use super::marks::{CLASS, Class, Counts, Script};
use super::{Kind, Sink, Token};

/// Character n-grams looked up for one request, about.
const CHARS_BUDGET: usize = 512;
/// Start of every word's hash.
const SEED: u64 = 0xCBF2_9CE4_8422_2325;
/// Odd multiplier of the word hash.
const PRIME: u64 = 0x2545_F491_4F6C_DD1D;
/// Odd multiplier that spreads an n-gram's bytes.
const GRAM: u64 = 0x9FB2_1C65_1E98_DF25;

/// Share of n-grams to keep of a text of so many bytes, out of 65536. Which ones is decided by their hash, so that the
/// same n-gram is kept or left in every text of like length.
pub(super) fn sampling(bytes: usize) -> u64 {
    let expected = (bytes * 2).max(1);
    let share = (CHARS_BUDGET * 65_536 / expected).clamp(1, 65_536);
    // Steps of a factor of two keep the choice stable between texts of about the same length.
    u64::try_from(share.next_power_of_two()).unwrap_or(65_536)
}

/// Reads what is asked: every kind of token, and counts for the numbers.
pub(super) fn asked<'a, S: Sink<'a>>(piece: &'a str, keep: u64, counts: &mut Counts, sink: &mut S) {
    let mut words = Words::new(piece, Kind::Word);
    let mut grams = Grams {
        piece,
        keep,
        window: 0,
        filled: 0,
    };
    let bytes = piece.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let class = CLASS[usize::from(byte)];
        counts.add(class);
        match class {
            Class::Lower | Class::Upper => {
                words.push(byte | 0x20, at);
                grams.push(byte | 0x20, at, sink);
                at += 1;
            }
            Class::Digit => {
                words.push(b'0', at);
                grams.push(b'0', at, sink);
                at += 1;
            }
            Class::High => {
                let (letter, length) = letter_at(piece, at);
                counts.add_script(letter.script());
                if letter.takes_part(&mut words, at, length, sink) {
                    for (offset, folded) in letter.folded().bytes().enumerate() {
                        grams.push(folded, at + offset.min(length - 1), sink);
                    }
                } else {
                    grams.gap();
                }
                at += length;
            }
            Class::Money => {
                words.sign(byte, at, sink);
                grams.gap();
                at += 1;
            }
            Class::Space
            | Class::Newline
            | Class::Question
            | Class::Code
            | Class::Table
            | Class::Mark => {
                words.end(at, sink);
                grams.gap();
                at += 1;
            }
        }
    }
    words.end(bytes.len(), sink);
    counts.words += words.count;
}

/// Reads context: single words only.
pub(super) fn context<'a, S: Sink<'a>>(piece: &'a str, sink: &mut S) {
    let mut words = Words::new(piece, Kind::Context);
    let bytes = piece.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match CLASS[usize::from(byte)] {
            Class::Lower | Class::Upper => words.push(byte | 0x20, at),
            Class::Digit => words.push(b'0', at),
            Class::High => {
                let (letter, length) = letter_at(piece, at);
                letter.takes_part(&mut words, at, length, sink);
                at += length - 1;
            }
            Class::Money => words.sign(byte, at, sink),
            _ => words.end(at, sink),
        }
        at += 1;
    }
    words.end(bytes.len(), sink);
}

/// A character outside ASCII.
enum Letter {
    /// Part of a word, case folded into a buffer, with its length.
    InWord {
        script: Script,
        bytes: [u8; 4],
        length: usize,
    },
    /// A word of its own.
    Alone { script: Script, hash: u64 },
    /// Between words.
    Gap,
}

impl Letter {
    fn script(&self) -> Script {
        match self {
            Self::InWord { script, .. } | Self::Alone { script, .. } => *script,
            Self::Gap => Script::None,
        }
    }

    /// Folded bytes for the n-grams; nothing for what is a word of its own.
    fn folded(&self) -> &str {
        match self {
            Self::InWord { bytes, length, .. } => bytes
                .get(..*length)
                .and_then(|b| std::str::from_utf8(b).ok())
                .unwrap_or(""),
            Self::Alone { .. } | Self::Gap => "",
        }
    }

    /// Adds the character to the words; true where the n-grams go on over it.
    fn takes_part<'a, S: Sink<'a>>(
        &self,
        words: &mut Words<'a>,
        at: usize,
        length: usize,
        sink: &mut S,
    ) -> bool {
        match self {
            Self::InWord { .. } => {
                for folded in self.folded().bytes() {
                    words.push(folded, at);
                }
                true
            }
            Self::Alone { hash, .. } => {
                words.end(at, sink);
                words.token(*hash, at, at + length, sink);
                false
            }
            Self::Gap => {
                words.end(at, sink);
                false
            }
        }
    }
}

/// The character that starts at a byte, and its length in bytes, at least 1.
fn letter_at(piece: &str, at: usize) -> (Letter, usize) {
    let Some(found) = piece.get(at..).and_then(|rest| rest.chars().next()) else {
        return (Letter::Gap, 1);
    };
    let script = Script::of(found);
    let letter = match script {
        Script::None => Letter::Gap,
        Script::Sign | Script::Cjk => Letter::Alone {
            script,
            hash: (SEED ^ u64::from(u32::from(found))).wrapping_mul(PRIME),
        },
        Script::Latin | Script::Other => {
            let mut lower = found.to_lowercase();
            let folded = match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => found,
            };
            let mut bytes = [0; 4];
            let length = folded.encode_utf8(&mut bytes).len();
            Letter::InWord {
                script,
                bytes,
                length,
            }
        }
    };
    (letter, found.len_utf8())
}

/// Builds words and pairs of words.
struct Words<'a> {
    piece: &'a str,
    kind: Kind,
    hash: u64,
    start: usize,
    open: bool,
    before: Option<(u64, usize)>,
    count: u32,
}

impl<'a> Words<'a> {
    fn new(piece: &'a str, kind: Kind) -> Self {
        Self {
            piece,
            kind,
            hash: SEED,
            start: 0,
            open: false,
            before: None,
            count: 0,
        }
    }

    #[inline]
    fn push(&mut self, folded: u8, at: usize) {
        if !self.open {
            self.open = true;
            self.start = at;
        }
        self.hash = (self.hash ^ u64::from(folded)).wrapping_mul(PRIME);
    }

    #[inline]
    fn end<S: Sink<'a>>(&mut self, end: usize, sink: &mut S) {
        if self.open {
            self.open = false;
            let (hash, start) = (self.hash, self.start);
            self.hash = SEED;
            self.token(hash, start, end, sink);
        }
    }

    /// An ASCII sign that is a word of its own.
    fn sign<S: Sink<'a>>(&mut self, byte: u8, at: usize, sink: &mut S) {
        self.end(at, sink);
        self.token(
            (SEED ^ u64::from(byte)).wrapping_mul(PRIME),
            at,
            at + 1,
            sink,
        );
    }

    #[inline]
    fn token<S: Sink<'a>>(&mut self, raw: u64, start: usize, end: usize, sink: &mut S) {
        // The multiplicative hash leaves its low bits weak: fold the high half in.
        let hash = raw ^ (raw >> 29);
        let (piece, kind) = (self.piece, self.kind);
        sink.token(Token {
            kind,
            hash,
            piece,
            start,
            end,
        });
        self.count += 1;
        if kind == Kind::Context {
            return;
        }
        if let Some((before, first)) = self.before {
            let pair = (before.rotate_left(23) ^ hash).wrapping_mul(PRIME);
            let hash = pair ^ (pair >> 31);
            sink.token(Token {
                kind: Kind::Pair,
                hash,
                piece,
                start: first,
                end,
            });
        }
        self.before = Some((hash, start));
    }
}

/// Emits 3-grams and 5-grams of the folded bytes, with one blank between words.
struct Grams<'a> {
    piece: &'a str,
    keep: u64,
    window: u64,
    filled: u32,
}

impl<'a> Grams<'a> {
    #[inline]
    fn push<S: Sink<'a>>(&mut self, folded: u8, at: usize, sink: &mut S) {
        self.window = (self.window << 8) | u64::from(folded);
        self.filled += 1;
        if self.filled >= 3 {
            self.emit(self.window & 0xFF_FFFF, 3, at, sink);
        }
        if self.filled >= 5 {
            self.emit(self.window & 0xFF_FFFF_FFFF, 5, at, sink);
        }
    }

    /// One blank, however wide the gap.
    #[inline]
    fn gap(&mut self) {
        if self.window & 0xFF != u64::from(b' ') {
            self.window = (self.window << 8) | u64::from(b' ');
            self.filled += 1;
        }
    }

    #[inline]
    fn emit<S: Sink<'a>>(&self, bytes: u64, length: u64, at: usize, sink: &mut S) {
        let hash = (bytes | (length << 56)).wrapping_mul(GRAM);
        let hash = hash ^ (hash >> 32);
        if (hash >> 40) & 0xFFFF < self.keep {
            // Blanks may stand for wider gaps; the span is exact where there are none.
            let span = usize::try_from(length).unwrap_or(1);
            let start = (at + 1).saturating_sub(span);
            sink.token(Token {
                kind: Kind::Chars,
                hash,
                piece: self.piece,
                start,
                end: at + 1,
            });
        }
    }
}
