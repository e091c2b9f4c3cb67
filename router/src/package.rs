//! The gate package: `gate.json` (what the gate is) and `gate.safetensors` (its weights), read, checked and written.

mod check;
mod manifest;
mod tensors;
mod weights;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use units::ScenarioId;

use crate::error::GateError;
use crate::features::{DENSE, DIM};
pub use manifest::{
    Calibration, ExpertEntry, Manifest, Platt, Prior, PriorKey, PriorRow, Source, Spec, Training,
};
pub use weights::{Linear, Weights, Wide};

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
