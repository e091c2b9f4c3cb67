//! The texts the gate learns from, each with its domain, scenario and fold.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::sources::{self, SOURCES, Source};

/// The domains, in the order of the domain head.
pub const DOMAINS: [&str; 4] = ["finance", "legal", "medical", "general"];

/// The scenarios, in the order of the scenario head.
pub const SCENARIOS: [&str; 7] = [
    "bank-intents",
    "headline-direction",
    "clause-type",
    "abstract-condition",
    "assistant-intents",
    "help-out-of-scope",
    "unassigned",
];

/// What a row is used for. Outcomes exist on rows that experts did not train on, so a part of those is for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The network and the lookup prior learn from it.
    Train,
    /// Early stop, mixing, calibration and thresholds.
    Tune,
    /// Figures.
    Report,
}

/// One text with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What the user asks.
    pub text: String,
    /// Position in [`DOMAINS`]; `None`: of none of them, or not known.
    pub domain: Option<usize>,
    /// Position in [`SCENARIOS`]; `None`: not known.
    pub scenario: Option<usize>,
    /// The task of an expert that this is a row of.
    pub task: Option<&'static str>,
    /// Of no expert's kind.
    pub outside: bool,
    /// In a language that the experts do not read.
    pub foreign: bool,
    /// What it is used for.
    pub fold: Fold,
    /// Position in [`Corpus::sources`].
    pub source: usize,
    /// Quality of each expert's answer in `[0, 1]`; `None`: not known. Filled by [`crate::labels`].
    pub quality: Vec<Option<f32>>,
    /// Whether the quality of each expert was observed, not derived.
    pub observed: Vec<bool>,
}

/// A text as a source gives it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What the user asks.
    pub text: String,
    /// The source's own split; `None`: it has none.
    pub train: Option<bool>,
    /// Position in [`DOMAINS`].
    pub domain: Option<usize>,
    /// Position in [`SCENARIOS`].
    pub scenario: Option<usize>,
    /// Of no expert's kind.
    pub outside: bool,
    /// In a language that the experts do not read.
    pub foreign: bool,
}

/// All rows with their sources.
#[derive(Debug)]
pub struct Corpus {
    /// The rows.
    pub rows: Vec<Row>,
    /// The sources, with the hash of what was read.
    pub sources: Vec<ReadSource>,
}

/// A source that was read.
#[derive(Debug)]
pub struct ReadSource {
    /// Which one.
    pub source: Source,
    /// SHA-256 of its file, lower-case hex.
    pub sha256: String,
}

impl Corpus {
    /// The rows of a fold.
    pub fn fold(&self, fold: Fold) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.fold == fold)
    }

    /// One hash over all sources.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        for read in &self.sources {
            hash.update(read.sha256.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Reads every source under `data`, and the supplement.
pub fn read(data: &Path, supplement: &Path) -> Result<Corpus> {
    let mut corpus = Corpus {
        rows: Vec::new(),
        sources: Vec::new(),
    };
    for source in SOURCES {
        let path = if source.file.is_empty() {
            supplement.to_path_buf()
        } else {
            data.join(source.file)
        };
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let drafts = sources::drafts(source, &path, &bytes)?;
        ensure!(!drafts.is_empty(), "{}: no row to use", path.display());
        let position = corpus.sources.len();
        corpus.sources.push(ReadSource {
            source: *source,
            sha256: hex(&Sha256::digest(&bytes)),
        });
        corpus.rows.extend(drafts.into_iter().map(|draft| Row {
            fold: fold_of(&draft),
            text: draft.text,
            domain: draft.domain,
            scenario: draft.scenario,
            task: source.task,
            outside: draft.outside,
            foreign: draft.foreign,
            source: position,
            quality: Vec::new(),
            observed: Vec::new(),
        }));
    }
    Ok(corpus)
}

/// A source's train rows train. Its other rows are spread by a hash of their text, so that copies stay together.
fn fold_of(draft: &Draft) -> Fold {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(draft.text.trim().as_bytes()).into();
    let place = u32::from_le_bytes([a, b, c, d]) % 100;
    let (train_below, tune_below) = match draft.train {
        Some(true) => (100, 100),
        Some(false) => (40, 65),
        None => (80, 88),
    };
    if place < train_below {
        Fold::Train
    } else if place < tune_below {
        Fold::Tune
    } else {
        Fold::Report
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
