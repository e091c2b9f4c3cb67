//! Lines that were priced by the unit, with what their price depends on: what a run over them prices again.

use ledger::{LineId, Meter, Method};
use units::{ExpertId, Pico, ProviderId, Timestamp};
use uuid::Uuid;

use crate::sql::link::{Link, query};
use crate::sql::{names, number};
use crate::{Span, StoreError, UnitPriced};

#[derive(sqlx::FromRow)]
struct Row {
    line: Vec<u8>,
    provider: String,
    expert: String,
    meter: i64,
    quantity: i64,
    amount: Option<i64>,
    rate: Option<i64>,
    finished: i64,
    input_uncached: Option<i64>,
    cache_read: Option<i64>,
    cache_write: Option<i64>,
}

pub(super) async fn read(
    link: &mut Link<'_>,
    span: Span,
    after: Option<LineId>,
    most: u32,
) -> Result<Vec<UnitPriced>, StoreError> {
    // Every id is above the empty one.
    let after = after.map_or(Vec::new(), |line| line.bytes().to_vec());
    let rows: Vec<Row> = query(
        "SELECT lines.line, hosts.text AS provider, experts.text AS expert, lines.meter, lines.quantity,
             lines.amount, lines.rate, attempts.finished, attempts.input_uncached, attempts.cache_read,
             attempts.cache_write
         FROM lines JOIN attempts ON attempts.attempt = lines.attempt
             JOIN names AS hosts ON hosts.id = attempts.host
             JOIN names AS experts ON experts.id = attempts.expert
         WHERE lines.method = $1 AND lines.quantity IS NOT NULL AND lines.bucket >= $2 AND lines.bucket < $3
             AND lines.line > $4
             AND NOT EXISTS (SELECT 1 FROM lines AS later WHERE later.corrects = lines.line)
         ORDER BY lines.line LIMIT $5",
    )
    .bind(i64::from(Method::TokenPrice1.code()))
    .bind(span.from.index())
    .bind(span.to.index())
    .bind(after.as_slice())
    .bind(i64::from(most))
    .fetch_all(link)
    .await?;
    rows.iter().map(told).collect()
}

fn told(row: &Row) -> Result<UnitPriced, StoreError> {
    let line = Uuid::from_slice(&row.line).map_err(|_| StoreError::Damaged("line id"))?;
    let meter = u8::try_from(row.meter).ok().and_then(Meter::from_code);
    let cached = [row.cache_read, row.cache_write].into_iter().flatten();
    let input = row
        .input_uncached
        .map(|first| cached.fold(first, i64::saturating_add));
    Ok(UnitPriced {
        line: LineId::from_bytes(line.into_bytes()),
        provider: names::parse(&row.provider, ProviderId::new)?,
        expert: names::parse(&row.expert, ExpertId::new)?,
        meter: meter.ok_or(StoreError::Damaged("meter"))?,
        quantity: number::unsigned(row.quantity),
        input: input.map(number::unsigned),
        finished: Timestamp::from_unix_nanos(row.finished),
        amount: row.amount.map(|amount| Pico::new(amount.into())),
        rate: row.rate.map(number::rate_id),
    })
}
