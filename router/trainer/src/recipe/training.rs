//! How to fit a network.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// How to fit a network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    /// Most passes over the data.
    pub epochs: usize,
    /// Rows in a step.
    pub batch: usize,
    /// Peak learning rate of the encoder.
    pub learning_rate: f64,
    /// Peak learning rate of the heads.
    pub head_learning_rate: f64,
    /// Share of all steps spent raising the rate, in `[0, 1)`.
    pub warmup: f64,
    /// Decoupled weight decay; biases and normalisations have none.
    pub weight_decay: f64,
    /// Share of activations zeroed, in `[0, 1)`.
    pub dropout: f64,
    /// Share of the gold target spread over all labels, in `[0, 1)`.
    pub label_smoothing: f64,
    /// Largest norm of a step's gradient.
    pub clip: f64,
    /// Passes without a better dev accuracy before stopping.
    pub patience: usize,
    /// Learn from at most this many tokens of each text; answers may still read the whole context.
    pub cut_tokens: usize,
    /// Which weights learn.
    pub learns: Learns,
    /// Arithmetic of the encoder while learning; variables, heads and measuring are always fp32.
    pub precision: Precision,
}

/// Which weights learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learns {
    /// All of them.
    All,
    /// All but the word embeddings: a quarter faster, and words that training never shows keep their neighbours.
    Layers,
}

/// Arithmetic of the encoder while learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    F32,
    /// bfloat16: half the memory of activations. On CPUs it may be slower than single precision, even with AVX-512
    /// bf16: measure before choosing it.
    Bf16,
}

impl TrainingRecipe {
    pub(super) fn check(&self, place: &str) -> Result<()> {
        ensure!(
            self.cut_tokens >= 8,
            "{place}.cut_tokens: expected at least 8"
        );
        ensure!(
            self.epochs > 0 && self.batch > 0,
            "{place}.epochs, {place}.batch: expected at least 1"
        );
        for (key, value) in [
            ("warmup", self.warmup),
            ("dropout", self.dropout),
            ("label_smoothing", self.label_smoothing),
        ] {
            ensure!(
                (0.0..1.0).contains(&value),
                "{place}.{key}: expected 0 to below 1"
            );
        }
        for (key, value) in [
            ("learning_rate", self.learning_rate),
            ("head_learning_rate", self.head_learning_rate),
            ("clip", self.clip),
        ] {
            ensure!(
                value > 0.0 && value.is_finite(),
                "{place}.{key}: expected above 0"
            );
        }
        Ok(())
    }

    /// For the card: how the fit was done.
    pub(super) fn in_one_line(&self) -> String {
        format!(
            "AdamW, peak rate {:e} (heads {:e}), batch {}, up to {} epochs with warm-up {} and cosine decay, dropout {}, \
             label smoothing {}, gradient norm {}, texts cut at {} tokens, {:?} learn, {:?} arithmetic; best dev epoch \
             kept",
            self.learning_rate,
            self.head_learning_rate,
            self.batch,
            self.epochs,
            self.warmup,
            self.dropout,
            self.label_smoothing,
            self.clip,
            self.cut_tokens,
            self.learns,
            self.precision,
        )
    }
}
