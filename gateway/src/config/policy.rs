//! The gate, the policy and the logs.

use std::path::PathBuf;

use serde::Deserialize;
use units::{ExpertId, Pico};

use super::experts::amount;

/// The gate package and what is done with its doubts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// Folder with `gate.safetensors` and `gate.json`.
    pub dir: PathBuf,
    /// A scenario of the tenant is recognised from this probability on.
    #[serde(default = "scenario_threshold")]
    pub scenario_threshold: f32,
}

fn scenario_threshold() -> f32 {
    0.6
}

/// How predictions become a choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// What an accepted answer is worth where the scenario does not say, in currency units.
    #[serde(deserialize_with = "amount")]
    pub value_per_task: Pico,
    /// What a second of waiting costs, in currency units.
    #[serde(deserialize_with = "amount")]
    pub value_of_second: Pico,
    /// The expert for requests that no expert knows; absent means those of the domain `general`.
    pub generalist: Option<ExpertId>,
    /// Share of requests that explore, 0 to 0.2.
    pub exploration: f32,
    /// Below this predicted quality of the best expert the generalist answers.
    pub abstain_below: f32,
    /// From this out-of-distribution probability on the generalist answers.
    pub out_of_distribution_above: f32,
    /// Experts tried for one request, the chosen one included.
    pub max_experts: usize,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            value_per_task: Pico::new(20_000_000_000),
            value_of_second: Pico::new(50_000_000),
            generalist: None,
            exploration: 0.0,
            abstain_below: 0.25,
            out_of_distribution_above: 0.8,
            max_experts: 3,
        }
    }
}

/// What is logged and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A filter such as `info` or `moegate=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}
