//! A frame around each group of events: two mark bytes, length, CRC-32, then the group. A torn or damaged
//! group is told from a whole one, and the next whole one is found again.

use ledger::{LedgerEvent, encode_events};

use crate::JournalError;

const MARK: [u8; 2] = [0xD6, b'L'];
const HEADER: usize = 10;
/// Longest group: far above any request's events, far below what memory minds.
const LONGEST: usize = 1 << 20;

/// A group with its frame, ready for one `write`.
pub(super) fn encode(events: &[LedgerEvent]) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::with_capacity(1_024);
    bytes.extend_from_slice(&[0; HEADER]);
    encode_events(events, &mut bytes);
    let Some((header, body)) = bytes.split_first_chunk_mut::<HEADER>() else {
        return Err(JournalError::TooLong { bytes: 0 });
    };
    let too_long = JournalError::TooLong { bytes: body.len() };
    let length = match u32::try_from(body.len()) {
        Ok(length) if body.len() <= LONGEST => length.to_le_bytes(),
        _ => return Err(too_long),
    };
    let sum = crc32fast::hash(body).to_le_bytes();
    let [m0, m1] = MARK;
    let [l0, l1, l2, l3] = length;
    let [s0, s1, s2, s3] = sum;
    *header = [m0, m1, l0, l1, l2, l3, s0, s1, s2, s3];
    Ok(bytes)
}

/// What stands at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Front<'a> {
    /// A whole group; `taken` bytes belong to it.
    Group { body: &'a [u8], taken: usize },
    /// The start of a group that ends after these bytes.
    Incomplete,
    /// No group.
    Damage,
}

/// Looks at the front of `bytes`.
pub(super) fn front(bytes: &[u8]) -> Front<'_> {
    let Some(([m0, m1, l0, l1, l2, l3, s0, s1, s2, s3], rest)) =
        bytes.split_first_chunk::<HEADER>()
    else {
        let start = MARK.get(..bytes.len().min(2)).unwrap_or(&MARK);
        return if bytes.starts_with(start) {
            Front::Incomplete
        } else {
            Front::Damage
        };
    };
    let length = usize::try_from(u32::from_le_bytes([*l0, *l1, *l2, *l3])).unwrap_or(usize::MAX);
    if [*m0, *m1] != MARK || length > LONGEST {
        return Front::Damage;
    }
    match rest.get(..length) {
        None => Front::Incomplete,
        Some(body) if crc32fast::hash(body) == u32::from_le_bytes([*s0, *s1, *s2, *s3]) => {
            Front::Group {
                body,
                taken: HEADER + length,
            }
        }
        Some(_) => Front::Damage,
    }
}

/// Where the next whole group starts after a damaged front, or `None` when there is none in `bytes`.
pub(super) fn resume(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|at| {
        let rest = bytes.get(*at..).unwrap_or_default();
        rest.starts_with(&MARK) && matches!(front(rest), Front::Group { .. })
    })
}
