//! What a transaction adds to the rollups: summed in memory, written once at its end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ledger::{AttemptRecord, CLIENT_GONE, LatencySlot, Month};
use units::{AttemptStatus, Bucket, Nanos, Timestamp, Tokens};

use super::bulk::Bulk;
use super::link::{Link, Query};
use super::number;
use super::rows::{AttemptRow, LineRow, RequestRow, purpose};
use crate::StoreError;

/// Bucket, tenant, scenario, expert, and what else the table counts by.
type Cell = [i64; 5];

/// Additions to every rollup.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    requests: BTreeMap<Cell, [i64; 4]>,
    latencies: BTreeMap<Cell, [i64; 1]>,
    attempts: BTreeMap<Cell, [i64; 6]>,
    costs: BTreeMap<(Cell, i64), [i64; 4]>,
    outcomes: BTreeMap<Cell, [i64; 2]>,
    spend: BTreeMap<[i64; 3], [i64; 1]>,
}

/// Where a request is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) tenant: i64,
    pub(super) scenario: i64,
    pub(super) expert: i64,
}

impl Rollups {
    pub(super) fn request(&mut self, row: &RequestRow) {
        let bucket = bucket(row.started);
        let cell = [bucket, row.tenant, row.scenario, row.expert, 0];
        let error = i64::from(row.status >= 400 && row.status != i64::from(CLIENT_GONE));
        add(
            &mut self.requests,
            cell,
            [1, error, row.total / 1_000, row.overhead / 1_000],
        );
        let slot = LatencySlot::of(Nanos::new(number::unsigned(row.total)));
        let cell = [
            bucket,
            row.tenant,
            row.scenario,
            row.expert,
            slot.index().into(),
        ];
        add(&mut self.latencies, cell, [1]);
    }

    /// An attempt that was tried; its cost comes with `costed`.
    pub(super) fn attempt(&mut self, row: &AttemptRow<'_>) {
        let receipt = &row.record.receipt;
        let failed = i64::from(receipt.status != AttemptStatus::Ok);
        let count = |tokens: Option<Tokens>| number::tokens(tokens).unwrap_or(0);
        let (input, output) = (receipt.tokens.input(), receipt.tokens.output());
        let sums = [1, failed, 0, 0, count(input), count(output)];
        add(&mut self.attempts, attempt_cell(row), sums);
    }

    /// The cost of a remote's attempt is posted, in full or not.
    pub(super) fn costed(&mut self, row: &AttemptRow<'_>, known: bool) {
        self.costed_at(attempt_cell(row), known);
    }

    /// The cost of a pool's attempt is posted, in full or not.
    pub(super) fn settled(&mut self, finished: i64, place: Place, purpose: i64, known: bool) {
        let cell = [
            bucket(finished),
            place.tenant,
            place.scenario,
            place.expert,
            purpose,
        ];
        self.costed_at(cell, known);
    }

    fn costed_at(&mut self, cell: Cell, known: bool) {
        let sums = [0, 0, i64::from(known), i64::from(!known), 0, 0];
        add(&mut self.attempts, cell, sums);
    }

    pub(super) fn line(&mut self, row: &LineRow) {
        let cell = [
            row.bucket,
            row.tenant,
            row.scenario,
            row.expert,
            row.purpose,
        ];
        let unknown = i64::from(row.amount.is_none());
        let sums = [
            1,
            unknown,
            row.quantity.unwrap_or(0),
            row.amount.unwrap_or(0),
        ];
        add(&mut self.costs, (cell, row.meter), sums);
    }

    /// A judgement that counts from now on (`1`) or no longer (`-1`).
    pub(super) fn outcome(&mut self, started: i64, place: Place, source: i64, sums: [i64; 2]) {
        let cell = [
            bucket(started),
            place.tenant,
            place.scenario,
            place.expert,
            source,
        ];
        add(&mut self.outcomes, cell, sums);
    }

    /// Marginal cost that a principal has caused in the month of `finished`.
    pub(super) fn spend(&mut self, finished: i64, tenant: i64, principal: i64, amount: i64) {
        let month = Month::of(Timestamp::from_unix_nanos(finished))
            .start()
            .unix_nanos();
        add(&mut self.spend, [month, tenant, principal], [amount]);
    }

    /// Writes everything into the open transaction.
    pub(super) async fn write(self, connection: &mut Link<'_>) -> Result<(), StoreError> {
        let flat = |rows: BTreeMap<Cell, [i64; 4]>| rows.into_iter().collect::<Vec<_>>();
        REQUESTS
            .upsert(connection, &flat(self.requests), |q, (cell, sums)| {
                numbers(q, &[&cell[..4], sums])
            })
            .await?;
        let rows: Vec<_> = self.latencies.into_iter().collect();
        LATENCIES
            .upsert(connection, &rows, |q, (cell, sums)| {
                numbers(q, &[cell, sums])
            })
            .await?;
        let rows: Vec<_> = self.attempts.into_iter().collect();
        ATTEMPTS
            .upsert(connection, &rows, |q, (cell, sums)| {
                numbers(q, &[cell, sums])
            })
            .await?;
        let rows: Vec<_> = self.costs.into_iter().collect();
        COSTS
            .upsert(connection, &rows, |q, ((cell, meter), sums)| {
                numbers(q, &[cell, &[*meter], sums])
            })
            .await?;
        let rows: Vec<_> = self.outcomes.into_iter().collect();
        OUTCOMES
            .upsert(connection, &rows, |q, (cell, sums)| {
                numbers(q, &[cell, sums])
            })
            .await?;
        let rows: Vec<_> = self.spend.into_iter().collect();
        SPEND
            .upsert(connection, &rows, |q, (cell, sums)| {
                numbers(q, &[cell, sums])
            })
            .await
    }
}

fn attempt_cell(row: &AttemptRow<'_>) -> Cell {
    let AttemptRecord {
        finished, receipt, ..
    } = row.record;
    let bucket = Bucket::of(*finished).index();
    [
        bucket,
        row.tenant,
        row.scenario,
        row.expert,
        purpose(receipt.purpose),
    ]
}

fn bucket(ns: i64) -> i64 {
    Bucket::of(Timestamp::from_unix_nanos(ns)).index()
}

fn add<K: Ord, const N: usize>(map: &mut BTreeMap<K, [i64; N]>, key: K, sums: [i64; N]) {
    let entry = map.entry(key).or_insert([0; N]);
    for (sum, more) in entry.iter_mut().zip(sums) {
        *sum = sum.saturating_add(more);
    }
}

fn numbers<'q>(query: Query<'q>, groups: &[&[i64]]) -> Query<'q> {
    groups
        .iter()
        .flat_map(|group| group.iter())
        .fold(query, |query, number| query.bind(*number))
}

static REQUESTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "request_rollups",
        &["bucket", "tenant", "scenario", "expert"],
        &["requests", "errors", "total", "overhead"],
    )
});

static LATENCIES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "latency_rollups",
        &["bucket", "tenant", "scenario", "expert", "slot"],
        &["requests"],
    )
});

static ATTEMPTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "attempt_rollups",
        &["bucket", "tenant", "scenario", "expert", "purpose"],
        &["attempts", "failed", "known", "unknown", "input", "output"],
    )
});

static COSTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "cost_rollups",
        &["bucket", "tenant", "scenario", "expert", "purpose", "meter"],
        &["lines", "unknown", "quantity", "amount"],
    )
});

static OUTCOMES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "outcome_rollups",
        &["bucket", "tenant", "scenario", "expert", "source"],
        &["outcomes", "score"],
    )
});

static SPEND: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "spend_rollups",
        &["month", "tenant", "principal"],
        &["amount"],
    )
});
