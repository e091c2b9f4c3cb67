//! The position-wise network of a layer, with its residual and normalisation.

use tch::{TchError, Tensor};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{EncoderConfig, Mode, ModelError, Weights};

/// Two dense layers around an exact GELU, with residual and normalisation.
#[derive(Debug)]
pub(crate) struct FeedForward {
    widen: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl FeedForward {
    /// `prefix` is `encoder.layer.<n>`.
    pub(crate) fn new(
        weights: &Weights,
        prefix: &str,
        config: &EncoderConfig,
    ) -> Result<Self, ModelError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            widen: Linear::new(
                weights,
                &format!("{prefix}.intermediate.dense"),
                hidden,
                inner,
            )?,
            narrow: Linear::new(weights, &format!("{prefix}.output.dense"), inner, hidden)?,
            norm: LayerNorm::new(weights, &format!("{prefix}.output.LayerNorm"), config)?,
        })
    }

    /// (B, L, H) → (B, L, H)
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let wide = self.widen.forward(x)?.f_gelu("none")?; // (B, L, inner)
        let output = mode.dropout(self.narrow.forward(&wide)?)?;
        self.norm.forward(&output.f_add(x)?)
    }
}
