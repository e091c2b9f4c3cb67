//! Sums up lines that are alike, for an export.

use std::sync::Arc;

use ledger::{Charge, ChargeRate, Meter, Method, Price, RateId};
use units::{Bucket, Currency, ExpertId, Pico, ScenarioId, TenantId, Timestamp};

use super::database::Readers;
use super::link::query;
use super::names::NONE;
use super::{names, number, rows};
use crate::{Span, StoreError, TakeCharge};

/// One pass over the lines: an index by bucket would cost every request, an export is made once in a while.
const CHARGES: &str = "
    SELECT start, purpose, alike.meter AS meter, method, late, lines, unknown,
        quantity_millions, quantity_rest, amount_millions, amount_rest, tokens,
        tenants.text AS tenant_text, scenarios.text AS scenario_text, experts.text AS expert_text,
        hosts.text AS host_text, tags.text AS tags_text,
        rates.rate AS rate, rates.subject, rates.pico, rates.per, rates.effective, rates.currency, rates.source
    FROM (
        SELECT lines.bucket / $1 * $1 AS start, lines.tenant, lines.scenario, lines.expert, lines.purpose,
            lines.meter, lines.method, lines.rate AS line_rate,
            COALESCE(pool_windows.pool, attempts.host, 0) AS host, lines.tags,
            CAST(CASE WHEN lines.origin IS NULL THEN 0 ELSE 1 END AS BIGINT) AS late,
            COUNT(*) AS lines, COUNT(CASE WHEN lines.amount IS NULL THEN 1 END) AS unknown,
            CAST(COALESCE(SUM(lines.quantity / 1000000), 0) AS BIGINT) AS quantity_millions,
            CAST(COALESCE(SUM(lines.quantity % 1000000), 0) AS BIGINT) AS quantity_rest,
            CAST(COALESCE(SUM(lines.amount / 1000000), 0) AS BIGINT) AS amount_millions,
            CAST(COALESCE(SUM(lines.amount % 1000000), 0) AS BIGINT) AS amount_rest,
            CAST(SUM(COALESCE(input_uncached, 0) + COALESCE(cache_read, 0) + COALESCE(cache_write, 0)
                + COALESCE(output_text, 0) + COALESCE(output_reasoning, 0)) FILTER (WHERE attempts.attempt IS NOT NULL) AS BIGINT)
                AS tokens
        FROM lines
        LEFT JOIN attempts ON attempts.attempt = lines.attempt
        LEFT JOIN pool_windows ON pool_windows.id = lines.pool_window
        WHERE lines.bucket >= $2 AND lines.bucket < $3 AND ($4 = 0 OR lines.tenant = $4)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ) AS alike
    LEFT JOIN names AS tenants ON tenants.id = tenant
    LEFT JOIN names AS scenarios ON scenarios.id = scenario
    LEFT JOIN names AS experts ON experts.id = expert
    LEFT JOIN names AS hosts ON hosts.id = host
    LEFT JOIN names AS tags ON tags.id = alike.tags
    LEFT JOIN rates ON rates.rate = line_rate
    ORDER BY start, tenant_text NULLS FIRST, scenario_text NULLS FIRST, expert_text NULLS FIRST, purpose, alike.meter,
        method, late, host_text NULLS FIRST, line_rate NULLS FIRST, tags_text NULLS FIRST";

/// A row of the statement.
#[derive(sqlx::FromRow)]
struct Alike {
    start: i64,
    purpose: i64,
    meter: i64,
    method: i64,
    late: i64,
    lines: i64,
    unknown: i64,
    quantity_millions: i64,
    quantity_rest: i64,
    amount_millions: i64,
    amount_rest: i64,
    tokens: Option<i64>,
    tenant_text: Option<String>,
    scenario_text: Option<String>,
    expert_text: Option<String>,
    host_text: Option<String>,
    tags_text: Option<String>,
    rate: Option<i64>,
    subject: Option<String>,
    pico: Option<i64>,
    per: Option<i64>,
    effective: Option<i64>,
    currency: Option<String>,
    source: Option<String>,
}

/// Gives every charge of the span to `take`.
pub(super) async fn read(
    readers: &Readers,
    tenant: Option<TenantId>,
    span: Span,
    step: u32,
    take: &mut TakeCharge<'_>,
) -> Result<(), StoreError> {
    let mut open = readers.view().await?;
    let mut view = open.link();
    let tenant = match tenant {
        None => NONE,
        Some(tenant) => {
            let found: Option<(i64,)> = query("SELECT id FROM names WHERE text = $1")
                .bind(tenant.as_str())
                .fetch_optional(&mut view)
                .await?;
            let Some((tenant,)) = found else {
                return Ok(());
            };
            tenant
        }
    };
    let step = i64::from(step.max(1));
    query(CHARGES)
        .bind(step)
        .bind(span.from.index())
        .bind(span.to.index())
        .bind(tenant)
        .fetch_each(&mut view, &mut |row: Alike| Ok(take(charge(row, step)?)))
        .await
}

fn charge(row: Alike, step: i64) -> Result<Charge, StoreError> {
    let code =
        |name: &'static str, code: i64| u8::try_from(code).map_err(|_| StoreError::Damaged(name));
    let rate = rate(&row)?;
    let payer = match (&row.tenant_text, &row.scenario_text) {
        (Some(tenant), Some(scenario)) => Some((
            names::parse(tenant, TenantId::new)?,
            names::parse(scenario, ScenarioId::new)?,
        )),
        _ => None,
    };
    let quantity = number::halves(row.quantity_millions, row.quantity_rest);
    Ok(Charge {
        from: Bucket::from_index(row.start),
        to: Bucket::from_index(row.start.saturating_add(step)),
        payer,
        expert: match row.expert_text {
            None => None,
            Some(expert) => Some(names::parse(&expert, ExpertId::new)?),
        },
        purpose: match row.purpose {
            NONE => None,
            purpose => Some(rows::purpose_from(purpose)?),
        },
        meter: Meter::from_code(code("meter", row.meter)?).ok_or(StoreError::Damaged("meter"))?,
        method: Method::from_code(code("method", row.method)?)
            .ok_or(StoreError::Damaged("method"))?,
        late: row.late != 0,
        tags: row.tags_text.as_deref().map(names::tags).transpose()?,
        host: row.host_text.map(Arc::from),
        rate,
        lines: number::unsigned(row.lines),
        unknown: number::unsigned(row.unknown),
        quantity: u64::try_from(quantity.get()).unwrap_or(u64::MAX),
        tokens: row.tokens.map(number::unsigned),
        amount: number::halves(row.amount_millions, row.amount_rest),
    })
}

fn rate(row: &Alike) -> Result<Option<ChargeRate>, StoreError> {
    let Some(id) = row.rate else {
        return Ok(None);
    };
    // A row of the price list has every column.
    let (Some(subject), Some(pico), Some(per), Some(effective), Some(currency), Some(source)) = (
        &row.subject,
        row.pico,
        row.per,
        row.effective,
        &row.currency,
        &row.source,
    ) else {
        return Err(StoreError::Damaged("rate"));
    };
    let price = Price::new(Pico::new(pico.into()), number::unsigned(per))?;
    Ok(Some(ChargeRate {
        id: RateId::from_number(u64::from_ne_bytes(id.to_ne_bytes())),
        subject: subject.as_str().into(),
        price,
        effective: Timestamp::from_unix_nanos(effective),
        currency: Currency::new(currency).map_err(|_| StoreError::Damaged("currency"))?,
        source: source.as_str().into(),
    }))
}
