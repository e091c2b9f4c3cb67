//! Labelled rows from CSV files, split into train and dev.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use crate::answers::Answers;
use crate::recipe::{Source, Split};

/// A labelled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The text.
    pub text: String,
    /// Position of its label.
    pub label: usize,
}

/// The rows of one task.
#[derive(Debug, Clone)]
pub struct TaskData {
    /// Rows to learn from.
    pub train: Vec<Row>,
    /// Rows to measure on.
    pub dev: Vec<Row>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// Reads a task's rows. A label without an answer, and an answer whose label never occurs in train, are errors.
pub fn read(folder: &Path, source: &Source, answers: &Answers) -> Result<TaskData> {
    let path = folder.join(&source.file);
    let name = path.display();
    let bytes = std::fs::read(&path).with_context(|| format!("{name}: cannot read"))?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let mut data = TaskData {
        train: Vec::new(),
        dev: Vec::new(),
        sha256,
    };
    let split_column = match &source.split {
        Split::Column { column } | Split::Hash { column, .. } => column,
    };
    let columns = [&source.text_column, &source.label_column, split_column];
    let mut seen = vec![false; answers.labels.len()];
    let records = records(bytes.as_slice(), columns.map(String::as_str));
    for (line, [text, label, split]) in records.with_context(|| format!("{name}"))? {
        let label = answers
            .position(&label)
            .ok_or_else(|| anyhow!("{name}: line {line}: label {label:?} has no answer"))?;
        let row = Row { text, label };
        if is_dev(&source.split, &split).with_context(|| format!("{name}: line {line}"))? {
            data.dev.push(row);
        } else {
            if let Some(slot) = seen.get_mut(label) {
                *slot = true;
            }
            data.train.push(row);
        }
    }
    for (label, seen) in answers.labels.iter().zip(seen) {
        ensure!(seen, "{name}: label {:?} never occurs in train", label.name);
    }
    ensure!(!data.dev.is_empty(), "{name}: no dev rows");
    Ok(data)
}

/// A CSV record: its line and the wanted columns.
pub type Record<const N: usize> = (u64, [String; N]);

/// The wanted columns of each CSV record. Fails on a missing column or a malformed record.
pub fn records<const N: usize>(input: impl Read, columns: [&str; N]) -> Result<Vec<Record<N>>> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers()?.clone();
    let mut positions = [0; N];
    for (position, column) in positions.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name == column);
        *position = found.ok_or_else(|| anyhow!("no column {column:?}"))?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push((
            line,
            positions.map(|p| record.get(p).unwrap_or_default().to_owned()),
        ));
    }
    Ok(rows)
}

/// Whether a row is dev by what its split column says.
pub(crate) fn is_dev(split: &Split, value: &str) -> Result<bool> {
    match split {
        Split::Column { column } => match value {
            "train" => Ok(false),
            "dev" => Ok(true),
            other => bail!("{column}: expected train or dev, found {other:?}"),
        },
        Split::Hash { dev_percent, .. } => {
            let digest = Sha256::digest(value.as_bytes());
            let number = digest
                .iter()
                .take(8)
                .fold(0u64, |n, &byte| n << 8 | u64::from(byte));
            Ok(number % 100 < *dev_percent)
        }
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
