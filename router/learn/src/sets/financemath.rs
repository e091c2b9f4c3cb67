//! Finance problems by 51 models in two modes; a model in a mode is an expert. Small: made for joining new experts.

use std::collections::HashMap;

use router::Price;
use serde_json::Value;
use units::{Pico, Tokens};

use super::files::{Folder, expert_id};
use super::fold_of;
use crate::LearnError;
use crate::table::{Outcome, OutcomeTable, Row, TableExpert};

pub(super) fn load(folder: &Folder) -> Result<OutcomeTable, LearnError> {
    let questions = folder.with(&["id", "topic", "question", "tables"])?;
    let outcomes = folder.with(&["id", "model", "mode", "correct", "output_chars"])?;
    let all: Vec<_> = questions.iter().chain(&outcomes).copied().collect();
    let mut table = OutcomeTable {
        sources: Folder::sources(&all, "MIT"),
        money: "prices are not known: an output token costs one dollar a million with every model, and is four letters"
            .to_owned(),
        ..OutcomeTable::default()
    };
    let mut places = HashMap::new();
    for file in &questions {
        for (place, fields) in file.rows() {
            let mut text = file.text(&place, fields, "question")?.to_owned();
            let tables = fields.get("tables").and_then(Value::as_array);
            for pasted in tables.into_iter().flatten().filter_map(Value::as_str) {
                text.push('\n');
                text.push_str(pasted);
            }
            let fold = fold_of(folder, file, &place, file.optional(fields, "split"), &text)?;
            let topic = file.text(&place, fields, "topic")?;
            let domain = table.slice(topic, topic);
            places.insert(
                file.text(&place, fields, "id")?.to_owned(),
                table.rows.len(),
            );
            table
                .rows
                .push(Row::new(text, fold, Some(domain), Vec::new()));
        }
    }
    let mut experts = HashMap::new();
    for file in &outcomes {
        for (place, fields) in file.rows() {
            let id = file.text(&place, fields, "id")?;
            let Some(row) = places.get(id).and_then(|at| table.rows.get_mut(*at)) else {
                return Err(LearnError::row(
                    &file.path,
                    place,
                    format!("no question has the id {id:?}"),
                ));
            };
            let (model, mode) = (
                file.text(&place, fields, "model")?,
                file.text(&place, fields, "mode")?,
            );
            let id = expert_id(file, &place, &format!("{model}-{mode}"))?;
            let at = *experts.entry(id.clone()).or_insert_with(|| {
                table.experts.push(TableExpert {
                    id,
                    domain: String::new(),
                    price: Price {
                        per_output_token: Pico::new(1_000_000),
                        ..Price::default()
                    },
                });
                table.experts.len() - 1
            });
            if row.outcomes.len() <= at {
                row.outcomes.resize(at + 1, Outcome::default());
            }
            let letters = file.count(&place, fields, "output_chars")?;
            if let Some(slot) = row.outcomes.get_mut(at) {
                slot.quality = Some(file.share(&place, fields, "correct")?);
                slot.output = Some(Tokens::new(letters.div_ceil(4)));
            }
        }
    }
    let (count, first) = (
        table.experts.len(),
        table.domains.first().cloned().unwrap_or_default(),
    );
    for row in &mut table.rows {
        row.outcomes.resize(count, Outcome::default());
    }
    for expert in &mut table.experts {
        expert.domain.clone_from(&first);
    }
    table.charge();
    Ok(table)
}
