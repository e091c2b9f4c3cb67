//! Texts as the network takes them: table rows by bag, and the numbers. The same extraction as in the gateway.

use rand::Rng;
use rand::rngs::StdRng;
use router::{
    DENSE, Kind, RequestView, Role, Sink, Token, Turn, extract, known_bit, table_row, wide_row,
};
use units::TenantId;

/// Bits of the embedding table's size.
pub const BUCKET_BITS: u32 = 15;
/// Bits of the size of the table of known words.
pub const KNOWN_BITS: u32 = 18;

/// One request for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Table rows of words and pairs, of characters, of context.
    pub bags: [Vec<u32>; 3],
    /// Rows of the wide part, each once: of words and pairs, of characters.
    pub wide: [Vec<u32>; 2],
    /// Bits of its single words in the table of known words.
    pub words: Vec<u32>,
    /// The numbers; the share of known words is set by [`Known::set_share`].
    pub dense: [f32; DENSE],
}

struct Collect {
    bags: [Vec<u32>; 3],
    wide: [Vec<u32>; 2],
    bits: u32,
    wide_bits: u32,
    words: Vec<u32>,
}

impl<'a> Sink<'a> for Collect {
    fn token(&mut self, token: Token<'a>) {
        let narrow = |place: usize| u32::try_from(place).unwrap_or(0);
        let row = narrow(table_row(token.kind, token.hash, self.bits));
        if let Some(row) = wide_row(token.kind, token.hash, self.wide_bits) {
            self.wide[usize::from(token.kind == Kind::Chars)].push(narrow(row));
        }
        let [words, chars, context] = &mut self.bags;
        match token.kind {
            Kind::Word => {
                words.push(row);
                self.words.push(narrow(known_bit(token.hash, KNOWN_BITS)));
            }
            Kind::Pair => words.push(row),
            Kind::Chars => chars.push(row),
            Kind::Context => context.push(row),
        }
    }
}

impl Encoded {
    /// Leaves out a share of the tokens, as a regulariser.
    pub fn thin(&mut self, share: f64, rng: &mut StdRng) {
        for bag in &mut self.bags {
            bag.retain(|_| !rng.random_bool(share));
        }
    }
}

/// Encodes texts for tables of one size.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    bits: u32,
    wide_bits: u32,
}

impl Encoder {
    /// For an embedding table of `2^bits` rows and a wide part of `2^wide_bits`; 0: none.
    pub fn new(bits: u32, wide_bits: u32) -> Self {
        Self { bits, wide_bits }
    }

    /// Encodes a text that is asked, after an optional system message.
    pub fn encode(&self, text: &str, system: Option<&str>) -> Encoded {
        let turns = [Turn {
            role: Role::User,
            text,
        }];
        let tenant = tenant();
        let view = RequestView {
            system,
            ..RequestView::of_turns(&tenant, &turns)
        };
        let mut collect = Collect {
            bits: self.bits,
            wide_bits: self.wide_bits,
            bags: Default::default(),
            wide: Default::default(),
            words: Vec::new(),
        };
        let outline = extract(&view, &mut collect);
        for bag in &mut collect.wide {
            bag.sort_unstable();
            bag.dedup();
        }
        Encoded {
            bags: collect.bags,
            wide: collect.wide,
            words: collect.words,
            dense: outline.dense,
        }
    }
}

/// The tenant in whose name texts are read here; the features do not depend on it.
pub(crate) fn tenant() -> TenantId {
    #[expect(clippy::expect_used, reason = "the name is one, as a test shows")]
    let tenant = TenantId::new("trainer").expect("a name");
    tenant
}

/// How many training texts hold each word.
#[derive(Debug, Clone)]
pub struct Known {
    counts: Vec<u32>,
}

/// Texts that must hold a word for it to be known.
const KNOWN_FROM: u32 = 2;

impl Known {
    /// Counts the words of the training texts.
    pub fn count<'a>(texts: impl Iterator<Item = &'a Encoded>) -> Self {
        let mut counts = vec![0_u32; 1 << KNOWN_BITS];
        for text in texts {
            let mut words = text.words.clone();
            words.sort_unstable();
            words.dedup();
            for word in words {
                if let Some(count) = counts.get_mut(place(word)) {
                    *count += 1;
                }
            }
        }
        Self { counts }
    }

    /// Sets the share of known words. A training text does not count itself (`own` is 1), so that shares mean the same
    /// on texts never seen (`own` is 0).
    pub fn set_share(&self, text: &mut Encoded, own: u32) {
        let known =
            |word: &&u32| self.counts.get(place(**word)).copied().unwrap_or(0) >= KNOWN_FROM + own;
        let seen = text.words.iter().filter(known).count();
        text.dense[DENSE - 1] = if text.words.is_empty() {
            1.0
        } else {
            #[expect(
                clippy::cast_precision_loss,
                reason = "words of one window are below 2^24"
            )]
            let share = seen as f32 / text.words.len() as f32;
            share
        };
    }

    /// The table as bits.
    pub fn bits(&self) -> Vec<u8> {
        let known = |counts: &[u32]| {
            let bits = counts.iter().enumerate();
            bits.fold(0_u8, |byte, (at, count)| {
                byte | (u8::from(*count >= KNOWN_FROM) << at)
            })
        };
        self.counts.chunks(8).map(known).collect()
    }
}

fn place(word: u32) -> usize {
    usize::try_from(word).unwrap_or(0)
}
