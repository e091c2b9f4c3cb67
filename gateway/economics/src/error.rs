//! What the mathematics refuses.

/// Why a figure cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EconomicsError {
    /// A measured number is not one that can be; mend the row.
    #[error("{what}: expected {expected}, found {found}")]
    BadNumber {
        /// Which number.
        what: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// There is too little to fit to; measure more.
    #[error("{found} {what}: at least {needed} are needed")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// All rows agree in a number whose effect is asked for; vary it.
    #[error("all rows have the same {what} ({value}): its effect cannot be told")]
    NoSpread {
        /// The number that does not vary.
        what: &'static str,
        /// Its only value.
        value: f64,
    },
    /// The best fit does not get better with more of something: the rows follow no law of this form.
    #[error("the fitted exponent of {what} is {exponent}: these rows do not follow the law")]
    NoGain {
        /// What more of does not help.
        what: &'static str,
        /// The exponent found.
        exponent: f64,
    },
    /// The question lies too far outside of what was measured; measure nearer to it.
    #[error(
        "{what} {asked:.4e} is beyond ten times the measured range ({low:.4e} to {high:.4e}): the limit is {limit:.4e}"
    )]
    OutOfReach {
        /// Which number.
        what: &'static str,
        /// What was asked.
        asked: f64,
        /// Smallest measured.
        low: f64,
        /// Largest measured.
        high: f64,
        /// The nearest value that may be asked.
        limit: f64,
    },
    /// The answer lies too far outside of what was measured; measure nearer to it.
    #[error(
        "{what} {asked} lies beyond ten times the measured range: at the limit, {limit:.4e}, it is {there:.4}"
    )]
    BeyondLimit {
        /// What was asked for.
        what: &'static str,
        /// How much of it.
        asked: f64,
        /// The farthest place that may be asked.
        limit: f64,
        /// What there is of it at that place.
        there: f64,
    },
}
