//! A finished training run.

use crate::error::EconomicsError;

/// A finished training run: size, data and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    params: f64,
    tokens: f64,
    loss: f64,
    cluster: usize,
}

impl Run {
    /// A run of a model of `params` parameters on `tokens` tokens that ended at `loss`, in nats per token; all three
    /// are finite and above 0. Runs of one `cluster` are resampled together, because they are not independent:
    /// checkpoints of one training, for example.
    pub fn new(
        params: f64,
        tokens: f64,
        loss: f64,
        cluster: usize,
    ) -> Result<Self, EconomicsError> {
        for (what, found) in [("params", params), ("tokens", tokens), ("loss", loss)] {
            if !(found.is_finite() && found > 0.0) {
                return Err(EconomicsError::BadNumber {
                    what,
                    expected: "a finite number above 0",
                    found,
                });
            }
        }
        Ok(Self {
            params,
            tokens,
            loss,
            cluster,
        })
    }

    /// Parameters of the model.
    pub fn params(&self) -> f64 {
        self.params
    }

    /// Tokens it saw.
    pub fn tokens(&self) -> f64 {
        self.tokens
    }

    /// Its loss, in nats per token.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// The cluster it is resampled with.
    pub fn cluster(&self) -> usize {
        self.cluster
    }
}
