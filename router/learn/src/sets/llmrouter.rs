//! Fourteen tasks by nine open models, scored in `[0, 1]`. The set has no splits and records no cost.

use router::Price;
use serde_json::Value;
use units::Pico;

use super::files::{Folder, expert_id};
use super::fold_of;
use crate::LearnError;
use crate::table::{Outcome, OutcomeTable, Row, TableExpert};

/// Price of one request for each billion parameters: a thousandth of a cent.
const PER_BILLION: i128 = 10_000_000;

pub(super) fn load(folder: &Folder) -> Result<OutcomeTable, LearnError> {
    let files = folder.with(&["task", "question", "scores"])?;
    let mut table = OutcomeTable {
        sources: Folder::sources(&files, "MIT"),
        money: "not recorded: a request is taken to cost as many thousandths of a cent as the model's name has billions \
                of parameters"
            .to_owned(),
        ..OutcomeTable::default()
    };
    for (source, file) in files.iter().enumerate() {
        for (place, fields) in file.rows() {
            let text = file.text(&place, fields, "question")?;
            let fold = fold_of(folder, file, &place, file.optional(fields, "split"), text)?;
            let task = file.text(&place, fields, "task")?;
            let domain = table.slice(task, task);
            let Some(scores) = fields.get("scores").and_then(Value::as_object) else {
                let place = format!("{place}: scores");
                return Err(LearnError::row(&file.path, place, "an object is expected"));
            };
            let mut outcomes = vec![Outcome::default(); table.experts.len()];
            for model in scores.keys() {
                let id = expert_id(file, &place, model)?;
                let known = table.experts.iter().position(|expert| expert.id == id);
                let at = known.unwrap_or_else(|| {
                    table.experts.push(TableExpert {
                        id,
                        domain: task.to_owned(),
                        price: Price {
                            per_request: Pico::new(
                                billions(model).saturating_mul(PER_BILLION) / 10,
                            ),
                            ..Price::default()
                        },
                    });
                    outcomes.push(Outcome::default());
                    table.experts.len() - 1
                });
                if let Some(slot) = outcomes.get_mut(at) {
                    slot.quality = Some(file.share(&place, scores, model)?);
                }
            }
            table.rows.push(Row {
                source,
                ..Row::new(text.to_owned(), fold, Some(domain), outcomes)
            });
        }
    }
    let experts = table.experts.len();
    for row in &mut table.rows {
        row.outcomes.resize(experts, Outcome::default());
    }
    table.charge();
    Ok(table)
}

/// Tenths of billions of parameters in a model's name, such as 490 in `nemotron-super-49b-v1`; 100 where it says none.
fn billions(name: &str) -> i128 {
    let parts = name.split(['-', '_', ':']);
    let sizes = parts.filter_map(|part| part.strip_suffix(['b', 'B'])?.parse::<f32>().ok());
    let size = sizes.fold(0.0_f32, f32::max);
    #[expect(clippy::cast_possible_truncation, reason = "a size is far below 2^63")]
    let tenths = (size.clamp(0.0, 1e5) * 10.0).round() as i128;
    if tenths > 0 { tenths } else { 100 }
}
