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
    /// The logits are divided by this before the softmax; above 0.
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

/// One possible outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label as the training data writes it.
    pub name: String,
    /// What the expert answers when this label wins.
    pub answer: String,
}
