//! Layer normalisation over the last dimension.

use tch::{TchError, Tensor};

use crate::{EncoderConfig, ModelError, Weights};

/// Layer normalisation over the hidden width.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor, // (H)
    bias: Tensor,   // (H)
    eps: f64,
}

impl LayerNorm {
    /// Takes `<prefix>.weight` and `<prefix>.bias`, both (H).
    pub(crate) fn new(
        weights: &Weights,
        prefix: &str,
        config: &EncoderConfig,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: weights.get(&format!("{prefix}.weight"), &[config.hidden_size])?,
            bias: weights.get(&format!("{prefix}.bias"), &[config.hidden_size])?,
            eps: config.layer_norm_eps,
        })
    }

    /// (…, H) → (…, H)
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            self.eps,
            true,
        )
    }
}
