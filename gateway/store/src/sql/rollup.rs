//! What a transaction adds to the rollups: summed in memory, written once at its end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ledger::{AttemptRecord, CLIENT_GONE, LatencySlot, Month};
use units::{AttemptStatus, Bucket, Nanos, Timestamp, Tokens};

use super::bulk::Bulk;
use super::latencies::Latencies;
use super::link::{Link, Query};
use super::number;
use super::rows::{AttemptRow, LineRow, RequestRow, purpose};
use crate::StoreError;

/// Bucket, tenant, scenario, expert, and what else the table counts by.
type Cell = [i64; 5];

/// The buckets of a day of UTC. What is older than a page's edges is read by the day.
pub(super) const DAY: i64 = 96;

/// Additions to every rollup.
#[derive(Debug, Default)]
pub(super) struct Rollups {
    requests: BTreeMap<[i64; 4], [i64; 4]>,
    latencies: Latencies,
    attempts: BTreeMap<Cell, [i64; 6]>,
    costs: BTreeMap<[i64; 6], [i64; 4]>,
    tagged: BTreeMap<[i64; 7], [i64; 4]>,
    outcomes: BTreeMap<Cell, [i64; 2]>,
    judged: BTreeMap<Cell, [i64; 4]>,
    paired: BTreeMap<[i64; 6], [i64; 1]>,
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
        let cell = [bucket, row.tenant, row.scenario, row.expert];
        let error = i64::from(row.status >= 400 && row.status != i64::from(CLIENT_GONE));
        add(
            &mut self.requests,
            cell,
            [1, error, row.total / 1_000, row.overhead / 1_000],
        );
        let slot = LatencySlot::of(Nanos::new(number::unsigned(row.total)));
        self.latencies.add(cell, slot);
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

    /// The last gap in an attempt's cost was filled by a correction.
    pub(super) fn filled(&mut self, finished: i64, place: Place, purpose: i64) {
        let cell = [
            bucket(finished),
            place.tenant,
            place.scenario,
            place.expert,
            purpose,
        ];
        add(&mut self.attempts, cell, [0, 0, 1, -1, 0, 0]);
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
            row.meter,
        ];
        let unknown = i64::from(row.amount.is_none());
        let sums = [
            1,
            unknown,
            row.quantity.unwrap_or(0),
            row.amount.unwrap_or(0),
        ];
        add(&mut self.costs, cell, sums);
        if let Some(tags) = row.tags {
            let [bucket, tenant, scenario, expert, purpose, meter] = cell;
            let cell = [bucket, tenant, scenario, expert, purpose, meter, tags];
            add(&mut self.tagged, cell, sums);
        }
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

    /// The same by the day of its request, source and score.
    pub(super) fn judged(
        &mut self,
        started: i64,
        place: Place,
        [source, score]: [i64; 2],
        sums: [i64; 4],
    ) {
        let cell = [
            day(bucket(started)),
            place.tenant,
            place.scenario,
            source,
            score,
        ];
        add(&mut self.judged, cell, sums);
    }

    /// A request that a judge and somebody else judged, or no longer so: who else, their score and the judge's.
    pub(super) fn paired(&mut self, started: i64, place: Place, pair: [i64; 3], sum: i64) {
        let [source, score, judge] = pair;
        let cell = [
            day(bucket(started)),
            place.tenant,
            place.scenario,
            source,
            score,
            judge,
        ];
        add(&mut self.paired, cell, [sum]);
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
        twice(connection, &REQUESTS, self.requests).await?;
        self.latencies.write(connection).await?;
        twice(connection, &ATTEMPTS, self.attempts).await?;
        twice(connection, &COSTS, self.costs).await?;
        twice(connection, &TAGGED, self.tagged).await?;
        twice(connection, &OUTCOMES, self.outcomes).await?;
        once(connection, &JUDGED, self.judged).await?;
        once(connection, &PAIRED, self.paired).await?;
        once(connection, &SPEND, self.spend).await
    }
}

/// Adds rows.
async fn once<const K: usize, const N: usize>(
    link: &mut Link<'_>,
    table: &'static Bulk,
    sums: BTreeMap<[i64; K], [i64; N]>,
) -> Result<(), StoreError> {
    let rows: Vec<_> = sums.into_iter().collect();
    table
        .upsert(link, &rows, |q, (cell, sums)| numbers(q, &[cell, sums]))
        .await
}

/// Adds rows by the bucket, and again by the day.
async fn twice<const K: usize, const N: usize>(
    link: &mut Link<'_>,
    [buckets, days]: &'static [Bulk; 2],
    sums: BTreeMap<[i64; K], [i64; N]>,
) -> Result<(), StoreError> {
    let mut by_day = BTreeMap::new();
    for (cell, sums) in &sums {
        let mut cell = *cell;
        if let Some(bucket) = cell.first_mut() {
            *bucket = day(*bucket);
        }
        add(&mut by_day, cell, *sums);
    }
    once(link, buckets, sums).await?;
    once(link, days, by_day).await
}

/// The first bucket of a bucket's day.
pub(super) fn day(bucket: i64) -> i64 {
    bucket.saturating_sub(bucket.rem_euclid(DAY))
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

/// The tables of a rollup, by the bucket and by the day.
fn tables(name: &str, keys: &[&str], sums: &[&str]) -> [Bulk; 2] {
    let keys = [&["bucket", "tenant", "scenario", "expert"], keys].concat();
    ["rollups", "days"].map(|each| Bulk::new(&format!("{name}_{each}"), &keys, sums))
}

static REQUESTS: LazyLock<[Bulk; 2]> = LazyLock::new(|| {
    let sums = ["requests", "errors", "total", "overhead"];
    tables("request", &[], &sums)
});

static ATTEMPTS: LazyLock<[Bulk; 2]> = LazyLock::new(|| {
    let sums = ["attempts", "failed", "known", "unknown", "input", "output"];
    tables("attempt", &["purpose"], &sums)
});

static COSTS: LazyLock<[Bulk; 2]> = LazyLock::new(|| {
    let sums = ["lines", "unknown", "quantity", "amount"];
    tables("cost", &["purpose", "meter"], &sums)
});

static TAGGED: LazyLock<[Bulk; 2]> = LazyLock::new(|| {
    let sums = ["lines", "unknown", "quantity", "amount"];
    tables("tagged", &["purpose", "meter", "tags"], &sums)
});

static OUTCOMES: LazyLock<[Bulk; 2]> =
    LazyLock::new(|| tables("outcome", &["source"], &["outcomes", "score"]));

static JUDGED: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "judged_days",
        &["bucket", "tenant", "scenario", "source", "score"],
        &["outcomes", "reasoned", "in_time", "delay"],
    )
});

static PAIRED: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "paired_days",
        &["bucket", "tenant", "scenario", "source", "score", "judge"],
        &["requests"],
    )
});

static SPEND: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "spend_rollups",
        &["month", "tenant", "principal"],
        &["amount"],
    )
});
