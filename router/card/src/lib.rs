//! The expert card: what an `expert.toml` says about an expert, parsed into checked types and written back.
//! It must not know tch, weights, workers, tenants or money: it is plain data that every part may read.

mod check;
mod error;
mod file;
mod quality;
mod task;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use units::ExpertId;

pub use error::CardError;
pub use file::CARD_FILE;
pub use quality::Quality;
pub use task::{Choice, LABEL_SEPARATOR, Label, NO_LABEL, Task};

/// The only schema version this crate reads and writes.
pub const SCHEMA: u32 = 1;

/// One expert, as its folder describes it. Values from [`ExpertCard::parse`] and [`ExpertCard::read`] are checked:
/// names are unique, probabilities lie in `[0, 1]`, and what the kind needs is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertCard {
    /// Version of this file's form; always [`SCHEMA`].
    pub schema: u32,
    /// The name requests use as `model`.
    pub id: ExpertId,
    /// Version of the weights or the component, such as `0.1.0`.
    pub version: String,
    /// The name people read.
    pub name: String,
    /// The field the expert knows, such as `finance`.
    pub domain: String,
    /// Where its answers come from.
    pub kind: ExpertKind,
    /// What it is good for, in one or two sentences.
    pub summary: String,
    /// Licence of the expert as a whole, as an SPDX expression.
    pub licence: String,
    /// What a request may ask of it.
    pub limits: Limits,
    /// Size of the network; required for [`ExpertKind::Model`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// What it was made from; required for [`ExpertKind::Model`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
    /// How it writes; a [`ExpertKind::Model`] that writes decides nothing, and the other way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Writer>,
    /// What it can decide; at least one for a [`ExpertKind::Model`] that does not write. Order is the order of the task head's outputs.
    #[serde(default, rename = "task", skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
}

/// Where an expert's answers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpertKind {
    /// Weights hosted on our workers.
    Model,
    /// A WASM component run by the gateway.
    Plugin,
    /// Any other OpenAI-compatible API.
    Remote,
}

/// What a request may ask of an expert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest input in the expert's own tokens, special tokens included. Longer texts are cut.
    pub context_tokens: usize,
}

/// How an expert writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// Tokens that it writes for one request at most, where the request does not say fewer.
    pub output_tokens: usize,
    /// Keep its matrices as 8-bit integers in memory, whatever the file holds: less to read for each token, at some loss.
    #[serde(default)]
    pub int8: bool,
}

/// Size of a hosted network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Transformer layers.
    pub layers: usize,
    /// Width of the hidden state.
    pub hidden: usize,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Parameters, heads included.
    pub params: u64,
    /// Bytes of the weights file.
    pub bytes: u64,
    /// Type of the stored weights.
    pub dtype: StoredType,
}

/// Type of the stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredType {
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// Brain floating point: the range of single precision, 8 bits of fraction. Of networks that write.
    Bf16,
    /// Matrices as 8-bit integers with a scale for each row, all else as half precision. Only our own loader reads it.
    I8,
}

/// What an expert was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Pretrained start.
    pub base: String,
    /// Licence of the pretrained start.
    pub base_licence: String,
    /// How it was trained, in one line.
    pub recipe: String,
    /// Seed of the run.
    pub seed: u64,
    /// The data sets it learned from.
    #[serde(default)]
    pub data: Vec<DataSource>,
    /// Who taught it, where somebody did.
    #[serde(default, rename = "teacher", skip_serializing_if = "Vec::is_empty")]
    pub teachers: Vec<TaughtBy>,
}

/// Somebody whose answers an expert learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaughtBy {
    /// The task taught.
    pub task: String,
    /// Who it is.
    pub name: String,
    /// Licence of the answers.
    pub licence: String,
    /// Share of dev rows it answered right, in `[0, 1]`, where it was asked about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

/// One data set an expert learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// Name of the data set.
    pub name: String,
    /// Licence of the data set.
    pub licence: String,
    /// SHA-256 of the file, in lower-case hex.
    pub sha256: String,
    /// Rows used for training, dev rows excluded.
    pub rows: usize,
}

impl ExpertCard {
    /// The position and the task of that id.
    pub fn task(&self, id: &str) -> Option<(usize, &Task)> {
        self.tasks.iter().enumerate().find(|(_, t)| t.id == id)
    }
}
