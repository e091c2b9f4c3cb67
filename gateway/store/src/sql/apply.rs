//! Posts a batch of events in one transaction.

use std::collections::{BTreeSet, HashMap};

use ledger::{
    AttemptRecord, Host, LedgerEvent, OutcomeRecord, PoolCounters, RequestRecord, Tags, token_lines,
};

use super::finance::periods;
use super::link::{Link, query};
use super::names::Names;
use super::rollup::Rollups;
use super::rows::{ATTEMPTS, AttemptRow, LINES, LineRow, REQUESTS, RequestRow};
use super::{Writer, number, outcomes, samples};
use crate::{Applied, EventBatch, Pricing, StoreError};

pub(super) async fn batch(
    writer: &mut Writer,
    pricing: &Pricing,
    batch: &EventBatch,
) -> Result<Applied, StoreError> {
    let Writer { pen, names } = writer;
    names.begin();
    let mut transaction = pen.begin().await?;
    let mut link = transaction.link();
    let posted = post(&mut link, names, pricing, &batch.events).await?;
    query(
        "INSERT INTO segments (segment, applied) VALUES ($1, $2)
         ON CONFLICT (segment) DO UPDATE SET applied = excluded.applied",
    )
    .bind(batch.segment.as_bytes().as_slice())
    .bind(number::signed(batch.end))
    .execute(&mut link)
    .await?;
    transaction.commit().await?;
    names.commit();
    Ok(posted)
}

/// The events of a batch by kind, each kind in order.
#[derive(Default)]
struct Sorted<'a> {
    requests: Vec<&'a RequestRecord>,
    attempts: Vec<&'a AttemptRecord>,
    outcomes: Vec<&'a OutcomeRecord>,
    counters: Vec<&'a PoolCounters>,
}

async fn post(
    connection: &mut Link<'_>,
    names: &mut Names,
    pricing: &Pricing,
    events: &[LedgerEvent],
) -> Result<Applied, StoreError> {
    let mut sorted = Sorted::default();
    for event in events {
        match event {
            LedgerEvent::Request(record) => sorted.requests.push(record),
            LedgerEvent::Attempt(record) => sorted.attempts.push(record),
            LedgerEvent::Outcome(record) => sorted.outcomes.push(record),
            LedgerEvent::Counters(record) => sorted.counters.push(record),
        }
    }
    for text in sorted.names() {
        names.intern(connection, text).await?;
    }
    let mut applied = Applied::default();
    let mut rollups = Rollups::default();
    let principals = requests(connection, names, &sorted, &mut rollups, &mut applied).await?;
    attempts(
        connection,
        names,
        &sorted,
        &mut rollups,
        &mut applied,
        &Posting {
            pricing,
            principals,
        },
    )
    .await?;
    for record in sorted.outcomes {
        outcomes::post(connection, record, &mut rollups, &mut applied).await?;
    }
    for record in sorted.counters {
        samples::post(connection, names, record).await?;
    }
    rollups.write(connection).await?;
    Ok(applied)
}

/// The principal of each request of the batch.
type Principals = HashMap<[u8; 16], i64>;

struct Posting<'a> {
    pricing: &'a Pricing,
    principals: Principals,
}

async fn requests(
    connection: &mut Link<'_>,
    names: &Names,
    sorted: &Sorted<'_>,
    rollups: &mut Rollups,
    applied: &mut Applied,
) -> Result<Principals, StoreError> {
    let rows = sorted
        .requests
        .iter()
        .map(|record| RequestRow::new(names, record));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let new = REQUESTS
        .insert_new(connection, &rows, |row| row.request, RequestRow::bind)
        .await?;
    for (row, new) in rows.iter().zip(new) {
        if new {
            applied.requests += 1;
            rollups.request(row);
        } else {
            applied.repeated += 1;
        }
    }
    Ok(rows
        .iter()
        .map(|row| (row.request, row.principal))
        .collect())
}

async fn attempts(
    connection: &mut Link<'_>,
    names: &Names,
    sorted: &Sorted<'_>,
    rollups: &mut Rollups,
    applied: &mut Applied,
    posting: &Posting<'_>,
) -> Result<(), StoreError> {
    let rows = sorted
        .attempts
        .iter()
        .map(|record| AttemptRow::new(names, record));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let new = ATTEMPTS
        .insert_new(connection, &rows, |row| row.attempt, AttemptRow::bind)
        .await?;
    let mut lines = Vec::new();
    let open_from = periods::open_from(connection).await?;
    for (row, new) in rows.iter().zip(new) {
        if !new {
            applied.repeated += 1;
            continue;
        }
        applied.attempts += 1;
        rollups.attempt(row);
        if matches!(row.record.host, Host::Pool(_)) {
            applied.pool_attempts += 1;
            continue;
        }
        let priced = token_lines(&posting.pricing.rates, row.record);
        rollups.costed(row, priced.iter().all(|line| line.amount.is_some()));
        let principal = match posting.principals.get(&row.request) {
            Some(principal) => *principal,
            None => principal_of(connection, &row.request).await?,
        };
        for line in priced {
            let line = LineRow {
                tags: row.tags,
                ..LineRow::new(names, &line, None, open_from)?
            };
            if let Some(amount) = line.amount {
                rollups.spend(
                    row.record.finished.unix_nanos(),
                    row.tenant,
                    principal,
                    amount,
                );
            }
            rollups.line(&line);
            lines.push(line);
        }
    }
    // New attempts have new lines: their ids are made of the attempt's.
    LINES.upsert(connection, &lines, LineRow::bind).await
}

/// Who made a request that was posted before; 0 when it is not there.
pub(super) async fn principal_of(
    connection: &mut Link<'_>,
    request: &[u8; 16],
) -> Result<i64, StoreError> {
    let found: Option<(i64,)> = query("SELECT principal FROM requests WHERE request = $1")
        .bind(request.as_slice())
        .fetch_optional(connection)
        .await?;
    Ok(found.map_or(0, |(principal,)| principal))
}

impl<'a> Sorted<'a> {
    /// Every name of the batch, once.
    fn names(&self) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for record in &self.requests {
            names.extend([
                record.tenant.as_str(),
                record.scenario.as_str(),
                &record.principal,
            ]);
            names.extend(record.answered_by.as_ref().map(|expert| expert.as_str()));
            names.extend(record.tags.as_ref().map(Tags::as_str));
            if let Some(decision) = &record.decision {
                names.extend([
                    &*decision.gate_version,
                    &*decision.reason,
                    decision.chosen.as_str(),
                ]);
                names.extend(decision.candidates.iter().map(|c| c.expert.as_str()));
            }
        }
        for record in &self.attempts {
            names.extend([record.tenant.as_str(), record.scenario.as_str()]);
            names.extend([record.expert.as_str(), record.host.as_str()]);
            names.extend(record.replica.as_deref());
            names.extend(record.tags.as_ref().map(Tags::as_str));
        }
        for record in &self.counters {
            names.extend([record.pool.as_str(), &record.worker]);
            names.extend(
                record
                    .load_by_expert
                    .iter()
                    .map(|(expert, _)| expert.as_str()),
            );
        }
        names
    }
}
