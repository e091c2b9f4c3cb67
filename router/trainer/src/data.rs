//! Labelled rows from CSV and JSON lines files, split into train and dev.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use expert_card::{Choice, DataSource, LABEL_SEPARATOR, Label, NO_LABEL};
use sha2::{Digest, Sha256};

mod variants;

use crate::answers::Answers;
use crate::recipe::{Source, Split, TaskRecipe, Unlabelled};
use crate::table::{Cell, Table};

/// A labelled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The text.
    pub text: String,
    /// Positions of its labels in order. Where labels exclude each other: one, or each label that the rows of this text
    /// have, as often as they have it. Else those that apply, perhaps none.
    pub labels: Vec<usize>,
}

/// The rows of one task.
#[derive(Debug, Clone, Default)]
pub struct TaskData {
    /// Rows to learn from.
    pub train: Vec<Row>,
    /// Rows to measure on.
    pub dev: Vec<Row>,
    /// Texts without labels.
    pub unlabelled: Vec<String>,
    /// The files, with their licences and the rows learned from.
    pub sources: Vec<DataSource>,
}

/// Reads a task's rows. A label without an answer, and an answer whose label never occurs in train, are errors.
pub fn read(
    folder: &Path,
    recipes: &Path,
    task: &TaskRecipe,
    answers: &Answers,
) -> Result<TaskData> {
    let mut data = labelled(folder, &task.source, task.choice, answers)?;
    for extra in &task.extra {
        let table = Table::open(&recipes.join(&extra.file))?;
        let name = recipes.join(&extra.file).display().to_string();
        let before = data.train.len();
        for row in table.rows(&["text", "labels"])? {
            let place = || format!("{name}: line {}", row.line);
            let [text, labels] = cells(row.cells.clone()).with_context(place)?;
            let labels = labels_of(labels, task.choice, &answers.labels).with_context(place)?;
            let text = text.into_text();
            data.train.push(Row { text, labels });
        }
        let (licence, rows) = (extra.licence.clone(), data.train.len() - before);
        data.sources
            .push(source(&extra.name, licence, &table, rows));
    }
    if task.choice == Choice::One {
        data.train = merged(data.train);
    }
    for unlabelled in &task.unlabelled {
        let table = Table::open(&folder.join(&unlabelled.file))?;
        let before = data.unlabelled.len();
        data.unlabelled.extend(texts(&table, unlabelled)?);
        let (licence, rows) = (unlabelled.licence.clone(), data.unlabelled.len() - before);
        data.sources
            .push(source(&unlabelled.name, licence, &table, rows));
    }
    let known: Vec<&str> = data.train.iter().map(|row| row.text.as_str()).collect();
    let variants = variants::of(&known, task.variants);
    data.unlabelled.extend(variants);
    for (at, label) in answers.labels.iter().enumerate() {
        let seen = data.train.iter().any(|row| row.labels.contains(&at));
        ensure!(
            seen,
            "{}: label {:?} never occurs in train",
            folder.join(&task.source.file).display(),
            label.name
        );
    }
    Ok(data)
}

fn labelled(folder: &Path, wanted: &Source, choice: Choice, answers: &Answers) -> Result<TaskData> {
    let path = folder.join(&wanted.file);
    let name = path.display();
    let table = Table::open(&path)?;
    let mut data = TaskData::default();
    let (Split::Column { column } | Split::Hash { column, .. }) = &wanted.split;
    let columns = [wanted.text_column.as_str(), &wanted.label_column, column];
    for row in table.rows(&columns)? {
        let place = || format!("{name}: line {}", row.line);
        let [text, labels, split] = cells(row.cells.clone()).with_context(place)?;
        let labels = labels_of(labels, choice, &answers.labels).with_context(place)?;
        let row = Row {
            text: text.into_text(),
            labels,
        };
        if is_dev(&wanted.split, &split.into_text()).with_context(place)? {
            data.dev.push(row);
        } else {
            data.train.push(row);
        }
    }
    ensure!(!data.dev.is_empty(), "{name}: no dev rows");
    let (licence, rows) = (wanted.licence.clone(), data.train.len());
    data.sources
        .push(source(&wanted.name, licence, &table, rows));
    Ok(data)
}

fn source(name: &str, licence: String, table: &Table, rows: usize) -> DataSource {
    DataSource {
        name: name.to_owned(),
        licence,
        sha256: table.sha256(),
        rows,
    }
}

/// Rows of one text as one row, at the place of the first: where labels exclude each other and yet one text has
/// several, each is as right as it is frequent.
fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let place = *places.entry(row.text.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(known) => {
                known.labels.extend(row.labels);
                known.labels.sort_unstable();
            }
            None => merged.push(row),
        }
    }
    merged
}

fn texts(table: &Table, wanted: &Unlabelled) -> Result<Vec<String>> {
    let mut columns = vec![wanted.text_column.as_str()];
    columns.extend(wanted.only.iter().map(|only| only.column.as_str()));
    let mut found = Vec::new();
    for row in table.rows(&columns)? {
        let mut cells = row.cells.into_iter();
        let (text, condition) = (cells.next(), cells.next());
        let is = condition.map(Cell::into_text);
        if wanted
            .only
            .as_ref()
            .is_none_or(|only| is.as_ref() == Some(&only.is))
        {
            found.extend(text.map(Cell::into_text));
        }
    }
    found.retain(|text| !text.trim().is_empty());
    found.truncate(wanted.most.unwrap_or(usize::MAX));
    Ok(found)
}

fn cells<const N: usize>(cells: Vec<Cell>) -> Result<[Cell; N]> {
    let found = cells.len();
    <[Cell; N]>::try_from(cells).map_err(|_| anyhow!("expected {N} columns, found {found}"))
}

/// Positions of the labels a cell names, in order. Where any number may apply, `None` is none, and a text names several
/// with commas between.
pub fn labels_of(cell: Cell, choice: Choice, known: &[Label]) -> Result<Vec<usize>> {
    let names: Vec<String> = match (cell, choice) {
        (Cell::Text(text), Choice::One) => vec![text],
        (Cell::Text(text), Choice::Any) => text.split(LABEL_SEPARATOR).map(str::to_owned).collect(),
        (Cell::List(names), _) => names,
    };
    let mut labels = Vec::with_capacity(names.len());
    for name in &names {
        if choice == Choice::Any && (name == NO_LABEL || name.is_empty()) {
            continue;
        }
        let found = known.iter().position(|label| label.name == *name);
        labels.push(found.ok_or_else(|| anyhow!("label {name:?} has no answer"))?);
    }
    labels.sort_unstable();
    labels.dedup();
    if choice == Choice::One && labels.len() != 1 {
        bail!("expected one label, found {names:?}");
    }
    Ok(labels)
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
