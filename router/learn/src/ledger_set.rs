//! The gateway's own outcomes as a data set: one JSON line for each judged request, with features instead of text. Written
//! by `moegate gate export`, read by the trainer.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use router::{Captured, DENSE, FEATURE_VERSION};
use serde::{Deserialize, Serialize};

/// Name of the file.
pub const FILE: &str = "ledger.jsonl";
/// What its columns are, written beside it.
pub const COLUMNS: &str = "# ledger

Judged requests of a Moegate gateway, one JSON object a line in `ledger.jsonl`. No text of a request is in it.

- `request`: id of the request; `at`: when it came, ns since 1970
- `tenant`, `scenario`: whose it is and what it counts for (`unassigned`: nothing known)
- `split`: `train`, or `dev` for about three in ten; the same text is always on the same side
- `expert`: who answered; `quality`: the judged score in [0, 1]; `source`: who judged (`gold`, `verifier`, `judge`, `user`)
- `gate`: the gate that decided; `reason`: why, such as `gate`, `pinned` or `fallback`
- `candidates`: all it could choose, each with `expert`, predicted `quality`, `propensity` (probability with which it was
  chosen), `cost_pico` (1e-12 currency units) and `latency_ns` as predicted; absent: unknown
- `output_tokens`, `latency_ns`: of the answer; absent: unknown
- `features`: `rules` (version of the feature rules), `table_bits`, `known_bits`, `digest`; `words` (and pairs), `chars`,
  `context`: rows of hashed tokens in a table of 2^table_bits, repetitions count; `known`: bits of its words in a table of
  2^known_bits; `dense`: its numbers
";

/// One judged request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerRow {
    /// Id of the request.
    pub request: String,
    /// When it came, ns since 1970.
    pub at: i64,
    /// Whose.
    pub tenant: String,
    /// What it counts for.
    pub scenario: String,
    /// `train` or `dev`.
    pub split: String,
    /// Who answered.
    pub expert: String,
    /// The judged score in `[0, 1]`.
    pub quality: f64,
    /// Who judged.
    pub source: String,
    /// The gate that decided.
    pub gate: String,
    /// Why.
    pub reason: String,
    /// All it could choose.
    pub candidates: Vec<LedgerCandidate>,
    /// Output tokens of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Time of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<u64>,
    /// What the gate read.
    pub features: LedgerFeatures,
}

/// One candidate of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerCandidate {
    /// The expert.
    pub expert: String,
    /// Predicted quality.
    pub quality: f64,
    /// Probability with which it was chosen.
    pub propensity: f64,
    /// Predicted cost in 1e-12 currency units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_pico: Option<i64>,
    /// Predicted latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<u64>,
}

/// Captured features as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerFeatures {
    /// Version of the feature rules.
    pub rules: u32,
    /// Bits of the table of tokens.
    pub table_bits: u32,
    /// Bits of the table of words.
    pub known_bits: u32,
    /// Digest of the features.
    pub digest: u32,
    /// Rows of words and pairs.
    pub words: Vec<u32>,
    /// Rows of characters.
    pub chars: Vec<u32>,
    /// Rows of context.
    pub context: Vec<u32>,
    /// Bits of words.
    pub known: Vec<u32>,
    /// The numbers.
    pub dense: Vec<f32>,
}

/// Why the set cannot be written or read. Each names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum LedgerSetError {
    /// A file or folder cannot be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A line is none of the set.
    #[error("{}: line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

impl LedgerFeatures {
    /// The JSON form of captured features.
    pub fn of(captured: &Captured) -> Self {
        let [words, chars, context] = captured.bags.clone();
        Self {
            rules: FEATURE_VERSION,
            table_bits: captured.table_bits,
            known_bits: captured.known_bits,
            digest: captured.digest,
            words,
            chars,
            context,
            known: captured.words.clone(),
            dense: captured.dense.to_vec(),
        }
    }

    /// Back again, checked as if it came from the gateway's own file.
    ///
    /// # Errors
    /// The rules are others, or a value is none a gateway writes; in words.
    pub fn captured(&self) -> Result<Captured, String> {
        if self.rules != FEATURE_VERSION {
            let made = FEATURE_VERSION;
            return Err(format!("features follow rules {}, not {made}", self.rules));
        }
        let dense: [f32; DENSE] = self
            .dense
            .as_slice()
            .try_into()
            .map_err(|_| format!("dense must hold {DENSE} numbers"))?;
        let captured = Captured {
            table_bits: self.table_bits,
            known_bits: self.known_bits,
            digest: self.digest,
            bags: [self.words.clone(), self.chars.clone(), self.context.clone()],
            words: self.known.clone(),
            dense,
        };
        Captured::from_bytes(&captured.to_bytes()).map_err(|why| why.to_string())
    }
}

/// Writes the set into a folder that must not be there: into one of another name, renamed when whole.
///
/// # Errors
/// The folder is there, or cannot be written; nothing is left then.
pub fn write(out: &Path, rows: &[LedgerRow]) -> Result<(), LedgerSetError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |why| LedgerSetError::File { path, why }
    };
    if out.exists() {
        return Err(failed(out)(std::io::ErrorKind::AlreadyExists.into()));
    }
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let fresh = out.with_file_name(format!(".{name}.new"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(failed(&fresh))?;
    }
    std::fs::create_dir_all(&fresh).map_err(failed(&fresh))?;
    let path = fresh.join(FILE);
    let fill = || -> std::io::Result<()> {
        let mut file = BufWriter::new(std::fs::File::create(&path)?);
        for row in rows {
            serde_json::to_writer(&mut file, row)?;
            file.write_all(b"\n")?;
        }
        file.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        std::fs::write(fresh.join("README.md"), COLUMNS)
    };
    if let Err(why) = fill() {
        let _gone = std::fs::remove_dir_all(&fresh);
        return Err(failed(&path)(why));
    }
    std::fs::rename(&fresh, out).map_err(failed(out))
}

/// Reads every file of the set in a folder, whatever its name: one is known by its columns.
///
/// # Errors
/// No file has the columns, or a line is wrong; file and line are named.
pub fn read(folder: &Path) -> Result<Vec<(LedgerRow, Captured)>, LedgerSetError> {
    let failed = |why| LedgerSetError::File {
        path: folder.to_owned(),
        why,
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    paths.sort();
    let mut rows = Vec::new();
    let mut known = 0_usize;
    for path in paths {
        let file = std::fs::File::open(&path).map_err(|why| LedgerSetError::File {
            path: path.clone(),
            why,
        })?;
        let mut lines = BufReader::new(file).lines().enumerate().peekable();
        let first = lines.peek().and_then(|(_, line)| line.as_ref().ok());
        if !first.is_some_and(|line| is_ours(line)) {
            continue;
        }
        known += 1;
        for (at, line) in lines {
            rows.push(parse(&path, at + 1, line)?);
        }
    }
    if known == 0 {
        let message = "no file has the columns of a ledger set";
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            message,
        )));
    }
    Ok(rows)
}

fn parse(
    path: &Path,
    line: usize,
    text: std::io::Result<String>,
) -> Result<(LedgerRow, Captured), LedgerSetError> {
    let wrong = |message: String| LedgerSetError::Line {
        path: path.to_owned(),
        line,
        message,
    };
    let text = text.map_err(|why| wrong(why.to_string()))?;
    let row: LedgerRow = serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?;
    if !(0.0..=1.0).contains(&row.quality) {
        return Err(wrong("quality must be in [0, 1]".to_owned()));
    }
    if !["train", "dev"].contains(&row.split.as_str()) {
        return Err(wrong(format!(
            "split {:?} is neither train nor dev",
            row.split
        )));
    }
    let captured = row.features.captured().map_err(wrong)?;
    Ok((row, captured))
}

/// Has a line the columns of a ledger set?
fn is_ours(line: &str) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_str(line);
    let columns = [
        "request",
        "tenant",
        "expert",
        "quality",
        "candidates",
        "features",
    ];
    value.is_ok_and(|value| columns.iter().all(|column| value.get(column).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: u32) -> LedgerRow {
        let captured = Captured {
            table_bits: 15,
            known_bits: 18,
            digest: n,
            bags: [vec![1, 1, 7 + n], vec![3], Vec::new()],
            words: vec![9],
            ..Captured::new()
        };
        LedgerRow {
            request: format!("r{n}"),
            at: 5,
            tenant: "a".to_owned(),
            scenario: "unassigned".to_owned(),
            split: if n.is_multiple_of(2) { "train" } else { "dev" }.to_owned(),
            expert: "finance".to_owned(),
            quality: 0.75,
            source: "gold".to_owned(),
            gate: "demo@0.1.0+abc".to_owned(),
            reason: "gate".to_owned(),
            candidates: vec![LedgerCandidate {
                expert: "finance".to_owned(),
                quality: 0.9,
                propensity: 1.0,
                cost_pico: Some(17),
                latency_ns: None,
            }],
            output_tokens: None,
            latency_ns: Some(1_000),
            features: LedgerFeatures::of(&captured),
        }
    }

    #[test]
    fn a_set_survives_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("set");
        let rows: Vec<LedgerRow> = (0..3).map(row).collect();
        write(&out, &rows).unwrap();
        // Another name and other files beside it change nothing.
        std::fs::rename(out.join(FILE), out.join("other.jsonl")).unwrap();
        std::fs::write(out.join("strange.jsonl"), "{\"a\":1}\n").unwrap();
        let back = read(&out).unwrap();
        assert_eq!(
            back.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>(),
            rows
        );
        assert_eq!(back[2].1.bags[0], [1, 1, 9]);
        assert!(
            std::fs::read_to_string(out.join("README.md"))
                .unwrap()
                .contains("propensity")
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("set");
        write(&out, &[row(0), row(1)]).unwrap();
        assert!(write(&out, &[]).is_err(), "nothing is written over");
        let file = out.join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        for (from, to, said) in [
            ("\"quality\":0.75", "\"quality\":7.5", "line 2: quality"),
            ("\"table_bits\":15", "\"table_bits\":3", "line 2: captured"),
            (
                "\"rules\":1",
                "\"rules\":9",
                "line 2: features follow rules 9",
            ),
            ("\"split\":\"dev\"", "\"split\":\"test\"", "line 2: split"),
        ] {
            let (first, second) = text.split_once('\n').unwrap();
            std::fs::write(&file, format!("{first}\n{}", second.replace(from, to))).unwrap();
            let why = read(&out).unwrap_err().to_string();
            assert!(why.contains(said) && why.contains(FILE), "{why}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(read(&out).unwrap_err().to_string().contains("columns"));
    }
}
