//! The labels of a task with the answer text of each, as people write them.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use expert_card::Label;
use serde::Deserialize;

/// The labels of a task, in the order of its head, with their answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The answer to an out-of-scope request, where the task can reject.
    #[serde(default)]
    pub out_of_scope: Option<String>,
    /// The answer where no label fits, where an answer may have any number of labels.
    #[serde(default)]
    pub none: Option<String>,
    /// Labels and answers.
    #[serde(rename = "label")]
    pub labels: Vec<Label>,
}

impl Answers {
    /// Reads and checks an answers file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot read"))?;
        let answers: Self = toml::from_str(&text).with_context(|| format!("{name}"))?;
        let mut seen = HashSet::new();
        for label in &answers.labels {
            ensure!(
                seen.insert(&label.name),
                "{name}: label {:?} is there twice",
                label.name
            );
            ensure!(
                !label.answer.trim().is_empty(),
                "{name}: label {:?} has no answer",
                label.name
            );
        }
        Ok(answers)
    }

    /// The position of the label of that name.
    pub fn position(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|l| l.name == label)
    }
}
