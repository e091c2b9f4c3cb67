//! The transformer: embeddings and layers.

use tch::{TchError, Tensor};

use crate::embeddings::Embeddings;
use crate::layer::Layer;
use crate::{EncoderConfig, Mode, ModelError, TokenBatch, Weights};

/// A BERT-class encoder, equal to `transformers.BertModel(add_pooling_layer=False)` on the same weights.
#[derive(Debug)]
pub struct Encoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Builds the network over named weights; fails where a tensor is missing or of another shape.
    pub fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self, ModelError> {
        Ok(Self {
            embeddings: Embeddings::new(weights, config)?,
            layers: (0..config.num_hidden_layers)
                .map(|position| Layer::new(weights, position, config))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Last hidden state, (B, L, H). Rows that are padding hold values without meaning.
    pub fn forward(&self, batch: &TokenBatch, mode: Mode) -> Result<Tensor, TchError> {
        let bias = batch.attention_bias()?;
        let mut x = self.embeddings.forward(batch.ids(), mode)?;
        for layer in &self.layers {
            x = layer.forward(&x, bias.as_ref(), mode)?;
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests;
