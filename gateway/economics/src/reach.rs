//! How far a fitted law may be trusted: ten times the measured range, and no further.

use serde::{Deserialize, Serialize};

use crate::EconomicsError;

/// A law speaks of numbers from the smallest measured one divided by this to the largest times this.
pub const REACH: f64 = 10.0;

/// The measured range of one number; both ends are above 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Smallest measured.
    pub low: f64,
    /// Largest measured.
    pub high: f64,
}

impl Span {
    /// The span of some numbers; `None` for none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |span, value| {
            let Self { low, high } = span.unwrap_or(Self {
                low: value,
                high: value,
            });
            Some(Self {
                low: low.min(value),
                high: high.max(value),
            })
        })
    }

    /// The nearest number to `value` that a law may speak of.
    pub fn nearest(&self, value: f64) -> f64 {
        value.max(self.low / REACH).min(self.high * REACH)
    }

    /// Refuses a number out of reach; not-a-number is out of reach.
    pub fn admit(&self, what: &'static str, asked: f64) -> Result<(), EconomicsError> {
        // The last bit of a sum must not decide about a number that stands exactly on the limit.
        const SLACK: f64 = 1.0 + 1e-9;
        if asked >= self.low / REACH / SLACK && asked <= self.high * REACH * SLACK {
            return Ok(());
        }
        Err(EconomicsError::OutOfReach {
            what,
            asked,
            low: self.low,
            high: self.high,
            limit: self.nearest(asked),
        })
    }
}

/// What a law of loss was fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Parameters of the models.
    pub params: Span,
    /// Tokens they saw.
    pub tokens: Span,
    /// Work to train them, counted as `6 * params * tokens`.
    pub flops: Span,
}

impl Reach {
    /// Refuses a model that is out of reach in parameters, tokens or work.
    pub fn admit(&self, params: f64, tokens: f64) -> Result<(), EconomicsError> {
        self.params.admit("params", params)?;
        self.tokens.admit("tokens", tokens)?;
        self.flops
            .admit("flops", crate::scaling::flops(params, tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, Span};

    #[test]
    fn ten_times_is_in_reach_and_no_more() {
        let span = Span::of([20.0, 3.0, 7.0]).unwrap();
        assert_eq!(
            span,
            Span {
                low: 3.0,
                high: 20.0
            }
        );
        for asked in [0.3, 5.0, 200.0] {
            assert!(span.admit("n", asked).is_ok(), "{asked}");
        }
        for asked in [0.29, 200.1, f64::NAN, f64::INFINITY, -1.0] {
            assert!(span.admit("n", asked).is_err(), "{asked}");
        }
        let error = span.admit("tokens", 500.0).unwrap_err().to_string();
        assert!(
            error.contains("tokens 5.0000e2") && error.contains("the limit is 2.0000e2"),
            "{error}"
        );
        assert_eq!(Span::of([]), None);
    }

    #[test]
    fn each_of_three_numbers_can_be_out_of_reach() {
        let span = |low, high| Span { low, high };
        let reach = Reach {
            params: span(1e6, 1e7),
            tokens: span(1e8, 1e9),
            flops: span(6e14, 6e15),
        };
        let said = |params, tokens| reach.admit(params, tokens).map_err(|e| e.to_string());
        assert_eq!(said(1e7, 1e9), Ok(()));
        assert!(said(2e8, 1e8).unwrap_err().starts_with("params"));
        assert!(said(1e7, 2e10).unwrap_err().starts_with("tokens"));
        assert!(said(9e7, 9e9).unwrap_err().starts_with("flops"));
    }
}
