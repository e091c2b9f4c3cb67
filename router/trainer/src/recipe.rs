//! What to make: the recipe file of an expert.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use units::ExpertId;

/// How one expert is made. Paths in it are relative: data files to the data folder, answers to the recipe's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The expert's id.
    pub id: ExpertId,
    /// The expert's version.
    pub version: String,
    /// The name people read.
    pub name: String,
    /// The field it knows.
    pub domain: String,
    /// What it is good for.
    pub summary: String,
    /// Licence of the result, as an SPDX expression.
    pub licence: String,
    /// Seed of heads, dropout and batch order.
    pub seed: u64,
    /// The network to make.
    pub student: StudentRecipe,
    /// How to fit it.
    pub training: TrainingRecipe,
    /// What it learns.
    #[serde(rename = "task")]
    pub tasks: Vec<TaskRecipe>,
    /// Folder of the recipe file.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// The network to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentRecipe {
    /// Layers of the base model to keep, from 0, in order.
    pub layers: Vec<i64>,
    /// Most tokens in the vocabulary.
    pub vocabulary: usize,
    /// Longest input in tokens; longer texts are cut.
    pub context_tokens: usize,
}

/// How to fit the network.
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
    /// Share of the target spread over all labels, in `[0, 1)`.
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
    /// bfloat16: twice as fast on a CPU with AVX-512 bf16, slower on others.
    Bf16,
}

/// One task to learn.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskRecipe {
    /// The task's id.
    pub id: String,
    /// What is decided, for people.
    pub title: String,
    /// The labels and their answers: a file relative to the recipe's folder.
    pub answers: PathBuf,
    /// The label that means out of scope.
    #[serde(default)]
    pub out_of_scope_label: Option<String>,
    /// How much in-scope dev accuracy the reject threshold may cost, in `[0, 1)`; absent makes no threshold.
    #[serde(default)]
    pub reject_cost: Option<f64>,
    /// Where the rows are.
    pub source: Source,
}

/// Where the rows of a task are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the data set.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// A CSV file relative to the data folder.
    pub file: PathBuf,
    /// Column of the text.
    pub text_column: String,
    /// Column of the label.
    pub label_column: String,
    /// How rows are split.
    pub split: Split,
}

/// How rows are split into train and dev.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "by")]
pub enum Split {
    /// A column says `train` or `dev`.
    Column {
        /// The column's name.
        column: String,
    },
    /// A row is dev where the first 8 bytes of SHA-256 of the column's text, as a big-endian number, leave a
    /// remainder below `dev_percent` when divided by 100.
    Hash {
        /// The column's name.
        column: String,
        /// Expected share of dev rows, in percent.
        dev_percent: u64,
    },
}

impl Recipe {
    /// Reads and checks a recipe file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
        let mut recipe: Self = toml::from_str(&text).with_context(|| format!("{name}"))?;
        recipe.folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        recipe.check().with_context(|| format!("{name}"))?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        let StudentRecipe {
            layers,
            vocabulary,
            context_tokens,
        } = &self.student;
        ensure!(!layers.is_empty(), "student.layers: expected at least one");
        ensure!(
            *vocabulary >= 1_000,
            "student.vocabulary: expected at least 1000"
        );
        ensure!(
            *context_tokens >= 8,
            "student.context_tokens: expected at least 8"
        );
        let t = &self.training;
        ensure!(
            t.cut_tokens >= 8,
            "training.cut_tokens: expected at least 8"
        );
        ensure!(
            t.epochs > 0 && t.batch > 0,
            "training.epochs, training.batch: expected at least 1"
        );
        for (key, value) in [
            ("warmup", t.warmup),
            ("dropout", t.dropout),
            ("label_smoothing", t.label_smoothing),
        ] {
            ensure!(
                (0.0..1.0).contains(&value),
                "training.{key}: expected 0 to below 1"
            );
        }
        for (key, value) in [
            ("learning_rate", t.learning_rate),
            ("head_learning_rate", t.head_learning_rate),
            ("clip", t.clip),
        ] {
            ensure!(
                value > 0.0 && value.is_finite(),
                "training.{key}: expected above 0"
            );
        }
        ensure!(!self.tasks.is_empty(), "task: expected at least one");
        for task in &self.tasks {
            if let Some(cost) = task.reject_cost {
                ensure!(
                    (0.0..1.0).contains(&cost),
                    "task.{}.reject_cost: expected 0 to below 1",
                    task.id
                );
            }
        }
        Ok(())
    }

    /// One line for the card: what was done with which settings.
    pub fn in_one_line(&self) -> String {
        let StudentRecipe {
            layers,
            vocabulary,
            context_tokens,
        } = &self.student;
        let t = &self.training;
        format!(
            "layers {layers:?} of the base, vocabulary cut to at most {vocabulary}, {context_tokens} tokens of \
             context; fine-tuned on labels: AdamW, peak rate {:e} (heads {:e}), batch {}, up to {} epochs with warm-up \
             {} and cosine decay, dropout {}, label smoothing {}, gradient norm {}, texts cut at {} tokens, {:?} learn, \
             {:?} arithmetic; best dev epoch kept",
            t.learning_rate,
            t.head_learning_rate,
            t.batch,
            t.epochs,
            t.warmup,
            t.dropout,
            t.label_smoothing,
            t.clip,
            t.cut_tokens,
            t.learns,
            t.precision,
        )
    }
}

#[cfg(test)]
mod tests;
