//! The answers that an expert joins a gate with, from a file of JSON lines.

use std::path::Path;

use anyhow::{Context, Result, bail};
use gate_learn::table::{Fold, Outcome, Row};
use serde::Deserialize;
use units::{Nanos, Tokens};

/// One answer.
#[derive(Debug, Deserialize)]
struct Answer {
    text: String,
    quality: Option<f32>,
    correct: Option<bool>,
    domain: Option<String>,
    output_tokens: Option<u64>,
    latency_ns: Option<u64>,
}

/// Reads every answer; a wrong one is named by its line.
pub(super) fn read(path: &Path, domains: &[String]) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut rows = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = || format!("{}: line {}", path.display(), number + 1);
        let answer: Answer = serde_json::from_str(line).with_context(place)?;
        let said = answer
            .quality
            .or(answer.correct.map(|right| if right { 1.0 } else { 0.0 }));
        let Some(quality) = said.filter(|quality| (0.0..=1.0).contains(quality)) else {
            bail!(
                "{}: quality must be in [0, 1], or correct be given",
                place()
            );
        };
        let domain = match &answer.domain {
            None => None,
            Some(name) => match domains.iter().position(|known| known == name) {
                Some(at) => Some(at),
                None => bail!("{}: domain {name:?} is none of the gate's", place()),
            },
        };
        let outcome = Outcome {
            quality: Some(quality),
            output: answer.output_tokens.map(Tokens::new),
            latency: answer.latency_ns.map(Nanos::new),
            ..Outcome::default()
        };
        rows.push(Row::new(answer.text, Fold::Train, domain, vec![outcome]));
    }
    Ok(rows)
}
