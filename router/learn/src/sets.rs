//! The sets of recorded outcomes that can be read into an [`OutcomeTable`], each in a file of its own. Files of a folder
//! are recognised by their columns, never by their names.

mod files;
mod financemath;
mod llmrouter;
mod medagents;
mod routellm;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::str::FromStr;

use crate::LearnError;
use crate::table::{Fold, OutcomeTable, Row, group};
pub use files::{File, Folder};

/// A set with its loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetName {
    /// MMLU by Mixtral 8x7B and GPT-4, with subjects.
    RoutellmMmlu,
    /// GSM8K by the same two.
    RoutellmGsm8k,
    /// Five medical sets by ten models, with tokens and seconds.
    MedagentsRouting,
    /// Fourteen tasks by nine open models.
    Llmrouter9Open,
    /// Finance problems by 51 models, each in two modes.
    FinancemathRouting,
}

/// Every set with the name it has on a command line.
pub const SETS: [(&str, SetName); 5] = [
    ("routellm-mmlu", SetName::RoutellmMmlu),
    ("routellm-gsm8k", SetName::RoutellmGsm8k),
    ("medagents-routing", SetName::MedagentsRouting),
    ("llmrouter-9open", SetName::Llmrouter9Open),
    ("financemath-routing", SetName::FinancemathRouting),
];

impl SetName {
    /// Its name on a command line.
    pub fn as_str(self) -> &'static str {
        let found = SETS.iter().find(|(_, set)| *set == self);
        found.map_or("", |(name, _)| name)
    }
}

impl FromStr for SetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = SETS.iter().find(|(name, _)| *name == text);
        found.map(|(_, set)| *set).ok_or_else(|| {
            let names: Vec<&str> = SETS.iter().map(|(name, _)| *name).collect();
            format!("no set {text:?}: one of {}", names.join(", "))
        })
    }
}

/// Reads a set from a folder. Rows with the split `train` are of the train fold, those with `dev` of the tune fold; where
/// the set has no splits, a tenth of its rows is of the tune fold by [`group`]. Rows of another split are an error, so
/// that a held-out file is never trained on by mistake.
pub fn read(set: SetName, folder: &Path) -> Result<OutcomeTable, LearnError> {
    load(set, folder, Use::Learn)
}

/// Reads a set whose rows are all for figures, whatever their split.
pub fn read_for_report(set: SetName, folder: &Path) -> Result<OutcomeTable, LearnError> {
    load(set, folder, Use::Report)
}

/// What a folder is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Learn,
    Report,
}

fn load(set: SetName, folder: &Path, purpose: Use) -> Result<OutcomeTable, LearnError> {
    let files = Folder::read(folder, purpose == Use::Report)?;
    let mut table = match set {
        SetName::RoutellmMmlu | SetName::RoutellmGsm8k => routellm::load(set, &files)?,
        SetName::MedagentsRouting => medagents::load(&files)?,
        SetName::Llmrouter9Open => llmrouter::load(&files)?,
        SetName::FinancemathRouting => financemath::load(&files)?,
    };
    set.as_str().clone_into(&mut table.name);
    table.declare_slices();
    if table.rows.is_empty() {
        return Err(LearnError::unfit(set.as_str(), "no row with an outcome"));
    }
    Ok(table)
}

/// The fold of a row by the split its file names.
fn fold_of(
    folder: &Folder,
    file: &File,
    place: &str,
    split: Option<&str>,
    text: &str,
) -> Result<Fold, LearnError> {
    if folder.all_report {
        return Ok(Fold::Report);
    }
    match split {
        Some("dev") => Ok(Fold::Tune),
        None if group(text) % 10 == 7 => Ok(Fold::Tune),
        Some("train") | None => Ok(Fold::Train),
        Some(other) => Err(LearnError::row(
            &file.path,
            place,
            format!("split {other:?} is neither train nor dev"),
        )),
    }
}

/// Puts the experts of a table for figures into the order of the table that was learned from. Experts that the figures'
/// table lacks get no outcome; one that it has beyond them is an error.
pub fn align(learned: &OutcomeTable, report: &OutcomeTable) -> Result<OutcomeTable, LearnError> {
    let unknown = |what: &str, name: &str| {
        LearnError::unfit(
            &report.name,
            format!("{what} {name:?} is in the rows to report on but not in those to learn from"),
        )
    };
    for expert in &report.experts {
        if !learned.experts.iter().any(|known| known.id == expert.id) {
            return Err(unknown("expert", expert.id.as_str()));
        }
    }
    let places: Vec<Option<usize>> = learned
        .experts
        .iter()
        .map(|known| report.experts.iter().position(|e| e.id == known.id))
        .collect();
    let domains: Vec<Option<usize>> = report
        .domains
        .iter()
        .map(|name| learned.domains.iter().position(|known| known == name))
        .collect();
    let rows = report.rows.iter().map(|row| Row {
        // A slice that nothing was learned of is a row of no slice.
        domain: row.domain.and_then(|at| domains.get(at).copied().flatten()),
        outcomes: places
            .iter()
            .map(|at| {
                at.and_then(|at| row.outcomes.get(at).copied())
                    .unwrap_or_default()
            })
            .collect(),
        ..row.clone()
    });
    let mut aligned = OutcomeTable {
        sources: report.sources.clone(),
        ..learned.with_rows(rows.collect())
    };
    aligned.declare_slices();
    Ok(aligned)
}
