//! What a remote teacher said and what it cost: two files that grow row by row, the receipt first.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::recipe::Remote;
use crate::teacher::recorded;

/// What a remote teacher cost so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The currency.
    pub currency: String,
    /// Micro-units of it.
    pub micros: u64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Answers.
    pub answers: u64,
    /// Answers among them whose tokens the server did not tell: their cost is unknown and not in the sum.
    pub unknown: u64,
}

impl Cost {
    /// For the person who waits.
    pub(super) fn shown(&self) -> String {
        let whole = self.micros / 1_000_000;
        let rest = self.micros % 1_000_000;
        let unknown = match self.unknown {
            0 => String::new(),
            n => format!(" and {n} answers of unknown cost"),
        };
        format!("{whole}.{rest:06} {}{unknown}", self.currency)
    }
}

/// What one answer cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Receipt {
    /// SHA-256 of the text asked about: receipts hold no texts.
    pub(super) text_sha256: String,
    pub(super) model: String,
    /// Absent where the server does not tell.
    pub(super) input_tokens: Option<u64>,
    pub(super) output_tokens: Option<u64>,
    /// Micro-units of the currency; absent where tokens are.
    pub(super) micros: Option<u64>,
    pub(super) currency: String,
    pub(super) tries: u32,
}

impl Receipt {
    /// Prices an answer by its usage, rounded up.
    pub(super) fn of(text: &str, response: &Value, remote: &Remote, tries: u32) -> Self {
        let tokens = |key: &str| response.pointer(key).and_then(Value::as_u64);
        let input_tokens = tokens("/usage/prompt_tokens");
        let output_tokens = tokens("/usage/completion_tokens");
        let priced = |(input, output): (u64, u64)| {
            let input = input.saturating_mul(remote.input_price_micros);
            let output = output.saturating_mul(remote.output_price_micros);
            input.saturating_add(output).div_ceil(1_000)
        };
        let digest = Sha256::digest(text.as_bytes());
        Self {
            text_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            model: remote.model.clone(),
            input_tokens,
            output_tokens,
            micros: input_tokens.zip(output_tokens).map(priced),
            currency: remote.currency.clone(),
            tries,
        }
    }
}

/// The two files, open at their ends.
pub(super) struct Books {
    answers: File,
    receipts: File,
    answers_path: PathBuf,
    receipts_path: PathBuf,
    known: HashSet<String>,
    cost: Cost,
}

impl Books {
    /// Opens or makes them, and drops a last line that was cut off.
    pub(super) fn open(answers_path: &Path, remote: &Remote) -> Result<Self> {
        let receipts_path = answers_path.with_extension("receipts.jsonl");
        if let Some(folder) = answers_path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        let mut known = HashSet::new();
        for (number, line) in whole_lines(answers_path)?.lines().enumerate() {
            let place = || format!("{}: line {}", answers_path.display(), number + 1);
            let line: Value = serde_json::from_str(line).with_context(place)?;
            let (text, _) = recorded::chat(&line).with_context(place)?;
            known.insert(text);
        }
        let mut cost = Cost {
            currency: remote.currency.clone(),
            micros: 0,
            input_tokens: 0,
            output_tokens: 0,
            answers: 0,
            unknown: 0,
        };
        for (number, line) in whole_lines(&receipts_path)?.lines().enumerate() {
            let place = || format!("{}: line {}", receipts_path.display(), number + 1);
            add(&mut cost, &serde_json::from_str(line).with_context(place)?);
        }
        let append = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.with_context(|| format!("{}: cannot write", path.display()))
        };
        Ok(Self {
            answers: append(answers_path)?,
            receipts: append(&receipts_path)?,
            answers_path: answers_path.to_path_buf(),
            receipts_path,
            known,
            cost,
        })
    }

    /// Whether a text has an answer.
    pub(super) fn has(&self, text: &str) -> bool {
        self.known.contains(text)
    }

    /// What all answers cost so far.
    pub(super) fn cost(&self) -> Cost {
        self.cost.clone()
    }

    /// Writes a receipt: what was paid is booked before it is used.
    pub(super) fn book(&mut self, receipt: &Receipt) -> Result<()> {
        let line = serde_json::to_string(receipt)? + "\n";
        let written = self.receipts.write_all(line.as_bytes());
        written.with_context(|| format!("{}: cannot write", self.receipts_path.display()))?;
        add(&mut self.cost, receipt);
        Ok(())
    }

    /// Writes an answer.
    pub(super) fn keep(&mut self, text: &str, line: &Value) -> Result<()> {
        let line = line.to_string() + "\n";
        let written = self.answers.write_all(line.as_bytes());
        written.with_context(|| format!("{}: cannot write", self.answers_path.display()))?;
        self.known.insert(text.to_owned());
        Ok(())
    }
}

fn add(cost: &mut Cost, receipt: &Receipt) {
    cost.answers += 1;
    cost.input_tokens = cost
        .input_tokens
        .saturating_add(receipt.input_tokens.unwrap_or(0));
    cost.output_tokens = cost
        .output_tokens
        .saturating_add(receipt.output_tokens.unwrap_or(0));
    match receipt.micros {
        Some(micros) => cost.micros = cost.micros.saturating_add(micros),
        None => cost.unknown += 1,
    }
}

/// The lines of a file that end; what a killed run left of a last one is cut off the file. Empty where there is none.
fn whole_lines(path: &Path) -> Result<String> {
    let name = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error).with_context(|| format!("{name}: cannot read")),
    };
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    if end < text.len() {
        let file = OpenOptions::new().write(true).open(path);
        let cut = file.and_then(|file| file.set_len(u64::try_from(end).unwrap_or(0)));
        cut.with_context(|| format!("{name}: cannot write"))?;
    }
    Ok(text.get(..end).unwrap_or_default().to_owned())
}
