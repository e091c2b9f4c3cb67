//! The network's sizes, as `config.json` gives them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The part of a Hugging Face `config.json` that a BERT-class encoder needs. Other keys are ignored when read, since
/// every version of `transformers` writes its own; keys that would change the arithmetic are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Always `["BertModel"]` when written.
    #[serde(default = "architectures")]
    pub architectures: Vec<String>,
    /// Must be `bert`.
    pub model_type: String,
    /// Must be `gelu`, the exact one.
    pub hidden_act: String,
    /// Must be `absolute`.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// H, the hidden width.
    pub hidden_size: i64,
    /// Transformer layers.
    pub num_hidden_layers: i64,
    /// N, the attention heads; divides H.
    pub num_attention_heads: i64,
    /// Width inside the position-wise network.
    pub intermediate_size: i64,
    /// Tokens in the vocabulary.
    pub vocab_size: i64,
    /// Longest input in tokens.
    pub max_position_embeddings: i64,
    /// Segments.
    pub type_vocab_size: i64,
    /// Added to the variance in layer normalisation.
    pub layer_norm_eps: f64,
    /// The token that fills short rows.
    #[serde(default)]
    pub pad_token_id: i64,
}

fn architectures() -> Vec<String> {
    vec!["BertModel".into()]
}

fn absolute() -> String {
    "absolute".into()
}

impl EncoderConfig {
    /// Reads and checks a `config.json`.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io {
            path: path.to_path_buf(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(io)?;
        let config: Self = serde_json::from_str(&text).map_err(|error| ModelError::Malformed {
            path: path.to_path_buf(),
            message: error.to_string(),
        })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ModelError> {
        let wrong = |field: &str, message: String| {
            Err(ModelError::Field {
                path: path.to_path_buf(),
                field: field.into(),
                message,
            })
        };
        for (field, found, expected) in [
            ("model_type", &self.model_type, "bert"),
            ("hidden_act", &self.hidden_act, "gelu"),
            (
                "position_embedding_type",
                &self.position_embedding_type,
                "absolute",
            ),
        ] {
            if found != expected {
                return wrong(field, format!("expected {expected:?}, found {found:?}"));
            }
        }
        // Bounds far above any BERT-class network keep a damaged file from asking for absurd memory.
        for (field, size, most) in [
            ("hidden_size", self.hidden_size, 65_536),
            ("num_hidden_layers", self.num_hidden_layers, 1_024),
            ("num_attention_heads", self.num_attention_heads, 1_024),
            ("intermediate_size", self.intermediate_size, 1_048_576),
            ("vocab_size", self.vocab_size, 4_194_304),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                1_048_576,
            ),
            ("type_vocab_size", self.type_vocab_size, 1_024),
        ] {
            if !(1..=most).contains(&size) {
                return wrong(field, format!("expected 1 to {most}, found {size}"));
            }
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            let heads = self.num_attention_heads;
            return wrong(
                "hidden_size",
                format!("expected a multiple of the {heads} heads"),
            );
        }
        if !(0..self.vocab_size).contains(&self.pad_token_id) {
            return wrong("pad_token_id", "expected a token of the vocabulary".into());
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return wrong("layer_norm_eps", "expected a number above 0".into());
        }
        Ok(())
    }
}
