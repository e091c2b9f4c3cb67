//! Between the ledger's integers and SQLite's 64 signed bits.

use ledger::RateId;
use units::{Nanos, Pico, Tokens};

/// A count; what is above 2^63 is cut there, which no meter reaches.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored count; below nothing is nothing.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(crate) fn nanos(value: Option<Nanos>) -> Option<i64> {
    value.map(|ns| signed(ns.get()))
}

pub(crate) fn tokens(value: Option<Tokens>) -> Option<i64> {
    value.map(|count| signed(count.get()))
}

/// All 64 bits of a rate's name.
pub(crate) fn rate(id: RateId) -> i64 {
    i64::from_ne_bytes(id.get().to_ne_bytes())
}

/// The rate of a stored name.
pub(crate) fn rate_id(stored: i64) -> RateId {
    RateId::from_number(u64::from_ne_bytes(stored.to_ne_bytes()))
}

/// A sum that SQL gives in two halves, so that no `SUM` overflows: millions and the rest.
pub(crate) fn halves(millions: i64, rest: i64) -> Pico {
    Pico::new(i128::from(millions) * 1_000_000 + i128::from(rest))
}
