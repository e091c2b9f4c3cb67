//! Cells of cost, of all requests and of those with tags.

use ledger::Meter;
use units::{Bucket, ExpertId, ScenarioId, TenantId};

use super::{source, stepped};
use crate::sql::link::Link;
use crate::sql::reports::facts::Scope;
use crate::sql::{names, number, rows};
use crate::{CostRow, StoreError, TaggedCost};

/// A cell of cost.
#[derive(sqlx::FromRow)]
pub(super) struct CostCell {
    start: i64,
    tenant: Option<String>,
    scenario: Option<String>,
    expert: Option<String>,
    tags: Option<String>,
    purpose: i64,
    meter: i64,
    lines: i64,
    unknown: i64,
    quantity_millions: i64,
    quantity_rest: i64,
    millions: i64,
    rest: i64,
}

/// Cells by scenario, expert, purpose and meter.
pub(super) async fn cells(
    view: &mut Link<'_>,
    scope: Scope,
    step: u32,
) -> Result<Vec<CostCell>, StoreError> {
    read(view, scope, step, ("cost", "0")).await
}

/// The same by tags, too; nothing of requests without tags.
pub(super) async fn tagged_cells(
    view: &mut Link<'_>,
    scope: Scope,
    step: u32,
) -> Result<Vec<CostCell>, StoreError> {
    read(view, scope, step, ("tagged", "tags")).await
}

async fn read(
    view: &mut Link<'_>,
    scope: Scope,
    step: u32,
    (rollup, tags): (&str, &str),
) -> Result<Vec<CostCell>, StoreError> {
    let sql = format!(
        "SELECT start, tenants.text AS tenant, scenarios.text AS scenario, experts.text AS expert, tags.text AS tags,
             purpose, meter, lines, unknown, quantity_millions, quantity_rest, millions, rest
         FROM (SELECT ((bucket - $6) / $7 * $7 + $6) AS start, tenant, scenario, expert, purpose, meter, {tags} AS tags,
             CAST(SUM(lines) AS BIGINT) AS lines, CAST(SUM(unknown) AS BIGINT) AS unknown,
             CAST(SUM(quantity / 1000000) AS BIGINT) AS quantity_millions,
             CAST(SUM(quantity % 1000000) AS BIGINT) AS quantity_rest,
             CAST(SUM(amount / 1000000) AS BIGINT) AS millions, CAST(SUM(amount % 1000000) AS BIGINT) AS rest
             FROM {} WHERE $5 = 0 OR tenant = $5 GROUP BY 1, 2, 3, 4, 5, 6, 7) AS cells
         LEFT JOIN names AS tenants ON tenants.id = cells.tenant
         LEFT JOIN names AS scenarios ON scenarios.id = cells.scenario
         LEFT JOIN names AS experts ON experts.id = cells.expert
         LEFT JOIN names AS tags ON tags.id = cells.tags
         ORDER BY start, tenants.text NULLS FIRST, scenarios.text NULLS FIRST, experts.text NULLS FIRST, purpose, meter,
             tags.text NULLS FIRST",
        source(rollup, scope, step)
    );
    Ok(stepped(&sql, scope, step).fetch_all(view).await?)
}

pub(super) fn row(cell: &CostCell) -> Result<CostRow, StoreError> {
    let payer = match (&cell.tenant, &cell.scenario) {
        (Some(tenant), Some(scenario)) => Some((
            names::parse(tenant, TenantId::new)?,
            names::parse(scenario, ScenarioId::new)?,
        )),
        _ => None,
    };
    let meter = u8::try_from(cell.meter).ok().and_then(Meter::from_code);
    Ok(CostRow {
        start: Bucket::from_index(cell.start),
        payer,
        expert: match &cell.expert {
            None => None,
            Some(expert) => Some(names::parse(expert, ExpertId::new)?),
        },
        purpose: match cell.purpose {
            names::NONE => None,
            purpose => Some(rows::purpose_from(purpose)?),
        },
        meter: meter.ok_or(StoreError::Damaged("meter"))?,
        lines: number::unsigned(cell.lines),
        unknown: number::unsigned(cell.unknown),
        quantity: number::halves(cell.quantity_millions, cell.quantity_rest),
        amount: number::halves(cell.millions, cell.rest),
    })
}

pub(super) fn tagged(cell: &CostCell) -> Result<TaggedCost, StoreError> {
    let tags = cell.tags.as_deref().ok_or(StoreError::Damaged("tags"))?;
    Ok(TaggedCost {
        tags: names::tags(tags)?,
        cost: row(cell)?,
    })
}
