//! The bytes of captured features: a layout number, the sizes of the tables, the numbers, then four lists in ascending
//! order as LEB128 differences.

use super::{CAPTURED_MOST, Captured};
use crate::features::{DENSE, FEATURE_VERSION};

/// The layout written today.
const LAYOUT: u8 = 1;
/// Sizes of tables that a gate may have, in bits.
const BITS: std::ops::RangeInclusive<u32> = 4..=22;

/// Why bytes are no captured features.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapturedError {
    /// The bytes end too early.
    #[error("captured features are cut short")]
    Short,
    /// Written by a newer program: read it with that one.
    #[error("layout {0} of captured features is unknown")]
    Layout(u8),
    /// Made by other rules than this program's: of no use to its gates.
    #[error("captured features follow rules {0}, this program makes {FEATURE_VERSION}")]
    Rules(u32),
    /// A value that no writer produces.
    #[error("captured features hold an impossible {0}")]
    Value(&'static str),
}

impl Captured {
    /// The bytes, at most some 6 KB; a usual question takes a few hundred.
    pub fn to_bytes(&self) -> Vec<u8> {
        let entries = self.lists().map(Vec::len).iter().sum::<usize>();
        let mut out = Vec::with_capacity(entries.saturating_mul(2).saturating_add(128));
        out.push(LAYOUT);
        push(&mut out, FEATURE_VERSION);
        push(&mut out, self.table_bits);
        push(&mut out, self.known_bits);
        out.extend_from_slice(&self.digest.to_le_bytes());
        for number in self.dense {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for list in self.lists() {
            let mut sorted = list.clone();
            sorted.sort_unstable();
            push(&mut out, u32::try_from(sorted.len()).unwrap_or(u32::MAX));
            let mut last = 0;
            for entry in sorted {
                push(&mut out, entry.saturating_sub(last));
                last = entry;
            }
        }
        out
    }

    /// Reads bytes back; lists come sorted.
    ///
    /// # Errors
    /// The bytes are cut short, of another layout or of other rules, or hold what no writer produces.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CapturedError> {
        let mut reader = Reader { rest: bytes };
        let layout = reader.byte()?;
        if layout != LAYOUT {
            return Err(CapturedError::Layout(layout));
        }
        let rules = reader.number()?;
        if rules != FEATURE_VERSION {
            return Err(CapturedError::Rules(rules));
        }
        let (table_bits, known_bits) = (reader.number()?, reader.number()?);
        if !BITS.contains(&table_bits) || !BITS.contains(&known_bits) {
            return Err(CapturedError::Value("size of a table"));
        }
        let digest = u32::from_le_bytes(reader.four()?);
        let mut dense = [0.0; DENSE];
        for number in &mut dense {
            *number = f32::from_le_bytes(reader.four()?);
            if !number.is_finite() {
                return Err(CapturedError::Value("number"));
            }
        }
        let bags = [
            reader.list(table_bits)?,
            reader.list(table_bits)?,
            reader.list(table_bits)?,
        ];
        let words = reader.list(known_bits)?;
        if !reader.rest.is_empty() {
            return Err(CapturedError::Value("tail"));
        }
        Ok(Self {
            table_bits,
            known_bits,
            digest,
            bags,
            words,
            dense,
        })
    }

    fn lists(&self) -> [&Vec<u32>; 4] {
        let [words, chars, context] = &self.bags;
        [words, chars, context, &self.words]
    }
}

/// LEB128: seven bits a byte, the low ones first.
fn push(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, CapturedError> {
        let (first, rest) = self.rest.split_first().ok_or(CapturedError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    fn four(&mut self) -> Result<[u8; 4], CapturedError> {
        let (four, rest) = self.rest.split_first_chunk().ok_or(CapturedError::Short)?;
        self.rest = rest;
        Ok(*four)
    }

    fn number(&mut self) -> Result<u32, CapturedError> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let part = u32::from(byte & 0x7f);
            if shift == 28 && part > 0xf {
                return Err(CapturedError::Value("number"));
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CapturedError::Value("number"))
    }

    fn list(&mut self, bits: u32) -> Result<Vec<u32>, CapturedError> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > CAPTURED_MOST {
            return Err(CapturedError::Value("length of a list"));
        }
        let mut list = Vec::with_capacity(count);
        let mut last = 0_u32;
        for _ in 0..count {
            let next = last.checked_add(self.number()?);
            last = next
                .filter(|entry| entry >> bits == 0)
                .ok_or(CapturedError::Value("entry of a list"))?;
            list.push(last);
        }
        Ok(list)
    }
}
