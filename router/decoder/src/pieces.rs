//! From tokens to pieces of text that may leave: whole characters, and nothing of a string that ends the answer.

use crate::text::Text;

/// The text of one answer while it is written.
#[derive(Debug)]
pub struct Pieces {
    text: Text,
    stops: Vec<String>,
    tokens: Vec<u32>,
    /// Tokens before this one have given their text; those from `context` on are read again, since what a token reads as
    /// may depend on the one before.
    read: usize,
    context: usize,
    /// Text that may be the beginning of a stop string.
    held: String,
}

/// What a token gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Text that may leave now; often empty.
    pub text: String,
    /// A stop string was written: the text before it is all there is.
    pub stopped: bool,
}

impl Pieces {
    /// An empty text that one of these strings ends; empty ones never do.
    pub fn new(text: Text, stops: Vec<String>) -> Self {
        Self {
            text,
            stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(),
            tokens: Vec::new(),
            read: 0,
            context: 0,
            held: String::new(),
        }
    }

    /// Adds a token.
    pub fn push(&mut self, token: u32) -> Piece {
        self.tokens.push(token);
        let before = self.decoded(self.context, self.read);
        let after = self.decoded(self.context, self.tokens.len());
        // A character is not whole yet.
        if after.len() <= before.len() || after.ends_with('\u{fffd}') {
            return Piece {
                text: String::new(),
                stopped: false,
            };
        }
        let fresh = after.get(before.len()..).unwrap_or_default().to_owned();
        self.context = self.read;
        self.read = self.tokens.len();
        self.release(&fresh)
    }

    /// The rest, when nothing more comes.
    pub fn finish(&mut self) -> Piece {
        let before = self.decoded(self.context, self.read);
        let after = self.decoded(self.context, self.tokens.len());
        let fresh = after.get(before.len()..).unwrap_or_default().to_owned();
        self.read = self.tokens.len();
        let mut piece = self.release(&fresh);
        if !piece.stopped {
            piece.text.push_str(&std::mem::take(&mut self.held));
        }
        piece
    }

    fn decoded(&self, from: usize, to: usize) -> String {
        self.text
            .decode(self.tokens.get(from..to).unwrap_or_default())
    }

    fn release(&mut self, fresh: &str) -> Piece {
        self.held.push_str(fresh);
        let stop = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min();
        if let Some(at) = stop {
            self.held.truncate(at);
            return Piece {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let kept = self.held.len() - self.may_stop();
        let rest = self.held.split_off(kept);
        Piece {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// How many bytes at the end are the beginning of a stop string.
    fn may_stop(&self) -> usize {
        let begins = |stop: &String| {
            let most = (stop.len() - 1).min(self.held.len());
            let ends = (1..=most).rev().filter(|n| stop.is_char_boundary(*n));
            ends.into_iter()
                .find(|n| stop.get(..*n).is_some_and(|head| self.held.ends_with(head)))
                .unwrap_or(0)
        };
        self.stops.iter().map(begins).max().unwrap_or(0)
    }
}
