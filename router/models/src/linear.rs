//! A dense layer: `y = x Wᵀ + b`.

use tch::{TchError, Tensor};

use crate::{ModelError, Weights};

/// A dense layer.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor, // (out, in)
    bias: Tensor,   // (out)
}

impl Linear {
    /// Takes `<prefix>.weight` (out, in) and `<prefix>.bias` (out).
    pub(crate) fn new(
        weights: &Weights,
        prefix: &str,
        inputs: i64,
        outputs: i64,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: weights.get(&format!("{prefix}.weight"), &[outputs, inputs])?,
            bias: weights.get(&format!("{prefix}.bias"), &[outputs])?,
        })
    }

    /// (…, in) → (…, out)
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}
