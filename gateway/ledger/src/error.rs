//! What the arithmetic refuses.

use units::MoneyError;

/// Why an amount cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A sum or product does not fit: the inputs are wrong by many orders of magnitude.
    #[error("amount is out of range")]
    Overflow,
    /// A cost below nothing is never split; reverse its lines instead.
    #[error("a negative cost cannot be allocated")]
    Negative,
    /// A cost has nobody to carry it.
    #[error("a cost of {0} has no weight to carry it")]
    NoWeight(units::Pico),
    /// A price list contradicts itself; fix the configuration.
    #[error("{subject} has two prices for {meter} from the same instant")]
    DuplicateRate {
        /// Whose price.
        subject: String,
        /// Which meter.
        meter: &'static str,
    },
    /// A price per nothing, or below nothing; fix the configuration.
    #[error("a price must be at least 0, per at least 1 unit")]
    BadPrice,
    /// Not a month.
    #[error("{0} is no month: expected such as 2026-11")]
    Month(String),
    /// Not the name of a line.
    #[error("{0} is no line: expected 32 hexadecimal digits")]
    LineId(String),
}

impl From<MoneyError> for LedgerError {
    fn from(_: MoneyError) -> Self {
        Self::Overflow
    }
}
