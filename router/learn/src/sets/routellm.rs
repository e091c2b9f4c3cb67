//! RouteLLM's outcomes: two models, right or wrong, and for MMLU the subject and the wider domain.

use router::Price;
use units::{ExpertId, Pico, Tokens};

use super::files::Folder;
use super::{SetName, fold_of};
use crate::LearnError;
use crate::table::{Outcome, OutcomeTable, Row, TableExpert};

/// Columns, ids and prices (dollars for a million tokens, input and output alike) of the two models, as in the paper.
const MODELS: [(&str, &str, &str, i128); 2] = [
    (
        "mixtral_8x7b_ok",
        "mixtral_8x7b_response",
        "mixtral-8x7b",
        240_000,
    ),
    (
        "gpt4_1106_ok",
        "gpt4_1106_response",
        "gpt-4-1106",
        24_700_000,
    ),
];

pub(super) fn load(set: SetName, folder: &Folder) -> Result<OutcomeTable, LearnError> {
    let mut columns = vec!["prompt", MODELS[0].0, MODELS[1].0];
    if set == SetName::RoutellmMmlu {
        columns.push("subject");
    } else {
        columns.push(MODELS[0].1);
    }
    let files = folder.with(&columns)?;
    let mut table = OutcomeTable {
        sources: Folder::sources(&files, "Apache-2.0 AND MIT"),
        money: "the paper's prices by token (GPT-4 $24.7, Mixtral $0.24 a million); a token is four bytes".to_owned(),
        ..OutcomeTable::default()
    };
    for (at, file) in files.iter().enumerate() {
        for (place, fields) in file.rows() {
            let text = file.text(&place, fields, "prompt")?;
            let fold = fold_of(folder, file, &place, file.optional(fields, "split"), text)?;
            let slice = file.optional(fields, "subject").unwrap_or("math");
            let area = file.optional(fields, "domain").unwrap_or(slice);
            let domain = table.slice(slice, area);
            let mut outcomes = Vec::new();
            for (flag, response, ..) in MODELS {
                let answer = file.optional(fields, response);
                outcomes.push(Outcome {
                    quality: Some(file.share(&place, fields, flag)?),
                    output: answer.map(|text| {
                        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                        Tokens::new(bytes.div_ceil(4))
                    }),
                    ..Outcome::default()
                });
            }
            table.rows.push(Row {
                source: at,
                ..Row::new(text.to_owned(), fold, Some(domain), outcomes)
            });
        }
    }
    for (_, _, id, price) in MODELS {
        let id = ExpertId::new(id);
        let id = id.map_err(|error| LearnError::unfit(set.as_str(), error.to_string()))?;
        table.experts.push(TableExpert {
            id,
            domain: table.domains.first().cloned().unwrap_or_default(),
            price: Price {
                per_input_token: Pico::new(price),
                per_output_token: Pico::new(price),
                ..Price::default()
            },
        });
    }
    table.charge();
    Ok(table)
}
