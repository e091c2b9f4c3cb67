//! The gate, the policy and the logs.

use std::path::PathBuf;

use serde::Deserialize;
use units::{ExpertId, Pico};

use super::experts::amount;

/// The gate package and what is done with its doubts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfig {
    /// Folder with `gate.safetensors` and `gate.json`: the gate until a version of the registry is made live.
    pub dir: PathBuf,
    /// Folder of retrained versions; absent: `gates` in the store's folder.
    #[serde(default)]
    pub registry: Option<PathBuf>,
    /// Decisions that are compared with the gate's training at a time, for the drift alarm.
    #[serde(default = "drift_window")]
    pub drift_window: u32,
    /// A scenario of the tenant is recognised from this probability on.
    #[serde(default = "scenario_threshold")]
    pub scenario_threshold: f32,
}

fn scenario_threshold() -> f32 {
    0.6
}

fn drift_window() -> u32 {
    500
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
    /// Share of requests that explore where the tenant does not say, 0 to 0.2.
    pub exploration: f32,
    /// How far an expert's utility may lie behind the best to be tried out, as a share of an accepted answer's value.
    pub explore_within: f32,
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
            explore_within: 0.05,
            abstain_below: 0.25,
            out_of_distribution_above: 0.8,
            max_experts: 3,
        }
    }
}

/// Who is told of what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// Where an Alertmanager takes alerts, such as `http://127.0.0.1:9093/api/v2/alerts`; absent: nobody is told, and what
    /// happened is on record.
    pub url: Option<String>,
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
