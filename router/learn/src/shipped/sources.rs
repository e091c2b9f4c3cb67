//! The data sets: where each lies, its licence, and how a row of it becomes a prompt.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::shipped::corpus::{DOMAINS, Draft, SCENARIOS};

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: &'static str,
    /// Its file under the data folder; empty: the supplement.
    pub file: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// The task of an expert whose rows these are.
    pub task: Option<&'static str>,
    /// Rows drawn for one pass at most.
    pub cap: usize,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// CSV with the columns `text` and, perhaps, `split`.
    Texts {
        domain: &'static str,
        scenario: Option<&'static str>,
    },
    Clinc,
    Question {
        domain: &'static str,
    },
    Tatqa,
    LegalLines,
    MmluOutside,
    GsmOutside,
    Supplement,
}

const fn texts(domain: &'static str, scenario: Option<&'static str>) -> Form {
    Form::Texts { domain, scenario }
}

const fn source(
    name: &'static str,
    file: &'static str,
    licence: &'static str,
    task: Option<&'static str>,
    cap: usize,
    form: Form,
) -> Source {
    Source {
        name,
        file,
        licence,
        task,
        cap,
        form,
    }
}

/// Every source, in a fixed order.
#[rustfmt::skip]
pub const SOURCES: &[Source] = &[
    source("banking77", "banking77/train.csv", "CC-BY-4.0", Some("banking77"), 9_000,
        texts("finance", Some("bank-intents"))),
    source("headlines", "frugalgpt-headlines/headlines_train.csv", "CC-BY-SA-3.0", Some("headlines"), 4_000,
        texts("finance", Some("headline-direction"))),
    source("tatqa", "tatqa/tatqa_dev.jsonl", "CC-BY-4.0", None, 1_700, Form::Tatqa),
    source("cuad-clauses", "cuad-clauses/clauses_traindev.csv", "CC-BY-4.0", Some("cuad-clauses"), 5_000,
        texts("legal", Some("clause-type"))),
    source("legalbench", "legalbench-fewshot/fewshot.jsonl", "CC-BY-4.0 AND CC-BY-SA-4.0 AND MIT", None, 600,
        Form::LegalLines),
    source("ledgar", "lexglue-gpt35/ledgar_traindev.jsonl", "CC-BY-4.0", None, 600, Form::LegalLines),
    source("unfair-tos", "lexglue-gpt35/unfair_tos_traindev.jsonl", "CC-BY-4.0", None, 600, Form::LegalLines),
    source("medical-abstracts", "medical-abstracts/abstracts_traindev.csv", "CC-BY-SA-3.0",
        Some("medical-abstracts"), 2_200, texts("medical", Some("abstract-condition"))),
    source("medquad", "medquad/medquad_traindev.csv", "CC-BY-4.0", None, 2_500, Form::Question { domain: "medical" }),
    source("symptom2disease", "symptom2disease/s2d_traindev.csv", "Apache-2.0", None, 900,
        texts("medical", Some("unassigned"))),
    source("pubmedqa", "pubmedqa/pqal.jsonl", "MIT", None, 500, Form::Question { domain: "medical" }),
    source("clinc150", "clinc150/train_val.csv", "CC-BY-3.0", Some("clinc150"), 8_000, Form::Clinc),
    source("mmlu-other", "routellm-mmlu/mmlu_train.csv", "MIT", None, 1_200, Form::MmluOutside),
    source("gsm8k", "routellm-gsm8k/gsm8k_traindev.csv", "MIT", None, 400, Form::GsmOutside),
    source("supplement", "", "Apache-2.0", None, 1_000, Form::Supplement),
];

/// The prompts in a file of a source. Rows of an official test are never used.
pub fn drafts(source: &Source, path: &Path, bytes: &[u8]) -> Result<Vec<Draft>> {
    let mut drafts = match source.form {
        Form::Tatqa | Form::LegalLines | Form::Supplement => json_lines(source, path, bytes)?,
        Form::Question { .. } if path.extension().is_some_and(|e| e == "jsonl") => {
            json_lines(source, path, bytes)?
        }
        _ => csv_rows(source, path, bytes)?,
    };
    let mut seen = BTreeSet::new();
    drafts.retain(|draft| !draft.text.trim().is_empty() && seen.insert(draft.text.clone()));
    Ok(drafts)
}

fn position(list: &[&str], name: &str) -> Option<usize> {
    list.iter().position(|known| *known == name)
}

fn draft(text: &str, train: Option<bool>, domain: Option<&str>, scenario: Option<&str>) -> Draft {
    Draft {
        text: text.to_owned(),
        train,
        domain: domain.and_then(|name| position(&DOMAINS, name)),
        scenario: scenario.and_then(|name| position(&SCENARIOS, name)),
        outside: false,
        foreign: false,
    }
}

/// Is a split train (`true`), dev (`false`), absent, or one that must not be used (`Err`)?
fn split(name: Option<&str>) -> Result<Option<bool>, ()> {
    match name {
        Some("train") => Ok(Some(true)),
        Some("dev") => Ok(Some(false)),
        None => Ok(None),
        Some(_) => Err(()),
    }
}

fn csv_rows(source: &Source, path: &Path, bytes: &[u8]) -> Result<Vec<Draft>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader
        .headers()
        .with_context(|| path.display().to_string())?
        .clone();
    let column = |name: &str| header.iter().position(|found| found == name);
    let name = match source.form {
        Form::Question { .. } => "question",
        Form::MmluOutside | Form::GsmOutside => "prompt",
        _ => "text",
    };
    let Some(text_at) = column(name) else {
        bail!("{}: no column {name:?}", path.display());
    };
    let (split_at, domain_at) = (column("split"), column("domain"));
    let mut drafts = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("{}: row {}", path.display(), number + 2))?;
        let field = |at: Option<usize>| at.and_then(|at| record.get(at));
        let Ok(train) = split(field(split_at)) else {
            continue;
        };
        let text = field(Some(text_at)).unwrap_or("");
        let domain = field(domain_at).unwrap_or("");
        drafts.extend(match source.form {
            Form::Texts { domain, scenario } => Some(draft(text, train, Some(domain), scenario)),
            Form::Question { domain } => Some(draft(text, train, Some(domain), Some("unassigned"))),
            Form::Clinc if domain == "oos" => Some(Draft {
                outside: true,
                ..draft(text, train, None, Some("help-out-of-scope"))
            }),
            Form::Clinc => Some(draft(
                text,
                train,
                Some("general"),
                Some("assistant-intents"),
            )),
            Form::MmluOutside if OUTSIDE_SUBJECTS.contains(&domain) => stem(text).map(outside),
            Form::GsmOutside => Some(outside(text)),
            _ => None,
        });
    }
    Ok(drafts)
}

/// Subjects that no expert covers.
const OUTSIDE_SUBJECTS: [&str; 2] = ["stem", "general"];

/// Longest question taken for one that a person might ask.
const LONGEST_STEM: usize = 300;

/// The question without its options, as a person would ask it.
fn stem(prompt: &str) -> Option<&str> {
    let question = prompt.split("\nA.").next().unwrap_or(prompt).trim();
    (question.len() <= LONGEST_STEM).then_some(question)
}

/// A prompt no expert has a task for; its source has no dev rows of its own here.
fn outside(text: &str) -> Draft {
    Draft {
        outside: true,
        ..draft(text, None, None, Some("unassigned"))
    }
}

/// A line of the supplement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    text: String,
    language: String,
    domain: Option<String>,
    scenario: Option<String>,
    #[serde(default)]
    outside: bool,
}

fn json_lines(source: &Source, path: &Path, bytes: &[u8]) -> Result<Vec<Draft>> {
    let text = std::str::from_utf8(bytes).with_context(|| path.display().to_string())?;
    let mut drafts = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = || format!("{}: line {}", path.display(), number + 1);
        if source.form == Form::Supplement {
            let line: Line = serde_json::from_str(line).with_context(place)?;
            drafts.push(supplement(&line).with_context(place)?);
            continue;
        }
        let value: Value = serde_json::from_str(line).with_context(place)?;
        let field = |name: &str| value.get(name).and_then(Value::as_str);
        let Ok(train) = split(field("split")) else {
            continue;
        };
        match source.form {
            Form::Tatqa => drafts.extend(tatqa(&value)),
            Form::LegalLines => {
                let text = field("text").unwrap_or("");
                drafts.push(draft(text, train, Some("legal"), None));
            }
            Form::Question { domain } => {
                let text = field("question").with_context(place)?;
                drafts.push(draft(text, train, Some(domain), Some("unassigned")));
            }
            _ => {}
        }
    }
    Ok(drafts)
}

fn supplement(line: &Line) -> Result<Draft> {
    let made = Draft {
        outside: line.outside,
        foreign: line.language != "en",
        ..draft(
            &line.text,
            None,
            line.domain.as_deref(),
            line.scenario.as_deref(),
        )
    };
    let wrong = |given: &Option<String>, found: Option<usize>| given.is_some() && found.is_none();
    if wrong(&line.domain, made.domain) || wrong(&line.scenario, made.scenario) {
        bail!("unknown domain or scenario");
    }
    Ok(made)
}

/// The questions of a document; the first carries the table, as people paste it.
fn tatqa(document: &Value) -> Vec<Draft> {
    let questions = document.get("questions").and_then(Value::as_array);
    let texts = questions
        .into_iter()
        .flatten()
        .filter_map(|q| q.get("question")?.as_str());
    texts
        .enumerate()
        .map(|(at, text)| {
            let pasted = if at == 0 {
                format!("{text}\n{}", table(document))
            } else {
                text.to_owned()
            };
            draft(&pasted, None, Some("finance"), Some("unassigned"))
        })
        .collect()
}

fn table(document: &Value) -> String {
    let rows = document.get("table").and_then(Value::as_array);
    let line = |row: &Value| {
        let cells = row
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    rows.into_iter()
        .flatten()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
