//! `gate.safetensors` as types.

use units::ScenarioId;

use super::{HIDDEN, INPUT, Manifest};
use crate::features::{DENSE, DIM};

/// `gate.safetensors`: the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Embedding table, `2^bucket_bits` rows of integers.
    pub embedding: Vec<[i8; DIM]>,
    /// What one unit of each column of the table is worth.
    pub scale: [f32; DIM],
    /// Words known from training, one bit each.
    pub known: Vec<u8>,
    /// Hidden layer: a row for each of the [`INPUT`] inputs.
    pub input: Vec<[f32; HIDDEN]>,
    /// Bias of the hidden layer.
    pub input_bias: [f32; HIDDEN],
    /// Logit of each domain.
    pub domain: Linear,
    /// Logit of each scenario.
    pub scenario: Linear,
    /// Logit of being out of distribution; one row.
    pub ood: Linear,
    /// Logit of each expert's answer being acceptable.
    pub quality: Linear,
    /// `ln(1 + output tokens)` of each expert.
    pub cost: Linear,
    /// `ln(latency in ns)` of each expert.
    pub latency: Linear,
    /// What each token adds to the logits without the hidden layer between.
    pub wide: Option<Wide>,
}

/// The wide part: a row for each hashed token, with a column for each number it adds to: domains, then quality, cost and
/// latency of each expert. Words and pairs are summed over the root of their count, characters likewise.
#[derive(Debug, Clone, PartialEq)]
pub struct Wide {
    /// Rows of `scale.len()` integers each.
    pub rows: Vec<i8>,
    /// What one unit of each column is worth.
    pub scale: Vec<f32>,
    /// For each column, what the numbers of a request add.
    pub dense: Vec<[f32; DENSE]>,
}

impl Wide {
    /// Columns of the wide part of a gate.
    pub fn columns(manifest: &Manifest) -> usize {
        manifest.domains.len() + 3 * manifest.experts.len()
    }

    /// The row at a place; empty where there is none.
    pub fn row(&self, at: usize) -> &[i8] {
        let width = self.scale.len();
        self.rows.get(at * width..(at + 1) * width).unwrap_or(&[])
    }
}

/// A linear head over the hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// A vector for each output.
    pub rows: Vec<[f32; HIDDEN]>,
    /// A bias for each output.
    pub bias: Vec<f32>,
}

impl Linear {
    /// A head that says 0 for each of `outputs`.
    pub fn zeros(outputs: usize) -> Self {
        Self {
            rows: vec![[0.0; HIDDEN]; outputs],
            bias: vec![0.0; outputs],
        }
    }
}

impl Weights {
    /// Weights that say nothing, so that the lookup prior alone speaks.
    pub fn silent(manifest: &Manifest) -> Self {
        let experts = manifest.experts.len();
        let mut scenario = Linear::zeros(manifest.scenarios.len());
        for (bias, id) in scenario.bias.iter_mut().zip(&manifest.scenarios) {
            *bias = if *id == ScenarioId::unassigned() {
                20.0
            } else {
                0.0
            };
        }
        Self {
            embedding: vec![[0; DIM]; 1 << manifest.features.bucket_bits.min(24)],
            scale: [0.0; DIM],
            known: vec![0; (1 << manifest.features.known_bits.min(24)) / 8],
            input: vec![[0.0; HIDDEN]; INPUT],
            input_bias: [0.0; HIDDEN],
            domain: Linear::zeros(manifest.domains.len()),
            scenario,
            ood: Linear {
                bias: vec![-20.0],
                ..Linear::zeros(1)
            },
            quality: Linear::zeros(experts),
            cost: Linear::zeros(experts),
            latency: Linear::zeros(experts),
            wide: None,
        }
    }
}
