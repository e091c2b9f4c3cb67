//! One transformer layer: attention, then the position-wise network.

use tch::{TchError, Tensor};

use crate::attention::Attention;
use crate::feed_forward::FeedForward;
use crate::{EncoderConfig, Mode, ModelError, Weights};

/// One transformer layer with normalisation after each residual, as BERT has it.
#[derive(Debug)]
pub(crate) struct Layer {
    attention: Attention,
    feed_forward: FeedForward,
}

impl Layer {
    /// `position` counts from 0.
    pub(crate) fn new(
        weights: &Weights,
        position: i64,
        config: &EncoderConfig,
    ) -> Result<Self, ModelError> {
        let prefix = format!("encoder.layer.{position}");
        Ok(Self {
            attention: Attention::new(weights, &format!("{prefix}.attention"), config)?,
            feed_forward: FeedForward::new(weights, &prefix, config)?,
        })
    }

    /// x (B, L, H), bias (B, 1, 1, L) → (B, L, H)
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        bias: Option<&Tensor>,
        mode: Mode,
    ) -> Result<Tensor, TchError> {
        self.feed_forward
            .forward(&self.attention.forward(x, bias, mode)?, mode)
    }
}
