//! `gate.json` as types.

use serde::{Deserialize, Serialize};
use units::{ExpertId, ScenarioId};

use super::HIDDEN;
use crate::features::{DENSE_NAMES, DIM, FEATURE_VERSION};

/// `gate.json`: what the gate is, on what it was trained and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file's form: 2, or 1 for a gate without a wide part.
    pub schema: u32,
    /// Name of the gate.
    pub name: String,
    /// Version of the gate, such as `0.1.0`.
    pub version: String,
    /// How features are made.
    pub features: Spec,
    /// Domains, in the order of the domain head.
    pub domains: Vec<String>,
    /// Scenarios, in the order of the scenario head; `unassigned` is one of them.
    pub scenarios: Vec<ScenarioId>,
    /// A likeliest scenario below this probability is `unassigned`.
    pub scenario_threshold: f32,
    /// Out-of-distribution probability from here on counts as out of distribution.
    pub ood_threshold: f32,
    /// Experts, in the order of the expert vectors.
    pub experts: Vec<ExpertEntry>,
    /// What experts did per domain and scenario.
    pub prior: Prior,
    /// From raw to calibrated probability.
    pub calibration: Calibration,
    /// What it was trained on.
    pub training: Training,
    /// Figures on the dev split, for people.
    pub metrics: serde_json::Map<String, serde_json::Value>,
}

/// How features are made. All but the sizes of tables is fixed by this crate's version of the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of the feature rules.
    pub version: u32,
    /// The embedding table has `2^bucket_bits` rows.
    pub bucket_bits: u32,
    /// Width of a row.
    pub dim: usize,
    /// The table of known words has `2^known_bits` bits.
    pub known_bits: u32,
    /// Names of the numbers, in order.
    pub dense: Vec<String>,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// The wide part has `2^wide_bits` rows; 0: there is none.
    #[serde(default)]
    pub wide_bits: u32,
}

impl Spec {
    /// The rules of this crate with tables of these sizes.
    pub fn new(bucket_bits: u32, known_bits: u32) -> Self {
        Self {
            version: FEATURE_VERSION,
            bucket_bits,
            dim: DIM,
            known_bits,
            dense: DENSE_NAMES.map(str::to_owned).to_vec(),
            hidden: HIDDEN,
            wide_bits: 0,
        }
    }
}

/// One expert the gate knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertEntry {
    /// Its id.
    pub id: ExpertId,
    /// Its domain; one of the gate's.
    pub domain: String,
    /// Rows on which its quality was seen.
    pub samples: u64,
    /// Rows on which its output tokens were seen; 0: the cost head says nothing of it.
    pub output_samples: u64,
    /// Rows on which its latency was seen; 0: the latency head says nothing of it.
    pub latency_samples: u64,
}

/// The lookup prior and how it is mixed with the learned head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Rows at which a scenario's own mean weighs as much as its domain's, and the head as much as its full weight halved.
    pub strength: f32,
    /// Weight of the learned head against the lookup where samples abound, in `[0, 1]`; chosen on dev.
    pub head_weight: f32,
    /// The table.
    pub rows: Vec<PriorRow>,
}

/// What one expert did on one slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorRow {
    /// The slice.
    pub key: PriorKey,
    /// The expert.
    pub expert: ExpertId,
    /// Rows seen.
    pub n: u64,
    /// Mean quality over them, in `[0, 1]`.
    pub mean: f32,
}

/// A slice of the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorKey {
    /// Requests of a domain.
    Domain(String),
    /// Requests of a scenario.
    Scenario(ScenarioId),
    /// Requests that are out of distribution.
    OutOfDistribution,
}

/// From raw to calibrated probability of an acceptable answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Where a domain has none of its own.
    pub global: Platt,
    /// By domain name.
    pub domains: std::collections::BTreeMap<String, Platt>,
}

/// Platt scaling of a logit: `scale * logit + shift`. `scale` is above 0, so order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Factor, above 0.
    pub scale: f32,
    /// Offset.
    pub shift: f32,
}

impl Platt {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        scale: 1.0,
        shift: 0.0,
    };
}

/// What the gate was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// SHA-256 over the hashes of all sources, lower-case hex.
    pub data_sha256: String,
    /// Seed of the run.
    pub seed: u64,
    /// Rows trained on.
    pub rows: u64,
    /// Where the quality labels come from, in words.
    pub quality_labels: String,
    /// The inputs.
    pub sources: Vec<Source>,
}

/// One input of the training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the data set.
    pub name: String,
    /// Licence of the data set.
    pub licence: String,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Rows trained on.
    pub rows: u64,
}
