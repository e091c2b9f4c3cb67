//! Medical questions answered by ten models, with counted tokens and measured seconds; prices are assumed ones.

use std::collections::HashMap;

use router::Price;
use serde_json::{Map, Value};
use units::{Nanos, Pico, Tokens};

use super::files::{File, Folder, expert_id};
use super::fold_of;
use crate::LearnError;
use crate::table::{Outcome, OutcomeTable, Row, TableExpert};

pub(super) fn load(folder: &Folder) -> Result<OutcomeTable, LearnError> {
    let questions = folder.with(&["id", "dataset", "question", "options"])?;
    let outcomes = folder.with(&[
        "id",
        "model",
        "correct",
        "prompt_tokens",
        "completion_tokens",
        "latency_s",
    ])?;
    let prices = folder.with(&["model", "usd_per_m_input", "usd_per_m_output"]);
    let prices = prices.unwrap_or_default();
    let all: Vec<&File> = questions
        .iter()
        .chain(&outcomes)
        .chain(&prices)
        .copied()
        .collect();
    let mut table = OutcomeTable {
        sources: Folder::sources(&all, "Apache-2.0 AND MIT"),
        money: "counted tokens at the list prices of the set's own table, which are assumed"
            .to_owned(),
        ..OutcomeTable::default()
    };
    let mut places = HashMap::new();
    for file in &questions {
        for (place, fields) in file.rows() {
            let text = prompt(file, &place, fields)?;
            let fold = fold_of(folder, file, &place, file.optional(fields, "split"), &text)?;
            let dataset = file.text(&place, fields, "dataset")?;
            let domain = table.slice(dataset, dataset);
            places.insert(
                file.text(&place, fields, "id")?.to_owned(),
                table.rows.len(),
            );
            table
                .rows
                .push(Row::new(text, fold, Some(domain), Vec::new()));
        }
    }
    for file in &outcomes {
        for (place, fields) in file.rows() {
            let id = file.text(&place, fields, "id")?;
            let Some(at) = places.get(id) else {
                return Err(LearnError::row(
                    &file.path,
                    place,
                    format!("no question has the id {id:?}"),
                ));
            };
            let model = file.text(&place, fields, "model")?;
            let expert = expert(&mut table, file, &place, model)?;
            let seconds = file.number(&place, fields, "latency_s")?;
            let outcome = Outcome {
                quality: Some(file.share(&place, fields, "correct")?),
                input: Some(Tokens::new(file.count(&place, fields, "prompt_tokens")?)),
                output: Some(Tokens::new(file.count(
                    &place,
                    fields,
                    "completion_tokens",
                )?)),
                latency: std::time::Duration::try_from_secs_f64(seconds)
                    .ok()
                    .map(Nanos::from_duration),
                ..Outcome::default()
            };
            if let Some(row) = table.rows.get_mut(*at) {
                if row.outcomes.len() <= expert {
                    row.outcomes.resize(expert + 1, Outcome::default());
                }
                if let Some(slot) = row.outcomes.get_mut(expert) {
                    *slot = outcome;
                }
            }
        }
    }
    for file in &prices {
        for (place, fields) in file.rows() {
            let model = file.text(&place, fields, "model")?;
            let at = expert(&mut table, file, &place, model)?;
            let price = Price {
                per_input_token: pico(file.number(&place, fields, "usd_per_m_input")?),
                per_output_token: pico(file.number(&place, fields, "usd_per_m_output")?),
                ..Price::default()
            };
            if let Some(known) = table.experts.get_mut(at) {
                known.price = price;
            }
        }
    }
    let experts = table.experts.len();
    for row in &mut table.rows {
        row.outcomes.resize(experts, Outcome::default());
    }
    table
        .rows
        .retain(|row| row.outcomes.iter().any(|outcome| outcome.quality.is_some()));
    table.charge();
    Ok(table)
}

/// The question with its options, as it was asked.
fn prompt(file: &File, place: &str, fields: &Map<String, Value>) -> Result<String, LearnError> {
    let mut text = file.text(place, fields, "question")?.to_owned();
    let Some(options) = fields.get("options").and_then(Value::as_object) else {
        return Err(LearnError::row(
            &file.path,
            format!("{place}: options"),
            "an object is expected",
        ));
    };
    for (letter, option) in options {
        text.push('\n');
        text.push_str(letter);
        text.push_str(". ");
        text.push_str(option.as_str().unwrap_or(""));
    }
    Ok(text)
}

/// Position of a model among the experts; it is added where it is new.
fn expert(
    table: &mut OutcomeTable,
    file: &File,
    place: &str,
    model: &str,
) -> Result<usize, LearnError> {
    let id = expert_id(file, place, model)?;
    if let Some(at) = table.experts.iter().position(|expert| expert.id == id) {
        return Ok(at);
    }
    table.experts.push(TableExpert {
        id,
        domain: table.domains.first().cloned().unwrap_or_default(),
        price: Price::default(),
    });
    Ok(table.experts.len() - 1)
}

/// Dollars for a million tokens as 1e-12 dollars for one.
fn pico(dollars: f64) -> Pico {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "list prices are far below 2^63 pico"
    )]
    let pico = (dollars.clamp(0.0, 1e6) * 1e6).round() as i128;
    Pico::new(pico)
}
