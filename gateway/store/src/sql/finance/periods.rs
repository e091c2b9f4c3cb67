//! Months are closed in their order, each with a hash over its lines and the close before.

use std::ops::ControlFlow;

use ledger::Month;
use sha2::{Digest, Sha256};
use units::{Bucket, Pico, Timestamp};

use super::{amount, audit};
use crate::sql::link::{Link, query};
use crate::sql::number;
use crate::{Author, Note, PeriodRecord, PeriodState, StoreError};

/// A row of `periods`.
#[derive(sqlx::FromRow)]
struct Row {
    month: i64,
    state: i64,
    at: i64,
    lines: i64,
    unknown: i64,
    pending: i64,
    amount: String,
    hash: Option<Vec<u8>>,
}

fn record(row: Row) -> Result<PeriodRecord, StoreError> {
    let hash = row.hash.map(<[u8; 32]>::try_from);
    Ok(PeriodRecord {
        month: Month::of(Timestamp::from_unix_nanos(row.month)),
        state: PeriodState::from_code(row.state).ok_or(StoreError::Damaged("period"))?,
        at: Timestamp::from_unix_nanos(row.at),
        lines: number::unsigned(row.lines),
        unknown: number::unsigned(row.unknown),
        pending: number::unsigned(row.pending),
        amount: amount(&row.amount)?,
        hash: (hash.transpose()).map_err(|_| StoreError::Damaged("period hash"))?,
    })
}

/// How each month stands that was ever changed, oldest first.
pub(super) async fn all(link: &mut Link<'_>) -> Result<Vec<PeriodRecord>, StoreError> {
    let rows: Vec<Row> = query(
        "SELECT month, state, at, lines, unknown, pending, amount, hash FROM periods AS one
         WHERE id = (SELECT MAX(id) FROM periods AS other WHERE other.month = one.month) ORDER BY month",
    )
    .fetch_all(link)
    .await?;
    rows.into_iter().map(record).collect()
}

/// The first bucket that is not closed: what is about an earlier one is posted here.
pub(in crate::sql) async fn open_from(link: &mut Link<'_>) -> Result<Option<i64>, StoreError> {
    let (last,): (Option<i64>,) = query("SELECT MAX(month) FROM periods WHERE state = 3")
        .fetch_one(link)
        .await?;
    let month = last.map(|month| Month::of(Timestamp::from_unix_nanos(month)));
    Ok(month.map(|month| Bucket::of(month.end()).index()))
}

pub(super) async fn set(
    link: &mut Link<'_>,
    month: Month,
    state: PeriodState,
    by: Author,
) -> Result<PeriodRecord, StoreError> {
    let known = all(link).await?;
    let before = known.iter().find(|record| record.month == month);
    let before = before.map_or(PeriodState::Open, |record| record.state);
    let closed = known.iter().filter(|p| p.state == PeriodState::Closed);
    let last = closed.clone().next_back().cloned();
    if before == PeriodState::Closed {
        return Err(StoreError::Refused("the month is closed for good"));
    }
    if before == state {
        return Err(StoreError::Refused("the month stands so already"));
    }
    if state != PeriodState::Open && by.at < month.end() {
        return Err(StoreError::Refused("the month has not ended"));
    }
    if let Some(last) = &last
        && month < last.month
    {
        return Err(StoreError::Refused("a later month is closed"));
    }
    if state == PeriodState::Closed && earlier(link, month, last.as_ref()).await? {
        return Err(StoreError::Refused(
            "a month before it has lines and is not closed",
        ));
    }
    let chain = last.and_then(|last| last.hash);
    let mut made = summed(link, month, chain).await?;
    made.state = state;
    made.at = by.at;
    if state != PeriodState::Closed {
        made.hash = None;
    }
    let sum = made.amount.get().to_string();
    query(
        "INSERT INTO periods (id, month, state, at, lines, unknown, pending, amount, hash)
         VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM periods), $1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(month.start().unix_nanos())
    .bind(state.code())
    .bind(by.at.unix_nanos())
    .bind(number::signed(made.lines))
    .bind(number::signed(made.unknown))
    .bind(number::signed(made.pending))
    .bind(sum.as_str())
    .bind(made.hash.as_ref().map(<[u8; 32]>::as_slice))
    .execute(link)
    .await?;
    let note = Note {
        tenant: None,
        by,
        action: "period.set".to_owned(),
        object: month.to_string(),
        before: Some(before.as_str().to_owned()),
        after: Some(format!(
            "{}: {} lines, {} without an amount, {} attempts waiting, sum {}",
            state.as_str(),
            made.lines,
            made.unknown,
            made.pending,
            made.amount
        )),
    };
    audit::add(link, &note).await?;
    Ok(made)
}

/// Is there a line between the last close and this month?
async fn earlier(
    link: &mut Link<'_>,
    month: Month,
    last: Option<&PeriodRecord>,
) -> Result<bool, StoreError> {
    let from = last.map_or(i64::MIN, |last| Bucket::of(last.month.end()).index());
    let (there,): (i64,) = query(
        "SELECT COUNT(*) FROM (SELECT 1 FROM cost_days WHERE bucket >= $1 AND bucket < $2 LIMIT 1) AS one",
    )
    .bind(from)
    .bind(Bucket::of(month.start()).index())
    .fetch_one(link)
    .await?;
    Ok(there != 0)
}

/// A line for the hash.
#[derive(sqlx::FromRow)]
struct LineRow {
    line: Vec<u8>,
    tenant: Option<String>,
    scenario: Option<String>,
    meter: i64,
    quantity: Option<i64>,
    amount: Option<i64>,
    rate: Option<i64>,
    method: i64,
    bucket: i64,
    origin: Option<i64>,
    corrects: Option<Vec<u8>>,
}

/// What a month holds, with its hash, chained to `before`.
async fn summed(
    link: &mut Link<'_>,
    month: Month,
    before: Option<[u8; 32]>,
) -> Result<PeriodRecord, StoreError> {
    let (from, to) = (
        Bucket::of(month.start()).index(),
        Bucket::of(month.end()).index(),
    );
    let mut hash = Sha256::new();
    hash.update(before.unwrap_or_default());
    hash.update(month.start().unix_nanos().to_be_bytes());
    let (mut lines, mut unknown, mut sum) = (0_u64, 0_u64, Pico::ZERO);
    let mut take = |row: LineRow| {
        lines = lines.saturating_add(1);
        match row.amount {
            None => unknown = unknown.saturating_add(1),
            Some(amount) => {
                sum = (sum.checked_add(Pico::new(amount.into())))
                    .map_err(ledger::LedgerError::from)?;
            }
        }
        let mut part = |bytes: Option<&[u8]>| {
            // The length leads, and tells nothing from the empty.
            let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(bytes.unwrap_or_default());
        };
        part(Some(&row.line));
        part(row.tenant.as_deref().map(str::as_bytes));
        part(row.scenario.as_deref().map(str::as_bytes));
        for number in [Some(row.meter), Some(row.method), Some(row.bucket)] {
            part(
                number
                    .map(i64::to_be_bytes)
                    .as_ref()
                    .map(<[u8; 8]>::as_slice),
            );
        }
        for number in [row.quantity, row.amount, row.rate, row.origin] {
            part(
                number
                    .map(i64::to_be_bytes)
                    .as_ref()
                    .map(<[u8; 8]>::as_slice),
            );
        }
        part(row.corrects.as_deref());
        Ok(ControlFlow::Continue(()))
    };
    query(
        "SELECT line, tenants.text AS tenant, scenarios.text AS scenario, meter, quantity, amount, rate, method, bucket,
             origin, corrects
         FROM lines LEFT JOIN names AS tenants ON tenants.id = lines.tenant
         LEFT JOIN names AS scenarios ON scenarios.id = lines.scenario
         WHERE bucket >= $1 AND bucket < $2 ORDER BY line",
    )
    .bind(from)
    .bind(to)
    .fetch_each(link, &mut take)
    .await?;
    let (pending,): (i64,) = query(
        "SELECT COUNT(*) FROM attempts WHERE pool_window IS NULL AND finished >= $1 AND finished < $2",
    )
    .bind(month.start().unix_nanos())
    .bind(month.end().unix_nanos())
    .fetch_one(link)
    .await?;
    Ok(PeriodRecord {
        month,
        state: PeriodState::Open,
        at: Timestamp::default(),
        lines,
        unknown,
        pending: number::unsigned(pending),
        amount: sum,
        hash: Some(hash.finalize().into()),
    })
}

/// The first closed month whose lines are not those it was closed with; `None` where all are.
pub(in crate::sql) async fn broken(link: &mut Link<'_>) -> Result<Option<Month>, StoreError> {
    let mut before = None;
    for record in all(link).await? {
        if record.state != PeriodState::Closed {
            continue;
        }
        let made = summed(link, record.month, before).await?;
        if made.hash != record.hash || made.amount != record.amount || made.lines != record.lines {
            return Ok(Some(record.month));
        }
        before = record.hash;
    }
    Ok(None)
}
