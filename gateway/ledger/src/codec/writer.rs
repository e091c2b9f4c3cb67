//! Appends primitive values.

use units::{Nanos, Timestamp, Tokens};
use uuid::Uuid;

/// Appends to a buffer the caller owns and may reuse.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// LEB128: seven bits a byte, the low ones first.
    pub(super) fn unsigned(&mut self, mut value: u128) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                return self.out.push(low);
            }
            self.out.push(low | 0x80);
        }
    }

    pub(super) fn u64(&mut self, value: u64) {
        if let Ok(small) = u8::try_from(value)
            && small < 0x80
        {
            return self.out.push(small);
        }
        let mut rest = value;
        while rest >= 0x80 {
            let [low, ..] = rest.to_le_bytes();
            self.out.push(low | 0x80);
            rest >>= 7;
        }
        let [low, ..] = rest.to_le_bytes();
        self.out.push(low);
    }

    /// Zigzag: small magnitudes of either sign stay small.
    pub(super) fn signed(&mut self, value: i128) {
        let folded = (value << 1) ^ (value >> 127);
        self.unsigned(u128::from_le_bytes(folded.to_le_bytes()));
    }

    pub(super) fn time(&mut self, at: Timestamp) {
        self.out.extend_from_slice(&at.unix_nanos().to_le_bytes());
    }

    pub(super) fn uuid(&mut self, id: Uuid) {
        self.out.extend_from_slice(id.as_bytes());
    }

    /// A text, cut at `most` bytes on a border between characters.
    pub(super) fn text(&mut self, text: &str, most: usize) {
        let kept = text.get(..text.floor_char_boundary(most)).unwrap_or("");
        self.u64(u64::try_from(kept.len()).unwrap_or(0));
        self.out.extend_from_slice(kept.as_bytes());
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    pub(super) fn nanos(&mut self, value: Option<Nanos>) {
        self.option(value, |w, ns| w.u64(ns.get()));
    }

    pub(super) fn tokens(&mut self, value: Option<Tokens>) {
        self.option(value, |w, count| w.u64(count.get()));
    }
}
