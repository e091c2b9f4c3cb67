//! A CSV file found by its columns, whose errors name file, line and column.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use crate::data::hex;

/// The rows of one CSV file.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    sha256: String,
    header: csv::StringRecord,
    records: Vec<(u64, csv::StringRecord)>,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    line: u64,
    record: &'a csv::StringRecord,
}

impl Table {
    /// Reads the CSV file at `place`; of a folder, the one file in it whose header has all of these columns.
    pub fn find(place: &Path, columns: &[&str]) -> Result<Self> {
        if !place.is_dir() {
            let table = Self::read(place)?;
            for column in columns {
                table.position(column)?;
            }
            return Ok(table);
        }
        let mut found: Option<PathBuf> = None;
        for path in csv_files(place)? {
            let header = header(&path)?;
            if !columns
                .iter()
                .all(|column| header.iter().any(|name| name == *column))
            {
                continue;
            }
            if let Some(first) = found {
                bail!(
                    "{}: {} and {} both have the columns {}: name one of them",
                    place.display(),
                    name(&first),
                    name(&path),
                    columns.join(", ")
                );
            }
            found = Some(path);
        }
        let path = found.ok_or_else(|| {
            anyhow!(
                "{}: no CSV file has the columns {}",
                place.display(),
                columns.join(", ")
            )
        })?;
        Self::read(&path)
    }

    fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = std::fs::read(path).with_context(|| format!("{name}: cannot read"))?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().with_context(|| format!("{name}"))?.clone();
        let mut records = Vec::new();
        for record in reader.records() {
            let record = record.with_context(|| format!("{name}"))?;
            records.push((record.position().map_or(0, csv::Position::line), record));
        }
        ensure!(!records.is_empty(), "{name}: no rows");
        let sha256 = hex(&Sha256::digest(&bytes));
        Ok(Self {
            path: path.to_path_buf(),
            sha256,
            header,
            records,
        })
    }

    /// Where the table was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name, without its folder.
    pub fn file_name(&self) -> String {
        name(&self.path)
    }

    /// SHA-256 of the file, lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether it has this column.
    pub fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// Its rows.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.records.iter().map(|(line, record)| Row {
            table: self,
            line: *line,
            record,
        })
    }

    fn position(&self, column: &str) -> Result<usize> {
        let found = self.header.iter().position(|name| name == column);
        found.ok_or_else(|| anyhow!("{}: no column {column:?}", self.path.display()))
    }
}

impl<'a> Row<'a> {
    /// The text of a column.
    pub fn text(&self, column: &str) -> Result<&'a str> {
        let position = self.table.position(column)?;
        Ok(self.record.get(position).unwrap_or_default())
    }

    /// The number in a column; may be infinite or not a number where the text says so.
    pub fn number(&self, column: &str) -> Result<f64> {
        let text = self.text(column)?;
        let number = text.trim().parse();
        number.map_err(|_| self.wrong(&format!("{column}: expected a number, found {text:?}")))
    }

    /// An error about this row.
    pub fn wrong(&self, what: &str) -> anyhow::Error {
        anyhow!("{}: line {}: {what}", self.table.path.display(), self.line)
    }
}

fn csv_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("{}", folder.display()))?
            .path();
        if path.extension().is_some_and(|end| end == "csv") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn header(path: &Path) -> Result<csv::StringRecord> {
    let name = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("{name}"))?;
    Ok(reader.headers().with_context(|| format!("{name}"))?.clone())
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_file_is_found_by_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.csv", "x,y\n1,2\n");
        write("b.csv", "y,z,x\n1,\"two\n2\",3\n4,5,six\n");
        write("c.txt", "x,y,z\n");
        let table = Table::find(folder.path(), &["x", "z"]).unwrap();
        assert_eq!(table.file_name(), "b.csv");
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows[0].text("z").unwrap(), "two\n2");
        assert!((rows[0].number("x").unwrap() - 3.0).abs() < f64::EPSILON);
        let error = rows[1].number("x").unwrap_err().to_string();
        assert!(
            error.ends_with("b.csv: line 4: x: expected a number, found \"six\""),
            "{error}"
        );
        let says = |columns: &[&str]| Table::find(folder.path(), columns).unwrap_err().to_string();
        assert!(says(&["q"]).contains("no CSV file has the columns q"));
        assert!(says(&["x", "y"]).contains("a.csv and b.csv both have"));
        let one = folder.path().join("a.csv");
        assert!(
            Table::find(&one, &["z"])
                .unwrap_err()
                .to_string()
                .contains("a.csv: no column \"z\"")
        );
        write("d.csv", "w\n");
        assert!(says(&["w"]).contains("d.csv: no rows"));
        write("e.csv", "v,u\n1\n");
        let broken = format!("{:#}", Table::find(folder.path(), &["u"]).unwrap_err());
        assert!(
            broken.contains("e.csv") && broken.contains("line: 2"),
            "{broken}"
        );
    }
}
