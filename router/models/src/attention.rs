//! Multi-head self-attention with its residual and normalisation.

use tch::{TchError, Tensor};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{EncoderConfig, Mode, ModelError, Weights};

/// Multi-head self-attention with its residual and normalisation.
#[derive(Debug)]
pub(crate) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm: LayerNorm,
    heads: i64,
}

impl Attention {
    /// `prefix` is `encoder.layer.<n>.attention`.
    pub(crate) fn new(
        weights: &Weights,
        prefix: &str,
        config: &EncoderConfig,
    ) -> Result<Self, ModelError> {
        let hidden = config.hidden_size;
        let square = |name: &str| Linear::new(weights, &format!("{prefix}.{name}"), hidden, hidden);
        Ok(Self {
            query: square("self.query")?,
            key: square("self.key")?,
            value: square("self.value")?,
            output: square("output.dense")?,
            norm: LayerNorm::new(weights, &format!("{prefix}.output.LayerNorm"), config)?,
            heads: config.num_attention_heads,
        })
    }

    /// x (B, L, H), bias (B, 1, 1, L) with -inf where a key is padding → (B, L, H)
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        bias: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        let (rows, length, hidden) = x.size3()?;
        let split = |y: Tensor| {
            y.f_view([rows, length, self.heads, hidden / self.heads])?
                .f_transpose(1, 2) // (B, N, L, D)
        };
        let query = split(self.query.forward(x)?)?;
        let key = split(self.key.forward(x)?)?;
        let value = split(self.value.forward(x)?)?;
        let context = Tensor::f_scaled_dot_product_attention(
            &query, &key, &value, bias, 0.0, false, None, false,
        )?; // (B, N, L, D)
        let joined = context
            .f_transpose(1, 2)?
            .f_reshape([rows, length, hidden])?;
        let output = mode.dropout(self.output.forward(&joined)?)?;
        self.norm.forward(&output.f_add(x)?)
    }
}
