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
        let mut last = self.embeddings.forward(batch.ids(), mode)?;
        self.through(batch, mode, &mut last, |_| Ok(()))?;
        Ok(last)
    }

    /// The hidden state after each layer, (B, L, H) each.
    pub fn states(&self, batch: &TokenBatch, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut states = Vec::with_capacity(self.layers.len());
        let mut last = self.embeddings.forward(batch.ids(), mode)?;
        self.through(batch, mode, &mut last, |state| {
            states.push(state.shallow_clone());
            Ok(())
        })?;
        Ok(states)
    }

    fn through(
        &self,
        batch: &TokenBatch,
        mode: Mode,
        x: &mut Tensor,
        mut after: impl FnMut(&Tensor) -> Result<(), TchError>,
    ) -> Result<(), TchError> {
        let bias = batch.attention_bias()?;
        for layer in &self.layers {
            *x = layer.forward(x, bias.as_ref(), mode)?;
            after(x)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
