//! Costs by the tags of their requests: what has tags, and the rest.

use std::collections::BTreeMap;

use dashboard::Block;
use ledger::{Meter, Tags};
use ledger_store::{CostRow, Span};
use units::{ExpertId, Pico, Purpose, ScenarioId, TenantId};

use super::super::super::visit::Visit;
use super::{PageError, Question};

/// What an axis of tags begins with in the address.
pub(super) const AXIS: &str = "tag-";
/// Where what has no such tag stands.
pub(super) const NONE: &str = "not tagged";

/// A part of the costs: of requests with the same tags, or of all without.
pub(super) struct Part {
    pub(super) cost: CostRow,
    tags: Option<Tags>,
}

/// The value of a tag.
pub(super) fn value(part: &Part, key: &str) -> String {
    let value = part.tags.as_ref().and_then(|tags| tags.get(key));
    value.unwrap_or(NONE).to_owned()
}

/// The keys of tags that the tenant has configured.
pub(super) fn keys(visit: &Visit) -> impl Iterator<Item = String> {
    let tenant = visit.app.tenants.get(visit.tenant());
    tenant
        .into_iter()
        .flat_map(|tenant| tenant.tags.iter().cloned())
}

/// What a page of tags must say.
pub(super) fn explained() -> Block {
    Block::Words(
        "What tags tell".to_owned(),
        vec![
            "A request carries the tags of its key or token, and those its metadata declares under the keys your \
             configuration names. Loading and idle time are no request's: they are not tagged."
                .to_owned(),
        ],
    )
}

/// What a cell of cost is about.
type Cell = (
    i64,
    Option<(TenantId, ScenarioId)>,
    Option<ExpertId>,
    Option<Purpose>,
    Meter,
);

fn cell(row: &CostRow) -> Cell {
    let (payer, expert) = (row.payer.clone(), row.expert.clone());
    (row.start.index(), payer, expert, row.purpose, row.meter)
}

/// The costs of the visitor's tenant, in parts by tags where the question is of them.
pub(super) async fn parts(
    visit: &Visit,
    question: &Question<'_>,
    (span, step): (Span, u32),
) -> Result<Vec<Part>, PageError> {
    let store = visit.app.recorder.store();
    let all = store
        .costs(Some(visit.tenant().clone()), span, step)
        .await?;
    let tagged = match question.is_of_tags() {
        true => {
            store
                .tagged_costs(visit.tenant().clone(), span, step)
                .await?
        }
        false => Vec::new(),
    };
    let mut sums: BTreeMap<Cell, (u64, u64, Pico, Pico)> = BTreeMap::new();
    for one in &tagged {
        let sum = sums.entry(cell(&one.cost)).or_default();
        sum.0 = sum.0.saturating_add(one.cost.lines);
        sum.1 = sum.1.saturating_add(one.cost.unknown);
        sum.2 = [sum.2, one.cost.quantity].into_iter().sum();
        sum.3 = [sum.3, one.cost.amount].into_iter().sum();
    }
    let less = |all: Pico, part: Pico| all.checked_sub(part).unwrap_or(all);
    let rest = all.into_iter().filter_map(|row| {
        let (lines, unknown, quantity, amount) = sums.remove(&cell(&row)).unwrap_or_default();
        let lines = row.lines.saturating_sub(lines);
        let cost = CostRow {
            lines,
            unknown: row.unknown.saturating_sub(unknown),
            quantity: less(row.quantity, quantity),
            amount: less(row.amount, amount),
            ..row
        };
        (lines > 0).then_some(Part { cost, tags: None })
    });
    let mut parts: Vec<Part> = rest.collect();
    parts.extend(tagged.into_iter().map(|one| Part {
        cost: one.cost,
        tags: Some(one.tags),
    }));
    Ok(parts)
}
