//! The gate package: `gate.json` (what the gate is) and `gate.safetensors` (its weights), read, checked and written.

mod check;
mod tensors;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use units::{ExpertId, ScenarioId};

use crate::error::GateError;
use crate::features::{DENSE, DENSE_NAMES, DIM, FEATURE_VERSION};

/// Name of the manifest inside a gate's folder.
pub const GATE_JSON: &str = "gate.json";
/// Name of the weights inside a gate's folder.
pub const GATE_TENSORS: &str = "gate.safetensors";
/// Width of the hidden layer.
pub const HIDDEN: usize = 64;
/// Width of the hidden layer's input: words, characters, context, numbers.
pub const INPUT: usize = 3 * DIM + DENSE;

/// A gate package in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// `gate.json`.
    pub manifest: Manifest,
    /// `gate.safetensors`.
    pub weights: Weights,
}

/// `gate.json`: what the gate is, on what it was trained and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file's form; always 1.
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

/// How features are made. All but `bucket_bits` and `known_bits` is fixed by this crate's version of the rules.
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
        }
    }
}

impl Package {
    /// A gate that has learned nothing and knows only a lookup table: the baseline, and a start without training.
    pub fn lookup_only(
        name: &str,
        domains: Vec<String>,
        scenarios: Vec<ScenarioId>,
        experts: Vec<ExpertEntry>,
        rows: Vec<PriorRow>,
    ) -> Self {
        let manifest = Manifest {
            schema: 1,
            name: name.to_owned(),
            version: "0.0.0".to_owned(),
            features: Spec::new(4, 4),
            domains,
            scenarios,
            scenario_threshold: 0.5,
            ood_threshold: 0.5,
            experts,
            prior: Prior {
                strength: 20.0,
                head_weight: 0.0,
                rows,
            },
            calibration: Calibration {
                global: Platt::IDENTITY,
                domains: [].into(),
            },
            training: Training {
                data_sha256: String::new(),
                seed: 0,
                rows: 0,
                quality_labels: "lookup table as given".to_owned(),
                sources: Vec::new(),
            },
            metrics: serde_json::Map::new(),
        };
        let weights = Weights::silent(&manifest);
        Self { manifest, weights }
    }

    /// Reads and checks a package. Returns it with the first 12 hex digits of the SHA-256 over both files.
    pub fn read(folder: &Path) -> Result<(Self, String), GateError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| GateError::File { path, source })
        };
        let (json, tensors) = (read(GATE_JSON)?, read(GATE_TENSORS)?);
        let package = Self::parse(folder, &json, &tensors)?;
        Ok((package, digest(&[&json, &tensors])))
    }

    /// Parses and checks the bytes of the two files; `folder` only names them in errors.
    pub fn parse(folder: &Path, json: &[u8], tensors: &[u8]) -> Result<Self, GateError> {
        let path = folder.join(GATE_JSON);
        let manifest: Manifest = serde_json::from_slice(json).map_err(|error| GateError::Form {
            path: path.clone(),
            message: error.to_string(),
        })?;
        check::manifest(&path, &manifest)?;
        let path = folder.join(GATE_TENSORS);
        let weights = tensors::parse(&path, &manifest, tensors)?;
        Ok(Self { manifest, weights })
    }

    /// Checks the package and the bytes of its two files, manifest first.
    pub fn to_bytes(&self, folder: &Path) -> Result<(Vec<u8>, Vec<u8>), GateError> {
        let path = folder.join(GATE_JSON);
        check::manifest(&path, &self.manifest)?;
        let mut json =
            serde_json::to_vec_pretty(&self.manifest).map_err(|error| GateError::Form {
                path,
                message: error.to_string(),
            })?;
        json.push(b'\n');
        let path = folder.join(GATE_TENSORS);
        let tensors = tensors::serialize(&path, &self.manifest, &self.weights)?;
        Ok((json, tensors))
    }

    /// Writes both files into a folder that exists; each is written beside and renamed, so none is ever half there.
    pub fn write(&self, folder: &Path) -> Result<(), GateError> {
        let (json, tensors) = self.to_bytes(folder)?;
        for (name, bytes) in [(GATE_TENSORS, tensors), (GATE_JSON, json)] {
            let (path, fresh) = (folder.join(name), folder.join(format!("{name}.new")));
            let failed = |path: PathBuf| |source| GateError::File { path, source };
            std::fs::write(&fresh, bytes).map_err(failed(fresh.clone()))?;
            std::fs::rename(&fresh, &path).map_err(failed(path.clone()))?;
        }
        Ok(())
    }
}

/// First 12 hex digits of the SHA-256 over some parts.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let hex: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex.chars().take(12).collect()
}
