//! Sums up lines that are alike, for an export.

use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::TryStreamExt;
use ledger::{Charge, ChargeRate, Meter, Method, Price, RateId};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Acquire, Row};
use units::{Bucket, Currency, ExpertId, Pico, ScenarioId, TenantId, Timestamp};

use super::names::NONE;
use super::{names, number, rows};
use crate::{Span, StoreError, TakeCharge};

/// One pass over the lines: an index by bucket would cost every request, an export is made once in a while.
const CHARGES: &str = "
    SELECT start, purpose, alike.meter AS meter, method, lines, unknown,
        quantity_millions, quantity_rest, amount_millions, amount_rest, tokens,
        tenants.text AS tenant_text, scenarios.text AS scenario_text, experts.text AS expert_text,
        hosts.text AS host_text,
        rates.rate AS rate, rates.subject, rates.pico, rates.per, rates.effective, rates.currency, rates.source
    FROM (
        SELECT lines.bucket / ?1 * ?1 AS start, lines.tenant, lines.scenario, lines.expert, lines.purpose,
            lines.meter, lines.method, lines.rate AS line_rate,
            COALESCE(pool_windows.pool, attempts.host, 0) AS host,
            COUNT(*) AS lines, SUM(lines.amount IS NULL) AS unknown,
            COALESCE(SUM(lines.quantity / 1000000), 0) AS quantity_millions,
            COALESCE(SUM(lines.quantity % 1000000), 0) AS quantity_rest,
            COALESCE(SUM(lines.amount / 1000000), 0) AS amount_millions,
            COALESCE(SUM(lines.amount % 1000000), 0) AS amount_rest,
            SUM(COALESCE(input_uncached, 0) + COALESCE(cache_read, 0) + COALESCE(cache_write, 0)
                + COALESCE(output_text, 0) + COALESCE(output_reasoning, 0)) FILTER (WHERE attempts.attempt IS NOT NULL)
                AS tokens
        FROM lines
        LEFT JOIN attempts ON attempts.attempt = lines.attempt
        LEFT JOIN pool_windows ON pool_windows.id = lines.pool_window
        WHERE lines.bucket >= ?2 AND lines.bucket < ?3 AND (?4 = 0 OR lines.tenant = ?4)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ) AS alike
    LEFT JOIN names AS tenants ON tenants.id = tenant
    LEFT JOIN names AS scenarios ON scenarios.id = scenario
    LEFT JOIN names AS experts ON experts.id = expert
    LEFT JOIN names AS hosts ON hosts.id = host
    LEFT JOIN rates ON rates.rate = line_rate
    ORDER BY start, tenant_text, scenario_text, expert_text, purpose, alike.meter, method, host_text, line_rate";

/// Gives every charge of the span to `take`.
pub(super) async fn read(
    readers: &SqlitePool,
    tenant: Option<TenantId>,
    span: Span,
    step: u32,
    take: &mut TakeCharge<'_>,
) -> Result<(), StoreError> {
    let mut reader = readers.acquire().await?;
    let mut view = reader.begin().await?;
    let tenant = match tenant {
        None => NONE,
        Some(tenant) => {
            let found: Option<(i64,)> = sqlx::query_as("SELECT id FROM names WHERE text = ?")
                .bind(tenant.as_str())
                .fetch_optional(&mut *view)
                .await?;
            let Some((tenant,)) = found else {
                return Ok(());
            };
            tenant
        }
    };
    let step = i64::from(step.max(1));
    let mut found = sqlx::query(CHARGES)
        .bind(step)
        .bind(span.from.index())
        .bind(span.to.index())
        .bind(tenant)
        .fetch(&mut *view);
    while let Some(row) = found.try_next().await? {
        if take(charge(&row, step)?) == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}

fn charge(row: &SqliteRow, step: i64) -> Result<Charge, StoreError> {
    let code = |name: &'static str| -> Result<u8, StoreError> {
        u8::try_from(row.try_get::<i64, _>(name)?).map_err(|_| StoreError::Damaged(name))
    };
    let count = |name: &str| -> Result<u64, StoreError> {
        Ok(number::unsigned(row.try_get::<i64, _>(name)?))
    };
    let text = |name: &str| -> Result<Option<String>, StoreError> {
        Ok(row.try_get::<Option<String>, _>(name)?)
    };
    let sum = |millions: &str, rest: &str| -> Result<Pico, StoreError> {
        Ok(number::halves(row.try_get(millions)?, row.try_get(rest)?))
    };
    let start: i64 = row.try_get("start")?;
    let payer = match (text("tenant_text")?, text("scenario_text")?) {
        (Some(tenant), Some(scenario)) => Some((
            names::parse(&tenant, TenantId::new)?,
            names::parse(&scenario, ScenarioId::new)?,
        )),
        _ => None,
    };
    let expert = text("expert_text")?;
    let purpose: i64 = row.try_get("purpose")?;
    let quantity = sum("quantity_millions", "quantity_rest")?;
    Ok(Charge {
        from: Bucket::from_index(start),
        to: Bucket::from_index(start.saturating_add(step)),
        payer,
        expert: match expert {
            None => None,
            Some(expert) => Some(names::parse(&expert, ExpertId::new)?),
        },
        purpose: match purpose {
            NONE => None,
            purpose => Some(rows::purpose_from(purpose)?),
        },
        meter: Meter::from_code(code("meter")?).ok_or(StoreError::Damaged("meter"))?,
        method: Method::from_code(code("method")?).ok_or(StoreError::Damaged("method"))?,
        host: text("host_text")?.map(Arc::from),
        rate: rate(row)?,
        lines: count("lines")?,
        unknown: count("unknown")?,
        quantity: u64::try_from(quantity.get()).unwrap_or(u64::MAX),
        tokens: row
            .try_get::<Option<i64>, _>("tokens")?
            .map(number::unsigned),
        amount: sum("amount_millions", "amount_rest")?,
    })
}

fn rate(row: &SqliteRow) -> Result<Option<ChargeRate>, StoreError> {
    let Some(id) = row.try_get::<Option<i64>, _>("rate")? else {
        return Ok(None);
    };
    let (pico, per): (i64, i64) = (row.try_get("pico")?, row.try_get("per")?);
    let price = Price::new(Pico::new(pico.into()), number::unsigned(per))?;
    let currency: String = row.try_get("currency")?;
    Ok(Some(ChargeRate {
        id: RateId::from_number(u64::from_ne_bytes(id.to_ne_bytes())),
        subject: row.try_get::<String, _>("subject")?.into(),
        price,
        effective: Timestamp::from_unix_nanos(row.try_get("effective")?),
        currency: Currency::new(&currency).map_err(|_| StoreError::Damaged("currency"))?,
        source: row.try_get::<String, _>("source")?.into(),
    }))
}
