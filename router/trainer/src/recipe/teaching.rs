//! Who teaches a student, and how it listens.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::TrainingRecipe;

/// How a student listens to its teachers. The loss of a step is the sum of three parts by these weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distillation {
    /// Both sides are softened by this before they are compared; above 0.
    pub temperature: f64,
    /// Weight of the divergence from the teachers' probabilities, times the squared temperature (Hinton et al. 2015).
    pub soft: f64,
    /// Weight of the cross entropy with gold labels, on rows that have one.
    pub hard: f64,
    /// Weight of the cosine distance between the mean hidden states of each kept layer and of the teacher's layer it
    /// stands for; only where a teacher is a network.
    pub hidden: f64,
    /// The teacher's layers that the student's stand for, from 0; absent: those it was cut out of.
    #[serde(default)]
    pub layers: Option<Vec<i64>>,
}

/// How teachers that are networks are made: all layers of the base model, fitted to one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTeacher {
    /// Longest input in tokens.
    pub context_tokens: usize,
    /// How to fit it.
    pub training: TrainingRecipe,
}

/// One teacher of a task. Its weight says how much its probabilities count beside those of the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "kind")]
pub enum Teacher {
    /// The base model with all layers, fitted by `[teacher]`.
    Network {
        /// Its seed.
        seed: u64,
        /// Its weight.
        weight: f64,
        /// Instead of `teacher.training.epochs`.
        #[serde(default)]
        epochs: Option<usize>,
        /// Whether it is made and listened to on a GPU alone, for being too much work for a CPU.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        gpu: bool,
    },
    /// One linear classifier for each label over words and pairs of words. Says about a row only what it learned from
    /// other rows.
    Linear {
        /// Its seed.
        seed: u64,
        /// Its weight.
        weight: f64,
        /// Parts that the rows to learn from are cut into: each is judged by a classifier that did not see it.
        folds: usize,
        /// Cost of a wrong row.
        cost: f64,
    },
    /// What a remote model once answered, out of a file.
    Recorded {
        /// Its weight.
        weight: f64,
        /// Probability that its answers are given, in `(0, 1)`.
        trust: f64,
        /// JSON lines relative to the data folder.
        file: PathBuf,
        /// Who answered.
        name: String,
        /// The licence of the answers.
        licence: String,
        /// How an answer lies in a line.
        form: RecordedForm,
    },
    /// A remote model that is asked now, over the OpenAI API. Answers stay in the work folder.
    Remote(Remote),
}

/// How an answer lies in a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase", tag = "as")]
pub enum RecordedForm {
    /// The text and the answer in two fields; the answer is searched for the names of labels.
    Fields {
        /// The text's field.
        text: String,
        /// The answer's field.
        answer: String,
    },
    /// `request` and `response` of the chat API; the last message of the user holds the text.
    Chat,
}

/// A remote model that is asked over the OpenAI API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Its weight.
    pub weight: f64,
    /// Probability that its answers are given, in `(0, 1)`.
    pub trust: f64,
    /// Where the API is, such as `https://api.example.com/v1`.
    pub endpoint: String,
    /// The model's name.
    pub model: String,
    /// Variable of the environment that holds the key; absent sends none.
    #[serde(default)]
    pub key_variable: Option<String>,
    /// The licence or the terms of its answers.
    pub licence: String,
    /// What stands before the text; `{labels}` becomes the names of the labels.
    pub prompt: String,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// Most requests in a minute.
    pub per_minute: u32,
    /// Most tries of one row.
    pub tries: u32,
    /// Longest wait for one answer, in seconds.
    pub timeout_s: u64,
    /// Micro-units of the currency per 1,000 input tokens.
    pub input_price_micros: u64,
    /// Micro-units of the currency per 1,000 output tokens.
    pub output_price_micros: u64,
    /// The currency, such as `USD`.
    pub currency: String,
    /// What may be spent in all, in micro-units of the currency: no request is sent after that.
    pub most_micros: u64,
}

impl Distillation {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            self.temperature > 0.0 && self.temperature.is_finite(),
            "distillation.temperature: expected above 0"
        );
        for (key, weight) in [
            ("soft", self.soft),
            ("hard", self.hard),
            ("hidden", self.hidden),
        ] {
            ensure!(
                weight >= 0.0 && weight.is_finite(),
                "distillation.{key}: expected 0 or more"
            );
        }
        ensure!(
            self.soft + self.hard > 0.0,
            "distillation: soft and hard are both 0"
        );
        Ok(())
    }
}

impl Teacher {
    /// How much it counts beside the others.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Network { weight, .. }
            | Self::Linear { weight, .. }
            | Self::Recorded { weight, .. } => *weight,
            Self::Remote(remote) => remote.weight,
        }
    }

    /// Whether it is left out where there is no GPU.
    pub fn wants_gpu(&self) -> bool {
        matches!(self, Self::Network { gpu: true, .. })
    }

    /// What it is, in a word, for files and reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Network { .. } => "network",
            Self::Linear { .. } => "linear",
            Self::Recorded { .. } => "recorded",
            Self::Remote(_) => "remote",
        }
    }

    pub(super) fn check(&self, task: &str) -> Result<()> {
        let place = format!("task.{task}.teacher");
        let weight = self.weight();
        ensure!(
            weight >= 0.0 && weight.is_finite(),
            "{place}.weight: expected 0 or more"
        );
        let trusted = |trust: f64| {
            ensure!(
                trust > 0.0 && trust < 1.0,
                "{place}.trust: expected between 0 and 1"
            );
            Ok(())
        };
        match self {
            Self::Network { epochs, .. } => {
                ensure!(*epochs != Some(0), "{place}.epochs: expected at least 1");
            }
            Self::Linear { folds, cost, .. } => {
                ensure!(*folds >= 2, "{place}.folds: expected at least 2");
                ensure!(
                    *cost > 0.0 && cost.is_finite(),
                    "{place}.cost: expected above 0"
                );
            }
            Self::Recorded { trust, .. } => trusted(*trust)?,
            Self::Remote(remote) => {
                trusted(remote.trust)?;
                ensure!(
                    remote.per_minute > 0 && remote.tries > 0 && remote.timeout_s > 0,
                    "{place}.per_minute, tries, timeout_s: expected at least 1"
                );
            }
        }
        Ok(())
    }
}
