//! Token, position and segment embeddings, summed and normalised.

use tch::{TchError, Tensor};

use crate::layer_norm::LayerNorm;
use crate::{EncoderConfig, Mode, ModelError, Weights};

/// Token, position and segment embeddings. Every token is of segment 0: experts read one text.
#[derive(Debug)]
pub(crate) struct Embeddings {
    words: Tensor,     // (vocabulary, H)
    positions: Tensor, // (positions, H)
    segments: Tensor,  // (segments, H)
    norm: LayerNorm,
}

impl Embeddings {
    pub(crate) fn new(weights: &Weights, config: &EncoderConfig) -> Result<Self, ModelError> {
        let table = |name: &str, rows: i64| {
            weights.get(
                &format!("embeddings.{name}.weight"),
                &[rows, config.hidden_size],
            )
        };
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?,
            positions: table("position_embeddings", config.max_position_embeddings)?,
            segments: table("token_type_embeddings", config.type_vocab_size)?,
            norm: LayerNorm::new(weights, "embeddings.LayerNorm", config)?,
        })
    }

    /// ids (B, L) → (B, L, H)
    pub(crate) fn forward(&self, ids: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let (_, length) = ids.size2()?;
        let words = Tensor::f_embedding(&self.words, ids, -1, false, false)?; // (B, L, H)
        let positions = self.positions.f_narrow(0, 0, length)?; // (L, H)
        let segment = self.segments.f_narrow(0, 0, 1)?; // (1, H)
        let sum = words.f_add(&positions.f_add(&segment)?)?;
        mode.dropout(self.norm.forward(&sum)?)
    }
}
