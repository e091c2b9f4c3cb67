//! The texts the gate learns from, each with its domain, scenario and fold.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use router::Price;
use sha2::{Digest, Sha256};
use units::{Nanos, ScenarioId, Tokens};

use crate::shipped::labels::Expert;
use crate::shipped::outcomes::Outcomes;
use crate::shipped::sources::{self, SOURCES, Source};
use crate::table::{self, Fold, Outcome, OutcomeTable, TableExpert, TableSource, hex};

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
    /// Quality of each expert's answer in `[0, 1]`; `None`: not known. Filled by [`crate::shipped::labels`].
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

/// A row with an observed outcome is drawn so many times in one pass.
const OBSERVED_TIMES: usize = 2;
/// An outside row of a source that has mostly inside rows, likewise.
const OUTSIDE_TIMES: usize = 4;

fn times(row: &Row) -> usize {
    if row.observed.contains(&true) {
        OBSERVED_TIMES
    } else if row.outside && row.task.is_some() || row.foreign {
        OUTSIDE_TIMES
    } else {
        1
    }
}

fn outcome(row: &Row, expert: usize, outcomes: &Outcomes) -> Outcome {
    let label = row.quality.get(expert).copied().flatten();
    let seen = row.observed.get(expert).copied().unwrap_or(false);
    let used = outcomes.of(expert, &row.text).filter(|_| seen);
    Outcome {
        quality: label,
        assumed: !is_evidence(row, seen, label),
        output: used.and_then(|used| used.output_tokens).map(Tokens::new),
        latency: used.and_then(|used| used.latency_ns).map(Nanos::new),
        ..Outcome::default()
    }
}

/// Is a label evidence of what an expert does? An outcome is, and so is the 0 on another expert's task. What was assumed
/// is none; on rows of tasks it stands in until there are outcomes.
pub fn is_evidence(row: &Row, observed: bool, label: Option<f32>) -> bool {
    observed || (row.task.is_some() && label.is_some())
}

/// A source that was read.
#[derive(Debug)]
pub struct ReadSource {
    /// Which one.
    pub source: Source,
    /// SHA-256 of its file, lower-case hex.
    pub sha256: String,
}

impl ReadSource {
    fn entry(&self) -> TableSource {
        TableSource {
            name: self.source.name.to_owned(),
            licence: self.source.licence.to_owned(),
            sha256: self.sha256.clone(),
            cap: self.source.cap,
            rows: None,
        }
    }
}

impl Corpus {
    /// The rows of a fold.
    pub fn fold(&self, fold: Fold) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.fold == fold)
    }

    /// The rows as a table of outcomes. Labels that are no evidence of what an expert does are marked as assumed.
    pub fn table(&self, experts: &[Expert], outcomes: &Outcomes) -> Result<OutcomeTable> {
        let name = |at: usize| DOMAINS.get(at).copied().unwrap_or_default().to_owned();
        let rows = self.rows.iter().map(|row| table::Row {
            scenario: row.scenario,
            outside: row.outside,
            times: times(row),
            source: row.source,
            ..table::Row::new(
                row.text.clone(),
                row.fold,
                row.domain,
                (0..experts.len())
                    .map(|at| outcome(row, at, outcomes))
                    .collect(),
            )
        });
        let experts = experts.iter().map(|expert| TableExpert {
            id: expert.id.clone(),
            domain: name(expert.domain),
            price: Price::default(),
        });
        let scenarios = SCENARIOS.iter().map(|name| ScenarioId::new(name));
        Ok(OutcomeTable {
            name: "demo".to_owned(),
            experts: experts.collect(),
            domains: DOMAINS.map(str::to_owned).to_vec(),
            scenarios: scenarios.collect::<Result<_, _>>()?,
            sources: self.sources.iter().map(ReadSource::entry).collect(),
            rows: rows.collect(),
            ..OutcomeTable::default()
        })
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
