//! Rows of CSV and JSON lines files: the columns somebody asks for, with the line each row starts at.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::data::hex;

/// What a row holds in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text; of a number or a truth value its digits or word.
    Text(String),
    /// A list of texts, which only JSON lines have.
    List(Vec<String>),
}

impl Cell {
    /// One text: a list is joined by spaces.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::List(list) => list.join(" "),
        }
    }
}

/// A row: its line in the file, counted from 1, and the wanted columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The line it starts at.
    pub line: u64,
    /// The wanted columns, in the order they were asked for.
    pub cells: Vec<Cell>,
}

/// A file, read once.
#[derive(Debug)]
pub struct Table {
    name: String,
    bytes: Vec<u8>,
    json: bool,
}

impl Table {
    /// Reads a file; JSON lines by the ending `.jsonl` or by a first sign `{`, else CSV.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot read"))?;
        let json = path.extension().is_some_and(|end| end == "jsonl")
            || bytes.trim_ascii_start().first() == Some(&b'{');
        Ok(Self { name, bytes, json })
    }

    /// SHA-256 of the file, lower-case hex.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// The columns: of CSV the header, of JSON lines the keys of the first line.
    pub fn columns(&self) -> Result<Vec<String>> {
        if !self.json {
            let mut reader = csv::Reader::from_reader(self.bytes.as_slice());
            let header = reader.headers().with_context(|| self.name.clone())?;
            return Ok(header.iter().map(str::to_owned).collect());
        }
        match self.lines()?.next() {
            Some((number, line)) => {
                let object = self.object(number, line)?;
                Ok(object.keys().cloned().collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// The wanted columns of each row. A missing column and a malformed row are errors that name file and line.
    pub fn rows(&self, columns: &[&str]) -> Result<Vec<TableRow>> {
        if self.json {
            let row = |(number, line)| self.json_row(number, line, columns);
            return self.lines()?.map(row).collect();
        }
        let mut reader = csv::Reader::from_reader(self.bytes.as_slice());
        let header = reader.headers().with_context(|| self.name.clone())?.clone();
        let position = |column: &&str| {
            let found = header.iter().position(|name| name == *column);
            found.ok_or_else(|| anyhow!("{}: no column {column:?}", self.name))
        };
        let positions = columns.iter().map(position).collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.with_context(|| self.name.clone())?;
            let cell = |&at: &usize| Cell::Text(record.get(at).unwrap_or_default().to_owned());
            rows.push(TableRow {
                line: record.position().map_or(0, csv::Position::line),
                cells: positions.iter().map(cell).collect(),
            });
        }
        Ok(rows)
    }

    /// The lines of a JSON lines file that hold something, with their numbers from 1.
    fn lines(&self) -> Result<impl Iterator<Item = (u64, &str)>> {
        let text = std::str::from_utf8(&self.bytes);
        let text = text.with_context(|| format!("{}: not UTF-8", self.name))?;
        let numbered = (1u64..).zip(text.lines());
        Ok(numbered.filter(|(_, line)| !line.trim().is_empty()))
    }

    fn object(&self, number: u64, line: &str) -> Result<serde_json::Map<String, Value>> {
        serde_json::from_str(line).with_context(|| format!("{}: line {number}", self.name))
    }

    fn json_row(&self, number: u64, line: &str, columns: &[&str]) -> Result<TableRow> {
        let object = self.object(number, line)?;
        let place = || format!("{}: line {number}", self.name);
        let mut cells = Vec::with_capacity(columns.len());
        for column in columns {
            let value = object.get(*column).cloned();
            let value = value.ok_or_else(|| anyhow!("{}: no column {column:?}", place()))?;
            cells.push(cell(value).with_context(|| format!("{}: {column}", place()))?);
        }
        Ok(TableRow {
            line: number,
            cells,
        })
    }
}

fn cell(value: Value) -> Result<Cell> {
    Ok(match value {
        Value::String(text) => Cell::Text(text),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::Bool(truth) => Cell::Text(truth.to_string()),
        Value::Array(items) => {
            let text = |item: Value| match item {
                Value::String(text) => Ok(text),
                other => Err(anyhow!("expected a list of texts, found {other} in it")),
            };
            Cell::List(items.into_iter().map(text).collect::<Result<_>>()?)
        }
        other => bail!("expected a text or a list of texts, found {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{Cell, Table};

    fn table(name: &str, text: &str) -> (tempfile::TempDir, Table) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let table = Table::open(&path).unwrap();
        (folder, table)
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn columns_come_in_the_order_asked() {
        let (_kept, csv) = table("rows.csv", "a,b,c\n1,2,3\n4,\"5\n5\",6\n7,8,9\n");
        let rows = csv.rows(&["c", "a"]).unwrap();
        assert_eq!(rows[0].cells, [text("3"), text("1")]);
        let lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 5]);
        assert_eq!(csv.columns().unwrap(), ["a", "b", "c"]);

        let lines = "{\"a\":\"x\",\"n\":3}\n\n{\"a\":\"y\",\"n\":4}\n";
        let (_kept, json) = table("rows.jsonl", lines);
        let rows = json.rows(&["n", "a"]).unwrap();
        assert_eq!(rows[1].cells, [text("4"), text("y")]);
        assert_eq!(rows[1].line, 3);
        assert_eq!(json.columns().unwrap(), ["a", "n"]);
    }

    #[test]
    fn lists_are_lists_and_join_with_spaces() {
        let (_kept, json) = table("rows.jsonl", "{\"l\":[\"a\",\"b\"]}\n");
        let rows = json.rows(&["l"]).unwrap();
        let cell = rows[0].cells[0].clone();
        assert_eq!(cell, Cell::List(vec!["a".into(), "b".into()]));
        assert_eq!(cell.into_text(), "a b");
    }

    #[test]
    fn errors_name_file_and_line() {
        for (name, content, part) in [
            ("r.csv", "a\n1\n", "r.csv: no column \"b\""),
            ("r.csv", "a,b\n1\n", "r.csv"),
            (
                "r.jsonl",
                "{\"b\":\"1\"}\n{\"a\":\"1\"}\n",
                "r.jsonl: line 2: no column \"b\"",
            ),
            ("r.jsonl", "{\"b\":\"1\"}\n{\"b\":", "r.jsonl: line 2"),
            (
                "r.jsonl",
                "{\"b\":{}}\n",
                "r.jsonl: line 1: b: expected a text",
            ),
            (
                "r.jsonl",
                "{\"b\":[1]}\n",
                "r.jsonl: line 1: b: expected a list of texts",
            ),
        ] {
            let (_kept, table) = table(name, content);
            let error = format!("{:#}", table.rows(&["b"]).expect_err(part));
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn json_lines_are_known_by_their_first_sign() {
        let (_kept, table) = table("rows.txt", "{\"a\":\"x\"}\n");
        assert_eq!(table.rows(&["a"]).unwrap()[0].cells, [text("x")]);
    }
}
