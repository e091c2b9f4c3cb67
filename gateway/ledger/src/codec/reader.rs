//! Takes primitive values off the front, and believes none of them.

use std::sync::Arc;

use units::{ExpertId, IdError, Nanos, Timestamp, Tokens};
use uuid::Uuid;

use super::CodecError;

/// What is left to read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

type Read<T> = Result<T, CodecError>;

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(CodecError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn unsigned(&mut self) -> Read<u128> {
        let mut value = 0_u128;
        let mut shift = 0_u32;
        loop {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            let placed = part
                .checked_shl(shift)
                .filter(|placed| placed.checked_shr(shift) == Some(part))
                .ok_or(CodecError::Value("number"))?;
            value |= placed;
            if byte < 0x80 {
                return Ok(value);
            }
            shift = shift.saturating_add(7);
        }
    }

    pub(super) fn signed(&mut self) -> Read<i128> {
        let folded = self.unsigned()?;
        let half = i128::from_le_bytes((folded >> 1).to_le_bytes());
        Ok(if folded & 1 == 1 { !half } else { half })
    }

    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Read<T> {
        T::try_from(self.unsigned()?).map_err(|_| CodecError::Value("number"))
    }

    /// A length of a list; each element takes at least a byte, so a longer one is a lie.
    pub(super) fn length(&mut self) -> Read<usize> {
        let length = self.number()?;
        if length > self.rest.len() {
            return Err(CodecError::Short);
        }
        Ok(length)
    }

    pub(super) fn time(&mut self) -> Read<Timestamp> {
        self.array()
            .map(|bytes| Timestamp::from_unix_nanos(i64::from_le_bytes(bytes)))
    }

    pub(super) fn uuid(&mut self) -> Read<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    pub(super) fn text(&mut self) -> Read<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| CodecError::Value("text"))
    }

    pub(super) fn shared_text(&mut self) -> Read<Arc<str>> {
        self.text().map(Arc::from)
    }

    pub(super) fn id<T>(&mut self, parse: impl FnOnce(&str) -> Result<T, IdError>) -> Read<T> {
        parse(self.text()?).map_err(|_| CodecError::Value("name"))
    }

    pub(super) fn expert(&mut self) -> Read<ExpertId> {
        self.id(ExpertId::new)
    }

    pub(super) fn coded<T>(
        &mut self,
        kind: &'static str,
        from: impl FnOnce(u8) -> Option<T>,
    ) -> Read<T> {
        from(self.byte()?).ok_or(CodecError::Value(kind))
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(CodecError::Value("option")),
        }
    }

    pub(super) fn nanos(&mut self) -> Read<Option<Nanos>> {
        self.option(|r| r.number().map(Nanos::new))
    }

    pub(super) fn tokens(&mut self) -> Read<Option<Tokens>> {
        self.option(|r| r.number().map(Tokens::new))
    }
}
