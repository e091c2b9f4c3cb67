//! Posts samples of workers' counters: what passed since the sample before is added to the interval that
//! waits for the next window.

use ledger::PoolCounters;
use units::{Bucket, Nanos};

use super::link::{Link, query};
use super::names::{NONE, Names};
use super::number;
use crate::StoreError;

/// A worker met for the first time is booked from its start when it is younger than this; of an older one,
/// somebody else has kept the books so far.
const YOUNG: Nanos = Nanos::new(900_000_000_000);

/// Running totals: provisioned, busy, load, idle.
type Totals = [i64; 4];

pub(super) async fn post(
    connection: &mut Link<'_>,
    names: &Names,
    sample: &PoolCounters,
) -> Result<(), StoreError> {
    let series = Series {
        pool: names.get(sample.pool.as_str())?,
        worker: names.get(&sample.worker)?,
        incarnation: sample.incarnation.unix_nanos(),
    };
    let now = [sample.provisioned, sample.busy, sample.load, sample.idle]
        .map(|total| number::signed(total.get()));
    let last = series.last(connection).await?;
    let from = match last {
        Some((at, before)) if at >= sample.at.unix_nanos() || decreased(before, now) => {
            return Ok(());
        }
        Some(last) => Some(last),
        None if sample.at.since(sample.incarnation) <= YOUNG => Some((series.incarnation, [0; 4])),
        None => None,
    };
    series
        .remember(connection, sample.at.unix_nanos(), now)
        .await?;
    let interval = match from {
        None => None,
        Some((from, before)) => Some(
            series
                .extend(connection, sample, from, less(now, before))
                .await?,
        ),
    };
    for (expert, load) in &sample.load_by_expert {
        let expert = names.get(expert.as_str())?;
        series
            .load(connection, interval, expert, number::signed(load.get()))
            .await?;
    }
    Ok(())
}

/// One life of one worker.
struct Series {
    pool: i64,
    worker: i64,
    incarnation: i64,
}

impl Series {
    async fn last(&self, connection: &mut Link<'_>) -> Result<Option<(i64, Totals)>, StoreError> {
        let found: Option<(i64, i64, i64, i64, i64)> = query(
            "SELECT at, provisioned, busy, load, idle FROM workers
             WHERE pool = $1 AND worker = $2 AND incarnation = $3",
        )
        .bind(self.pool)
        .bind(self.worker)
        .bind(self.incarnation)
        .fetch_optional(connection)
        .await?;
        Ok(found.map(|(at, provisioned, busy, load, idle)| (at, [provisioned, busy, load, idle])))
    }

    async fn remember(
        &self,
        connection: &mut Link<'_>,
        at: i64,
        totals: Totals,
    ) -> Result<(), StoreError> {
        let query = query(
            "INSERT INTO workers (pool, worker, incarnation, at, provisioned, busy, load, idle)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (pool, worker, incarnation) DO UPDATE SET at = excluded.at,
                 provisioned = excluded.provisioned, busy = excluded.busy, load = excluded.load,
                 idle = excluded.idle",
        );
        let query = query
            .bind(self.pool)
            .bind(self.worker)
            .bind(self.incarnation)
            .bind(at);
        totals
            .iter()
            .fold(query, |query, total| query.bind(*total))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Adds what passed to the waiting interval of the bucket; its number.
    async fn extend(
        &self,
        connection: &mut Link<'_>,
        sample: &PoolCounters,
        from: i64,
        passed: Totals,
    ) -> Result<i64, StoreError> {
        let query = query(
            "INSERT INTO intervals (pool, worker, incarnation, bucket, from_at, to_at,
                 provisioned, busy, load, idle)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (pool, worker, incarnation, bucket) WHERE pool_window IS NULL
             DO UPDATE SET to_at = excluded.to_at,
                 provisioned = intervals.provisioned + excluded.provisioned,
                 busy = intervals.busy + excluded.busy, load = intervals.load + excluded.load,
                 idle = intervals.idle + excluded.idle
             RETURNING id",
        );
        let query = query
            .bind(self.pool)
            .bind(self.worker)
            .bind(self.incarnation)
            .bind(Bucket::of(sample.at).index())
            .bind(from)
            .bind(sample.at.unix_nanos());
        let query = passed.iter().fold(query, |query, part| query.bind(*part));
        let (id,): (i64,) = query.fetch_one(connection).await?;
        Ok(id)
    }

    /// Notes the loading an expert has caused so far; what is new of it goes to the interval.
    async fn load(
        &self,
        connection: &mut Link<'_>,
        interval: Option<i64>,
        expert: i64,
        total: i64,
    ) -> Result<(), StoreError> {
        let found: Option<(i64,)> = query(
            "SELECT load FROM worker_loads
             WHERE pool = $1 AND worker = $2 AND incarnation = $3 AND expert = $4",
        )
        .bind(self.pool)
        .bind(self.worker)
        .bind(self.incarnation)
        .bind(expert)
        .fetch_optional(connection)
        .await?;
        let before = found.map_or(0, |(load,)| load);
        let passed = total.saturating_sub(before);
        if passed <= 0 {
            return Ok(());
        }
        query(
            "INSERT INTO worker_loads (pool, worker, incarnation, expert, load)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (pool, worker, incarnation, expert) DO UPDATE SET load = excluded.load",
        )
        .bind(self.pool)
        .bind(self.worker)
        .bind(self.incarnation)
        .bind(expert)
        .bind(total)
        .execute(connection)
        .await?;
        let Some(interval) = interval.filter(|_| expert != NONE) else {
            return Ok(());
        };
        query(
            "INSERT INTO interval_loads (interval, expert, load) VALUES ($1, $2, $3)
             ON CONFLICT (interval, expert) DO UPDATE SET load = interval_loads.load + excluded.load",
        )
        .bind(interval)
        .bind(expert)
        .bind(passed)
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn decreased(before: Totals, now: Totals) -> bool {
    before.iter().zip(now).any(|(before, now)| now < *before)
}

fn less(now: Totals, before: Totals) -> Totals {
    let mut passed = now;
    for (part, before) in passed.iter_mut().zip(before) {
        *part = part.saturating_sub(before);
    }
    passed
}
