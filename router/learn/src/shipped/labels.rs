//! Quality labels: an outcome where there is one; else what the expert's card measured on its own tasks, and 0 on the
//! tasks of others, which an expert can never answer.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use expert_card::ExpertCard;
use units::ExpertId;

use crate::shipped::corpus::{Corpus, DOMAINS, Row};
use crate::shipped::outcomes::Outcomes;
use crate::table::{Fold, TableSource};

/// Quality assumed on a task that no card has measured.
const UNMEASURED: f32 = 0.8;
/// Share of out-of-scope requests assumed to be rejected where no card has measured it.
const UNMEASURED_REJECT: f32 = 0.5;
/// Quality assumed on texts of the expert's domain that are rows of none of its tasks: nobody has measured it.
const ELSEWHERE: f32 = 0.5;
/// Quality assumed in the expert's own domain in a language it was not trained on.
const FOREIGN: f32 = 0.15;

/// An expert as the gate's training sees it.
#[derive(Debug, Clone)]
pub struct Expert {
    /// Its id.
    pub id: ExpertId,
    /// Position of its domain.
    pub domain: usize,
    /// Its tasks.
    pub tasks: Vec<ExpertTask>,
}

/// A task of an expert with what its card measured.
#[derive(Debug, Clone)]
pub struct ExpertTask {
    /// The task.
    pub id: String,
    /// Accuracy on dev.
    pub accuracy: Option<f32>,
    /// Share of out-of-scope rows rejected on dev.
    pub reject: Option<f32>,
}

/// Where the labels came from, for the package.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// In words.
    pub origin: String,
    /// Outcome files: expert, SHA-256, rows.
    pub files: Vec<(String, String, usize)>,
}

impl Labelled {
    /// The outcome files as sources of a table.
    pub fn sources(&self) -> impl Iterator<Item = TableSource> {
        self.files.iter().map(|(expert, sha256, rows)| TableSource {
            name: format!("outcomes of {expert}"),
            licence: "Apache-2.0".to_owned(),
            sha256: sha256.clone(),
            cap: 0,
            rows: Some(*rows),
        })
    }
}

/// The experts from the cards in a folder of packages; without one, those the recipes make, unmeasured.
pub fn experts(folder: Option<&Path>) -> Result<Vec<Expert>> {
    let Some(folder) = folder else {
        let own: [(&str, &[&str]); 4] = [
            ("finance", &["banking77", "headlines"]),
            ("legal", &["cuad-clauses"]),
            ("medical", &["medical-abstracts"]),
            ("general", &["clinc150"]),
        ];
        return own
            .iter()
            .map(|(name, tasks)| {
                let task = |id: &&str| ExpertTask {
                    id: (*id).to_owned(),
                    accuracy: None,
                    reject: None,
                };
                let tasks = tasks.iter().map(task).collect();
                Ok(Expert {
                    id: ExpertId::new(name)?,
                    domain: domain(name)?,
                    tasks,
                })
            })
            .collect();
    };
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut folders: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .with_context(|| folder.display().to_string())?;
    folders.retain(|path| path.join(expert_card::CARD_FILE).is_file());
    folders.sort();
    let experts: Vec<Expert> = folders
        .iter()
        .map(|path| from_card(&ExpertCard::read(path)?))
        .collect::<Result<_>>()?;
    ensure!(!experts.is_empty(), "{}: no expert in it", folder.display());
    Ok(experts)
}

fn domain(name: &str) -> Result<usize> {
    let place = DOMAINS.iter().position(|known| *known == name);
    place.with_context(|| format!("domain {name:?} is none of {DOMAINS:?}"))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "an accuracy needs no 64 bits"
)]
fn from_card(card: &ExpertCard) -> Result<Expert> {
    let tasks = card.tasks.iter().map(|task| ExpertTask {
        id: task.id.clone(),
        accuracy: task.quality.as_ref().map(|quality| quality.accuracy as f32),
        reject: task
            .quality
            .as_ref()
            .and_then(|quality| quality.oos_recall)
            .map(|r| r as f32),
    });
    Ok(Expert {
        id: card.id.clone(),
        domain: domain(&card.domain)?,
        tasks: tasks.collect(),
    })
}

/// Labels every row. Rows with an outcome of a source without a split of its own move to the folds of dev rows.
pub fn join(corpus: &mut Corpus, experts: &[Expert], outcomes: &Outcomes) -> Labelled {
    for row in &mut corpus.rows {
        row.quality.clear();
        row.observed.clear();
        for (at, expert) in experts.iter().enumerate() {
            let seen = outcomes
                .of(at, &row.text)
                .filter(|o| Some(o.task.as_str()) == row.task);
            row.observed.push(seen.is_some());
            row.quality.push(match seen {
                Some(outcome) => Some(if outcome.correct { 1.0 } else { 0.0 }),
                None => derived(row, expert, outcomes.has(at)),
            });
        }
    }
    let named = |with: bool| {
        let names = experts
            .iter()
            .enumerate()
            .filter(|(at, _)| outcomes.has(*at) == with);
        names
            .map(|(_, expert)| expert.id.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (seen, unseen) = (named(true), named(false));
    let mut origin = format!(
        "0 on other experts' tasks, {ELSEWHERE} assumed on texts of the own domain that belong to no task"
    );
    if !seen.is_empty() {
        origin.push_str(&format!("; outcomes on dev rows for {seen}"));
    }
    if !unseen.is_empty() {
        origin.push_str(&format!(
            "; dev accuracy by the card, else {UNMEASURED}, for {unseen}"
        ));
    }
    Labelled {
        origin,
        files: outcomes.files.clone(),
    }
}

/// A label without an outcome. On its own task an expert with outcomes is unknown elsewhere: it trained on those rows.
fn derived(row: &Row, expert: &Expert, has_outcomes: bool) -> Option<f32> {
    let own_domain = row.domain == Some(expert.domain);
    if row.foreign {
        return Some(if own_domain { FOREIGN } else { FOREIGN / 3.0 });
    }
    let task = expert
        .tasks
        .iter()
        .find(|task| Some(task.id.as_str()) == row.task);
    match task {
        Some(_) if has_outcomes => None,
        Some(task) if row.outside => Some(task.reject.unwrap_or(UNMEASURED_REJECT)),
        Some(task) => Some(task.accuracy.unwrap_or(UNMEASURED)),
        None if own_domain && row.task.is_none() => Some(ELSEWHERE),
        None => Some(0.0),
    }
}

/// Rows of a fold whose quality was observed for at least one expert.
pub fn observed(corpus: &Corpus, fold: Fold) -> usize {
    corpus
        .fold(fold)
        .filter(|row| row.observed.contains(&true))
        .count()
}
