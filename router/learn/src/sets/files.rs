//! The files of a folder as rows of named fields, whatever their names: CSV with a header, or JSON lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use units::ExpertId;

use crate::LearnError;
use crate::table::{TableSource, hex};

/// The data files of a folder.
#[derive(Debug)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its CSV and JSON-lines files, by name.
    pub files: Vec<File>,
    /// Every row is for figures, whatever its split.
    pub all_report: bool,
}

/// One data file.
#[derive(Debug)]
pub struct File {
    /// Its path.
    pub path: PathBuf,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Names of its columns; of JSON lines, the keys of the first.
    pub columns: BTreeSet<String>,
    /// Its rows; a field of a CSV is a text.
    pub rows: Vec<Map<String, Value>>,
}

impl Folder {
    /// Reads every `.csv` and `.jsonl` file.
    pub fn read(folder: &Path, all_report: bool) -> Result<Self, LearnError> {
        let entries = std::fs::read_dir(folder).map_err(LearnError::file(folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(LearnError::file(folder))?.path());
        }
        paths.sort();
        let mut files = Vec::new();
        for path in paths {
            let end = path.extension().and_then(|end| end.to_str());
            let Some(end @ ("csv" | "jsonl")) = end else {
                continue;
            };
            let bytes = std::fs::read(&path).map_err(LearnError::file(&path))?;
            let rows = match end {
                "csv" => csv_rows(&path, &bytes)?,
                _ => json_rows(&path, &bytes)?,
            };
            let first = rows.first();
            files.push(File {
                columns: first.map_or_else(BTreeSet::new, |row| row.keys().cloned().collect()),
                sha256: hex(&Sha256::digest(&bytes)),
                path,
                rows,
            });
        }
        Ok(Self {
            path: folder.to_path_buf(),
            files,
            all_report,
        })
    }

    /// The files that have all of these columns; at least one.
    pub fn with(&self, columns: &[&str]) -> Result<Vec<&File>, LearnError> {
        let has = |file: &&File| columns.iter().all(|name| file.columns.contains(*name));
        let found: Vec<&File> = self.files.iter().filter(has).collect();
        if found.is_empty() {
            return Err(LearnError::Missing {
                path: self.path.clone(),
                message: format!("no file with the columns {}", columns.join(", ")),
            });
        }
        Ok(found)
    }

    /// These files as the sources of a table.
    pub fn sources(files: &[&File], licence: &str) -> Vec<TableSource> {
        let source = |file: &&File| TableSource {
            name: file
                .path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            licence: licence.to_owned(),
            sha256: file.sha256.clone(),
            cap: usize::MAX,
            rows: None,
        };
        files.iter().map(source).collect()
    }
}

impl File {
    /// Every row with the words that name its place.
    pub fn rows(&self) -> impl Iterator<Item = (String, &Map<String, Value>)> {
        let csv = self.path.extension().is_some_and(|end| end == "csv");
        let (word, first) = if csv { ("row", 2) } else { ("line", 1) };
        self.rows
            .iter()
            .enumerate()
            .map(move |(at, row)| (format!("{word} {}", at + first), row))
    }

    /// A text of a row.
    pub fn text<'a>(
        &self,
        place: &str,
        row: &'a Map<String, Value>,
        name: &str,
    ) -> Result<&'a str, LearnError> {
        let found = row.get(name).and_then(Value::as_str);
        found.ok_or_else(|| {
            LearnError::row(&self.path, format!("{place}: {name}"), "a text is expected")
        })
    }

    /// A text of a row that may be absent or empty.
    pub fn optional<'a>(&self, row: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
        row.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A number of a row: a JSON number, or the text of one.
    pub fn number(
        &self,
        place: &str,
        row: &Map<String, Value>,
        name: &str,
    ) -> Result<f64, LearnError> {
        let found = match row.get(name) {
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
            None => None,
        };
        found
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| {
                LearnError::row(
                    &self.path,
                    format!("{place}: {name}"),
                    "a number is expected",
                )
            })
    }

    /// A share of a row, in `[0, 1]`.
    pub fn share(
        &self,
        place: &str,
        row: &Map<String, Value>,
        name: &str,
    ) -> Result<f32, LearnError> {
        let number = self.number(place, row, name)?;
        if !(0.0..=1.0).contains(&number) {
            let place = format!("{place}: {name}");
            return Err(LearnError::row(&self.path, place, "must be in [0, 1]"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a share needs no 64 bits")]
        let share = number as f32;
        Ok(share)
    }

    /// A count of a row.
    pub fn count(
        &self,
        place: &str,
        row: &Map<String, Value>,
        name: &str,
    ) -> Result<u64, LearnError> {
        let number = self.number(place, row, name)?;
        if !(0.0..=1e15).contains(&number) {
            let place = format!("{place}: {name}");
            return Err(LearnError::row(&self.path, place, "must be a count"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "held between 0 and 1e15 above"
        )]
        let count = number.round() as u64;
        Ok(count)
    }
}

/// The id of a model: its name in small letters, every other sign a dot or a dash.
pub(super) fn expert_id(file: &File, place: &str, name: &str) -> Result<ExpertId, LearnError> {
    let letter = |letter: char| match letter {
        'a'..='z' | '0'..='9' | '-' | '.' => letter,
        'A'..='Z' => letter.to_ascii_lowercase(),
        '_' => '.',
        _ => '-',
    };
    let id: String = name.chars().map(letter).collect();
    ExpertId::new(&id).map_err(|error| LearnError::row(&file.path, place, error))
}

fn csv_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Map<String, Value>>, LearnError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers();
    let header = header
        .map_err(|error| LearnError::row(path, "row 1", error))?
        .clone();
    let mut rows = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record =
            record.map_err(|error| LearnError::row(path, format!("row {}", number + 2), error))?;
        let fields = header.iter().zip(record.iter());
        rows.push(
            fields
                .map(|(name, text)| (name.to_owned(), Value::from(text)))
                .collect(),
        );
    }
    Ok(rows)
}

fn json_rows(path: &Path, bytes: &[u8]) -> Result<Vec<Map<String, Value>>, LearnError> {
    let text = std::str::from_utf8(bytes).map_err(|error| LearnError::row(path, "text", error))?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str(line);
        rows.push(
            row.map_err(|error| LearnError::row(path, format!("line {}", number + 1), error))?,
        );
    }
    Ok(rows)
}
