//! Rows of token ids, padded to one length.

use tch::{Device, Kind, TchError, Tensor};

use crate::{EncoderConfig, ModelError};

/// Rows of token ids on a device, padded to the longest.
#[derive(Debug)]
pub struct TokenBatch {
    ids: Tensor,          // (B, L) i64
    keep: Option<Tensor>, // (B, L) f32, 1 for a token and 0 for padding; absent when no row is padded
}

impl TokenBatch {
    /// Pads rows of ids. Fails on no rows, an empty or too long row, or an id outside the vocabulary.
    pub fn new(
        rows: &[&[u32]],
        config: &EncoderConfig,
        device: Device,
    ) -> Result<Self, ModelError> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let shortest = rows.iter().map(|row| row.len()).min().unwrap_or(0);
        if shortest == 0 {
            return Err(ModelError::Input(
                "a batch has rows, and each row has tokens".into(),
            ));
        }
        let (count, length) = (dimension(rows.len())?, dimension(longest)?);
        if length > config.max_position_embeddings {
            return Err(ModelError::Input(format!(
                "{length} tokens are more than the {} positions of the network",
                config.max_position_embeddings
            )));
        }
        let mut ids = Vec::with_capacity(rows.len() * longest);
        let mut keep = Vec::with_capacity(rows.len() * longest);
        for row in rows {
            for &id in *row {
                let id = i64::from(id);
                if id >= config.vocab_size {
                    let size = config.vocab_size;
                    let message = format!("token {id} is outside the vocabulary of {size}");
                    return Err(ModelError::Input(message));
                }
                ids.push(id);
                keep.push(1f32);
            }
            ids.resize(ids.len() + longest - row.len(), config.pad_token_id);
            keep.resize(ids.len(), 0f32);
        }
        let shape = [count, length];
        let ids = Tensor::f_from_slice(&ids)?.f_view(shape)?.f_to(device)?;
        let keep = if shortest == longest {
            None
        } else {
            Some(Tensor::f_from_slice(&keep)?.f_view(shape)?.f_to(device)?)
        };
        Ok(Self { ids, keep })
    }

    /// Token ids, (B, L) i64.
    pub fn ids(&self) -> &Tensor {
        &self.ids
    }

    /// 1 for a token and 0 for padding, (B, L) f32; absent when no row is padded.
    pub fn keep(&self) -> Option<&Tensor> {
        self.keep.as_ref()
    }

    /// What attention adds to its scores: 0 for a token, -inf for padding, (B, 1, 1, L).
    pub(crate) fn attention_bias(&self) -> Result<Option<Tensor>, TchError> {
        let Some(keep) = &self.keep else {
            return Ok(None);
        };
        let padding = keep.f_eq(0.0)?;
        let bias = keep
            .f_zeros_like()?
            .f_masked_fill(&padding, f64::NEG_INFINITY)?;
        let (rows, length) = bias.size2()?;
        Ok(Some(
            bias.f_to_kind(Kind::Float)?.f_view([rows, 1, 1, length])?,
        ))
    }
}

fn dimension(n: usize) -> Result<i64, ModelError> {
    i64::try_from(n).map_err(|_| ModelError::Input(format!("{n} rows are too many")))
}
