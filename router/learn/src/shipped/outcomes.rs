//! What the experts did: one JSON line for each answered row, one file for each expert.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shipped::labels::Expert;

/// One answered row. Fields that the gate does not need are read over.
#[derive(Debug, Clone, Deserialize)]
pub struct Outcome {
    /// The task.
    pub task: String,
    /// What was asked.
    pub text: String,
    /// Whether the answer was right; for a row outside the task's labels, whether it was rejected.
    pub correct: bool,
    /// Output tokens, where they were counted.
    #[serde(default)]
    pub output_tokens: Option<u64>,
    /// Time to answer in ns, where it was taken.
    #[serde(default)]
    pub latency_ns: Option<u64>,
}

/// The outcomes of all experts.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// For each expert, by its position: outcomes by text.
    by_expert: Vec<HashMap<String, Outcome>>,
    /// SHA-256 and rows of each file read, by expert.
    pub files: Vec<(String, String, usize)>,
}

impl Outcomes {
    /// Whether this expert has any.
    pub fn has(&self, expert: usize) -> bool {
        self.by_expert
            .get(expert)
            .is_some_and(|map| !map.is_empty())
    }

    /// What an expert did with a text.
    pub fn of(&self, expert: usize, text: &str) -> Option<&Outcome> {
        self.by_expert.get(expert)?.get(text.trim())
    }
}

/// Reads `<expert>.jsonl` for each expert that has one. A file of an expert without a card is an error.
pub fn read(folder: &Path, experts: &[Expert]) -> Result<Outcomes> {
    use sha2::{Digest, Sha256};
    let mut outcomes = Outcomes {
        by_expert: vec![HashMap::new(); experts.len()],
        files: Vec::new(),
    };
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .with_context(|| folder.display().to_string())?;
    paths.sort();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
    {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let Some(expert) = experts.iter().position(|expert| expert.id.as_str() == name) else {
            bail!("{}: no expert has the id {name:?}", path.display());
        };
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let Some(map) = outcomes.by_expert.get_mut(expert) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{}: line {}", path.display(), number + 1);
            let outcome: Outcome = serde_json::from_str(line).with_context(place)?;
            map.insert(outcome.text.trim().to_owned(), outcome);
        }
        let hash = crate::table::hex(&Sha256::digest(text.as_bytes()));
        outcomes.files.push((name.into_owned(), hash, map.len()));
    }
    Ok(outcomes)
}
