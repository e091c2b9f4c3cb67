//! Where rows come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the rows of a task are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the data set.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// A CSV file, or a JSON lines file where the name ends in `.jsonl`, relative to the data folder.
    pub file: PathBuf,
    /// Column of the text.
    pub text_column: String,
    /// Column of the label; in JSON lines it may hold a list of labels.
    pub label_column: String,
    /// How rows are split.
    pub split: Split,
}

/// Labelled rows written for an expert, all of them to learn from: a JSON lines file of `text` and `labels`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// Name of the rows.
    pub name: String,
    /// Their licence.
    pub licence: String,
    /// The file, relative to the recipe's folder.
    pub file: PathBuf,
}

/// Texts without labels for a student to learn from: its teachers label them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlabelled {
    /// Name of the data set.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// A CSV or JSON lines file relative to the data folder.
    pub file: PathBuf,
    /// Column of the text; a list in JSON lines is joined by spaces.
    pub text_column: String,
    /// Only rows whose column of that name holds that value, as `split = train`: never rows that something is
    /// measured on.
    #[serde(default)]
    pub only: Option<Only>,
    /// At most so many rows, from the start.
    #[serde(default)]
    pub most: Option<usize>,
}

/// A condition on a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// The column.
    pub column: String,
    /// What it must hold.
    pub is: String,
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
