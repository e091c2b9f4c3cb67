//! A task: one decision an expert can make, its labels and the answer text of each.

use serde::{Deserialize, Serialize};

use crate::Quality;

/// One decision an expert can make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Name used in requests (`metadata.task`) and in weights (`heads.<id>.*`).
    pub id: String,
    /// What is decided, for people.
    pub title: String,
    /// The logits are divided by this before the softmax, or before the sigmoid of each label; above 0.
    pub temperature: f64,
    /// A best in-scope probability below this means out of scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_threshold: Option<f64>,
    /// The label that means out of scope, where the task was trained with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_scope_label: Option<String>,
    /// The answer to an out-of-scope request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_scope_answer: Option<String>,
    /// Measured quality; absent while unmeasured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// How many labels an answer has.
    #[serde(default, skip_serializing_if = "Choice::is_one")]
    pub choice: Choice,
    /// The answer where no label fits; required where an answer may have any number of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none_answer: Option<String>,
    /// The labels in the order of the head's outputs.
    #[serde(rename = "label")]
    pub labels: Vec<Label>,
}

impl Task {
    /// The position of the label of that name.
    pub fn label_index(&self, name: &str) -> Option<usize> {
        self.labels.iter().position(|l| l.name == name)
    }
}

/// How many labels an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Exactly one: labels exclude each other.
    #[default]
    One,
    /// Any number, none included: each label is decided by itself.
    Any,
}

impl Choice {
    /// Whether labels exclude each other.
    pub fn is_one(&self) -> bool {
        *self == Self::One
    }
}

/// What stands for an answer without labels, in data files and in answers.
pub const NO_LABEL: &str = "None";

/// What stands between the labels of an answer that has several.
pub const LABEL_SEPARATOR: &str = ", ";

/// One possible outcome of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label as the training data writes it.
    pub name: String,
    /// What the expert answers when this label wins.
    pub answer: String,
    /// The probability from which on the label is part of an answer, in `[0, 1]`; required where an answer may have
    /// any number of labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}
