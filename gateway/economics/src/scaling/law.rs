//! The law itself, and its inversions.

use serde::{Deserialize, Serialize};

use crate::{EconomicsError, Reach};

/// `L(N, D) = e + a / N^alpha + b / D^beta`, in nats per token.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// The loss that neither size nor data removes.
    pub e: f64,
    /// Weight of the model's size.
    pub a: f64,
    /// Weight of the data.
    pub b: f64,
    /// Exponent of the model's size.
    pub alpha: f64,
    /// Exponent of the data.
    pub beta: f64,
}

/// The answer to "how big a model reaches this loss on this data?".
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// A model of this many parameters.
    Params(f64),
    /// None does on this data: even the largest model needs more than this many tokens.
    NeedsTokens(f64),
    /// None does on any data: this is the loss that remains.
    BelowFloor(f64),
}

/// A model size and an amount of data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// Parameters of the model.
    pub params: f64,
    /// Tokens it sees.
    pub tokens: f64,
}

/// Work to train a model: `6 * params * tokens` (Kaplan et al. 2020).
pub fn flops(params: f64, tokens: f64) -> f64 {
    6.0 * params * tokens
}

impl Law {
    /// A law with every number finite, weights and floor at least 0, exponents above 0.
    pub fn checked(self) -> Result<Self, EconomicsError> {
        for (what, found) in [("e", self.e), ("a", self.a), ("b", self.b)] {
            if !(found.is_finite() && found >= 0.0) {
                let expected = "a finite number of at least 0";
                return Err(EconomicsError::BadNumber {
                    what,
                    expected,
                    found,
                });
            }
        }
        for (what, found) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(found.is_finite() && found > 0.0) {
                let expected = "a finite number above 0";
                return Err(EconomicsError::BadNumber {
                    what,
                    expected,
                    found,
                });
            }
        }
        Ok(self)
    }

    /// The loss of a model of `params` parameters on `tokens` tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        self.e + self.a * params.powf(-self.alpha) + self.data_term(tokens)
    }

    /// How big a model reaches `loss` on `tokens` tokens: `N = (a / (loss - e - b / D^beta))^(1 / alpha)`.
    pub fn size_for(&self, loss: f64, tokens: f64) -> Size {
        if loss <= self.e {
            return Size::BelowFloor(self.e);
        }
        let left = loss - self.e - self.data_term(tokens);
        if left > 0.0 {
            Size::Params((self.a / left).powf(self.alpha.recip()))
        } else {
            Size::NeedsTokens((self.b / (loss - self.e)).powf(self.beta.recip()))
        }
    }

    /// How many tokens a model of `params` parameters needs for `loss`; `None` where no amount is enough.
    pub fn tokens_for(&self, loss: f64, params: f64) -> Option<f64> {
        let left = loss - self.e - self.a * params.powf(-self.alpha);
        (left > 0.0).then(|| (self.b / left).powf(self.beta.recip()))
    }

    /// The split of `flops` between size and data that reaches the lowest loss (Hoffmann et al. 2022, equation 4).
    pub fn best_for_work(&self, flops: f64) -> Allocation {
        let sum = self.alpha + self.beta;
        let ratio = (self.alpha * self.a / (self.beta * self.b)).powf(sum.recip());
        let half = flops / 6.0;
        Allocation {
            params: ratio * half.powf(self.beta / sum),
            tokens: half.powf(self.alpha / sum) / ratio,
        }
    }

    /// The model and data that reach `loss` with the least work; `None` for a loss at or below the floor. There the
    /// gains of both balance, `alpha * a / N^alpha = beta * b / D^beta`.
    pub fn best_for_loss(&self, loss: f64) -> Option<Allocation> {
        let left = loss - self.e;
        let sum = self.alpha + self.beta;
        (left > 0.0).then(|| Allocation {
            params: (self.a * sum / (self.beta * left)).powf(self.alpha.recip()),
            tokens: (self.b * sum / (self.alpha * left)).powf(self.beta.recip()),
        })
    }

    /// How fast the best model grows with work: the exponent of `N` over FLOPs.
    pub fn size_exponent(&self) -> f64 {
        self.beta / (self.alpha + self.beta)
    }

    /// The loss of a model within reach of what the law was fitted on.
    pub fn loss_within(&self, reach: &Reach, at: Allocation) -> Result<f64, EconomicsError> {
        reach.admit(at.params, at.tokens)?;
        Ok(self.loss(at.params, at.tokens))
    }

    fn data_term(&self, tokens: f64) -> f64 {
        self.b * tokens.powf(-self.beta)
    }
}
