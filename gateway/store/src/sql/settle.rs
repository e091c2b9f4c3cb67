//! Closes the windows of pools: one transaction each.

use std::collections::{BTreeMap, HashMap};

use ledger::{
    DeviceShare, IdlePolicy, LedgerError, Meter, PoolWindow, RateSubject, WindowKey, settle_window,
};
use units::{
    AttemptId, ExpertId, IdError, Nanos, PoolId, RequestId, ScenarioId, TenantId, Timestamp,
};
use uuid::Uuid;

use super::finance::periods;
use super::link::{Link, query};
use super::names::{self, NONE, Names};
use super::rollup::{Place, Rollups};
use super::rows::{LINES, LineRow, purpose_from};
use super::{Writer, number};
use crate::{Pricing, SettleReport, StoreError};

pub(super) async fn all(
    writer: &mut Writer,
    pricing: &Pricing,
    now: Timestamp,
) -> Result<SettleReport, StoreError> {
    let mut open = writer.pen.begin().await?;
    let waiting: Vec<(i64, i64, String)> = query(
        "SELECT DISTINCT intervals.bucket, intervals.pool, names.text FROM intervals
         JOIN names ON names.id = intervals.pool
         WHERE pool_window IS NULL ORDER BY 1, 2",
    )
    .fetch_all(&mut open.link())
    .await?;
    open.commit().await?;
    let mut report = SettleReport::default();
    for (bucket, pool, name) in waiting {
        let Writer { pen, names } = &mut *writer;
        names.begin();
        let mut transaction = pen.begin().await?;
        let mut link = transaction.link();
        let mut closing = Closing {
            connection: &mut link,
            names,
            pool,
            pool_id: names::parse(&name, PoolId::new)?,
            bucket,
            texts: HashMap::new(),
        };
        let closed = closing.close(pricing, now).await?;
        transaction.commit().await?;
        names.commit();
        report.windows += u64::from(closed.is_some());
        if let Some((attempts, lines)) = closed {
            report.attempts += attempts;
            report.lines += lines;
        }
    }
    Ok(report)
}

/// One pool and bucket being closed.
struct Closing<'a, 'c> {
    connection: &'a mut Link<'c>,
    names: &'a mut Names,
    pool: i64,
    pool_id: PoolId,
    bucket: i64,
    texts: HashMap<i64, String>,
}

/// An attempt that waits.
#[derive(sqlx::FromRow)]
struct Waiting {
    attempt: Vec<u8>,
    request: Vec<u8>,
    device: Option<i64>,
    finished: i64,
    purpose: i64,
    tenant: i64,
    scenario: i64,
    expert: i64,
    tags: Option<i64>,
    principal: Option<i64>,
}

/// First and last instant, and provisioned, busy, load and idle time; nothing where nothing waits.
type Sums = (
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

/// The cost of an attempt is posted, or stays unknown.
fn settled(rollups: &mut Rollups, attempt: &Waiting, amount: Option<i64>) {
    let place = Place {
        tenant: attempt.tenant,
        scenario: attempt.scenario,
        expert: attempt.expert,
    };
    rollups.settled(attempt.finished, place, attempt.purpose, amount.is_some());
    if let Some(amount) = amount {
        let principal = attempt.principal.unwrap_or(NONE);
        rollups.spend(attempt.finished, attempt.tenant, principal, amount);
    }
}

impl Closing<'_, '_> {
    async fn close(
        &mut self,
        pricing: &Pricing,
        now: Timestamp,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        // Another process may have closed it since the list was made.
        let Some((window, idle)) = self.window().await? else {
            return Ok(None);
        };
        let to = window.key.to;
        let waiting = self.waiting(to).await?;
        let mut shares = Vec::with_capacity(waiting.len());
        for attempt in &waiting {
            shares.push(self.share(attempt).await?);
        }
        // Who carries guaranteed capacity may never have asked for anything.
        if let IdlePolicy::Reserved(guarantees) = pricing
            .idle
            .get(&self.pool_id)
            .unwrap_or(&IdlePolicy::Separate)
        {
            self.names.intern(self.connection, ledger::RESERVED).await?;
            for tenant in guarantees.keys() {
                self.names.intern(self.connection, tenant.as_str()).await?;
            }
        }
        for text in window.load.keys().flatten().map(ExpertId::as_str) {
            self.names.intern(self.connection, text).await?;
        }
        let subject = RateSubject::Pool(self.pool_id.clone());
        let rate = pricing.rates.at(&subject, Meter::DeviceBusy, to);
        let separate = IdlePolicy::Separate;
        let policy = pricing.idle.get(&self.pool_id).unwrap_or(&separate);
        let settlement = settle_window(&window, rate.map(|(_, rate)| rate), &shares, policy)?;
        let cost = match settlement.cost {
            None => None,
            Some(cost) => Some(cost.to_i64().map_err(LedgerError::from)?),
        };
        let id = self
            .insert(
                &window,
                idle,
                cost,
                rate.map(|(id, _)| number::rate(*id)),
                now,
            )
            .await?;

        let open_from = periods::open_from(self.connection).await?;
        let mut rollups = Rollups::default();
        let mut rows = Vec::with_capacity(settlement.lines.len());
        for line in &settlement.lines {
            // The lines of attempts come first and in their order.
            let attempt = waiting.get(rows.len());
            let row = LineRow {
                tags: attempt.and_then(|attempt| attempt.tags),
                ..LineRow::new(self.names, line, Some(id), open_from)?
            };
            rollups.line(&row);
            if let Some(attempt) = attempt {
                settled(&mut rollups, attempt, row.amount);
            }
            rows.push(row);
        }
        LINES.upsert(self.connection, &rows, LineRow::bind).await?;
        rollups.write(self.connection).await?;
        self.mark(id, to).await?;
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(Some((count(waiting.len()), count(rows.len()))))
    }

    /// The intervals that wait, as one window, with its idle time.
    async fn window(&mut self) -> Result<Option<(PoolWindow, i64)>, StoreError> {
        let sums: Sums = query(
            "SELECT MIN(from_at), MAX(to_at), CAST(SUM(provisioned) AS BIGINT),
                 CAST(SUM(busy) AS BIGINT), CAST(SUM(load) AS BIGINT), CAST(SUM(idle) AS BIGINT)
                 FROM intervals WHERE pool = $1 AND bucket = $2 AND pool_window IS NULL",
        )
        .bind(self.pool)
        .bind(self.bucket)
        .fetch_one(self.connection)
        .await?;
        let (Some(from), Some(to), Some(provisioned), Some(busy), Some(load), Some(idle)) = sums
        else {
            return Ok(None);
        };
        let by_expert: Vec<(String, i64)> = query(
            "SELECT names.text, CAST(SUM(interval_loads.load) AS BIGINT) FROM intervals
             JOIN interval_loads ON interval_loads.interval = intervals.id
             JOIN names ON names.id = interval_loads.expert
             WHERE pool = $1 AND bucket = $2 AND pool_window IS NULL GROUP BY names.text",
        )
        .bind(self.pool)
        .bind(self.bucket)
        .fetch_all(self.connection)
        .await?;
        let nanos = |ns: i64| Nanos::new(number::unsigned(ns));
        let mut loads = BTreeMap::new();
        let mut left = nanos(load);
        for (expert, ns) in by_expert {
            // Never more than the worker's own total.
            let part = nanos(ns).min(left);
            left = left.saturating_sub(part);
            loads.insert(Some(names::parse(&expert, ExpertId::new)?), part);
        }
        loads.insert(None, left);
        // Lines are named after their window: two that end at one instant, of other workers, must not begin at one.
        let (alike,): (i64,) = query(
            "SELECT COUNT(*) FROM pool_windows WHERE pool = $1 AND bucket = $2 AND to_at = $3",
        )
        .bind(self.pool)
        .bind(self.bucket)
        .bind(to)
        .fetch_one(self.connection)
        .await?;
        let key = WindowKey {
            pool: self.pool_id.clone(),
            from: Timestamp::from_unix_nanos(from.saturating_sub(alike)),
            to: Timestamp::from_unix_nanos(to),
        };
        let window = PoolWindow {
            key,
            provisioned: nanos(provisioned),
            busy: nanos(busy),
            load: loads,
        };
        Ok(Some((window, idle)))
    }

    async fn waiting(&mut self, to: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        let rows = query(
            "SELECT attempts.attempt, attempts.request, attempts.device, attempts.finished,
                 attempts.purpose, attempts.tenant, attempts.scenario, attempts.expert,
                 attempts.tags, requests.principal
             FROM attempts LEFT JOIN requests ON requests.request = attempts.request
             WHERE attempts.host = $1 AND attempts.pool_window IS NULL AND attempts.finished <= $2",
        )
        .bind(self.pool)
        .bind(to.unix_nanos())
        .fetch_all(self.connection)
        .await?;
        Ok(rows)
    }

    async fn share(&mut self, attempt: &Waiting) -> Result<DeviceShare, StoreError> {
        let uuid =
            |bytes: &[u8]| Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged("attempt id"));
        Ok(DeviceShare {
            attempt: AttemptId::from_uuid(uuid(&attempt.attempt)?),
            request: RequestId::from_uuid(uuid(&attempt.request)?),
            tenant: self.id(attempt.tenant, TenantId::new).await?,
            scenario: self.id(attempt.scenario, ScenarioId::new).await?,
            expert: self.id(attempt.expert, ExpertId::new).await?,
            purpose: purpose_from(attempt.purpose)?,
            device: attempt.device.map(|ns| Nanos::new(number::unsigned(ns))),
        })
    }

    /// The id behind a number.
    async fn id<T>(
        &mut self,
        number: i64,
        new: fn(&str) -> Result<T, IdError>,
    ) -> Result<T, StoreError> {
        if let Some(text) = self.texts.get(&number) {
            return names::parse(text, new);
        }
        let (text,): (String,) = query("SELECT text FROM names WHERE id = $1")
            .bind(number)
            .fetch_one(self.connection)
            .await?;
        self.names.intern(self.connection, &text).await?;
        let id = names::parse(&text, new)?;
        self.texts.insert(number, text);
        Ok(id)
    }

    async fn insert(
        &mut self,
        window: &PoolWindow,
        idle: i64,
        cost: Option<i64>,
        rate: Option<i64>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let load: Nanos = window.load.values().copied().sum();
        let (id,): (i64,) = query(
            "INSERT INTO pool_windows (pool, bucket, from_at, to_at, provisioned, busy, load, idle,
                 cost, rate, closed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
        )
        .bind(self.pool)
        .bind(self.bucket)
        .bind(window.key.from.unix_nanos())
        .bind(window.key.to.unix_nanos())
        .bind(number::signed(window.provisioned.get()))
        .bind(number::signed(window.busy.get()))
        .bind(number::signed(load.get()))
        .bind(idle)
        .bind(cost)
        .bind(rate)
        .bind(now.unix_nanos())
        .fetch_one(self.connection)
        .await?;
        Ok(id)
    }

    async fn mark(&mut self, window: i64, to: Timestamp) -> Result<(), StoreError> {
        query(
            "UPDATE attempts SET pool_window = $1
             WHERE host = $2 AND pool_window IS NULL AND finished <= $3",
        )
        .bind(window)
        .bind(self.pool)
        .bind(to.unix_nanos())
        .execute(self.connection)
        .await?;
        query(
            "UPDATE intervals SET pool_window = $1
             WHERE pool = $2 AND bucket = $3 AND pool_window IS NULL",
        )
        .bind(window)
        .bind(self.pool)
        .bind(self.bucket)
        .execute(self.connection)
        .await?;
        Ok(())
    }
}
