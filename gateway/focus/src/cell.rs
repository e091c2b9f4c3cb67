//! What stands in one column of one row.

use units::Timestamp;

use crate::Decimal;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; JSON too.
    Text,
    /// A number.
    Number,
    /// An instant, UTC.
    Time,
}

/// What stands in one column of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing: what the specification calls null.
    Null,
    /// Text.
    Text(String),
    /// A number.
    Number(Decimal),
    /// An instant.
    Time(Timestamp),
}

impl Cell {
    /// Text that is there, or null.
    pub fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// A number that is there, or null.
    pub fn number(number: Option<Decimal>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}
