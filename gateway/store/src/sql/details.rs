//! Reads cells, windows and single rows.

mod costs;
mod request;

use ledger::{ChargeRate, Meter, OutcomeSource, Ppm, Price, RateId};
use units::{
    Bucket, Currency, ExpertId, Nanos, Pico, PoolId, RequestId, ScenarioId, TenantId, Timestamp,
};

use super::link::{Query, query};
use super::reports::facts::{Scope, bounds, spanned};
use super::{SqlStore, names, number};
use crate::{
    CostRow, Details, Judgements, Paired, PoolTime, RequestDetail, RequestLine, RequestsWanted,
    Span, StoreError, StoreFuture, TaggedCost, Traffic,
};

/// A pool's windows: step, pool, windows, unpriced, provisioned, busy, load, idle, and its bill in two halves.
type PoolRow = (i64, String, i64, i64, i64, i64, i64, i64, i64, i64);
/// A price: number, subject, meter, price, per, first instant, currency, source.
type RateRow = (i64, String, i64, i64, i64, i64, String, String);
/// Scenario, source, count, accepted, reasoned, in time, delay.
type JudgedRow = (String, i64, i64, i64, i64, i64, i64, i64);

/// Scenario, source of people's words, and requests by what they and the judge say: both accept, only people do, only the
/// judge does, neither.
type PairedRow = (String, i64, i64, i64, i64, i64);

/// The mean of delays that were summed up in ms, in ns.
fn mean_ns(delay_ms: i64, count: i64) -> u64 {
    let mean = delay_ms.checked_div(count).unwrap_or(0);
    number::unsigned(mean).saturating_mul(1_000_000)
}

/// Where cells of steps are read: those of whole days of UTC from the days.
fn source(name: &str, scope: Scope, step: u32) -> String {
    if step.is_multiple_of(96) && scope.from == super::rollup::day(scope.from) {
        return spanned(name);
    }
    format!(
        "(SELECT * FROM {name}_rollups WHERE bucket >= $1 AND bucket < $4 AND $2 <= $3) AS spanned"
    )
}

/// Binds `$1` to `$7`: the span, the tenant, and the steps, which are counted from the first bucket.
fn stepped(sql: &str, scope: Scope, step: u32) -> Query<'_> {
    bounds(query(sql), scope.from, scope.to)
        .bind(scope.tenant)
        .bind(scope.from)
        .bind(i64::from(step.max(1)))
}

impl Details for SqlStore {
    fn costs(
        &self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<CostRow>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            let mut view = open.link();
            let Some(scope) = Scope::find(&mut view, tenant, span).await? else {
                return Ok(Vec::new());
            };
            let cells = costs::cells(&mut view, scope, step).await?;
            cells.iter().map(costs::row).collect()
        })
    }

    fn tagged_costs(
        &self,
        tenant: TenantId,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<TaggedCost>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            let mut view = open.link();
            let Some(scope) = Scope::find(&mut view, Some(tenant), span).await? else {
                return Ok(Vec::new());
            };
            let cells = costs::tagged_cells(&mut view, scope, step).await?;
            cells.iter().map(costs::tagged).collect()
        })
    }

    fn traffic(&self, tenant: TenantId, span: Span, step: u32) -> StoreFuture<'_, Vec<Traffic>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            let mut view = open.link();
            let Some(scope) = Scope::find(&mut view, Some(tenant), span).await? else {
                return Ok(Vec::new());
            };
            let sql = format!(
                "SELECT start, scenarios.text, experts.text, requests, errors
                 FROM (SELECT ((bucket - $6) / $7 * $7 + $6) AS start, scenario, expert,
                     CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(errors) AS BIGINT) AS errors
                     FROM {} WHERE tenant = $5 GROUP BY 1, 2, 3) AS cells
                 JOIN names AS scenarios ON scenarios.id = cells.scenario
                 LEFT JOIN names AS experts ON experts.id = cells.expert ORDER BY 1, 2, 3",
                source("request", scope, step)
            );
            let found: Vec<(i64, String, Option<String>, i64, i64)> =
                stepped(&sql, scope, step).fetch_all(&mut view).await?;
            let found = found.into_iter();
            found
                .map(|(start, scenario, expert, requests, errors)| {
                    Ok(Traffic {
                        start: Bucket::from_index(start),
                        scenario: names::parse(&scenario, ScenarioId::new)?,
                        expert: match &expert {
                            None => None,
                            Some(expert) => Some(names::parse(expert, ExpertId::new)?),
                        },
                        requests: number::unsigned(requests),
                        errors: number::unsigned(errors),
                    })
                })
                .collect()
        })
    }

    fn pool_time(&self, span: Span, step: u32) -> StoreFuture<'_, Vec<PoolTime>> {
        Box::pin(async move {
            let (from, to) = (span.from.index(), span.to.index());
            let step = i64::from(step.max(1));
            let mut reader = self.readers.one().await?;
            let found: Vec<PoolRow> = query(
                "SELECT (bucket - $1) / $3 * $3 + $1, names.text, COUNT(*), COUNT(CASE WHEN cost IS NULL THEN 1 END),
                     CAST(SUM(provisioned) AS BIGINT), CAST(SUM(busy) AS BIGINT), CAST(SUM(load) AS BIGINT),
                     CAST(SUM(idle) AS BIGINT), CAST(COALESCE(SUM(cost / 1000000), 0) AS BIGINT),
                     CAST(COALESCE(SUM(cost % 1000000), 0) AS BIGINT)
                 FROM pool_windows JOIN names ON names.id = pool_windows.pool
                 WHERE bucket >= $1 AND bucket < $2 GROUP BY 1, 2 ORDER BY 1, 2",
            )
            .bind(from)
            .bind(to)
            .bind(step)
            .fetch_all(&mut reader.link())
            .await?;
            let ns = |value: i64| Nanos::new(number::unsigned(value));
            let found = found.into_iter();
            found
                .map(
                    |(start, pool, windows, unpriced, provisioned, busy, load, idle, m, r)| {
                        Ok(PoolTime {
                            start: Bucket::from_index(start),
                            pool: names::parse(&pool, PoolId::new)?,
                            windows: number::unsigned(windows),
                            unpriced: number::unsigned(unpriced),
                            provisioned: ns(provisioned),
                            busy: ns(busy),
                            load: ns(load),
                            idle: ns(idle),
                            cost: number::halves(m, r),
                        })
                    },
                )
                .collect()
        })
    }

    fn rate_cards(&self) -> StoreFuture<'_, Vec<(Meter, ChargeRate)>> {
        Box::pin(async move {
            let found: Vec<RateRow> = query(
                "SELECT rate, subject, meter, pico, per, effective, currency, source FROM rates
                 ORDER BY subject, meter, effective",
            )
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let found = found.into_iter();
            found
                .map(
                    |(id, subject, meter, pico, per, effective, currency, source)| {
                        let meter = u8::try_from(meter).ok().and_then(Meter::from_code);
                        let rate = ChargeRate {
                            id: RateId::from_number(u64::from_ne_bytes(id.to_ne_bytes())),
                            subject: subject.into(),
                            price: Price::new(Pico::new(pico.into()), number::unsigned(per))?,
                            effective: Timestamp::from_unix_nanos(effective),
                            currency: Currency::new(&currency)
                                .map_err(|_| StoreError::Damaged("currency"))?,
                            source: source.into(),
                        };
                        Ok((meter.ok_or(StoreError::Damaged("meter"))?, rate))
                    },
                )
                .collect()
        })
    }

    fn judgements(
        &self,
        tenant: TenantId,
        span: Span,
        least: Ppm,
    ) -> StoreFuture<'_, Vec<Judgements>> {
        Box::pin(async move {
            let found: Vec<JudgedRow> = query(
                "SELECT names.text, source,
                     CAST(SUM(CASE WHEN score >= 0 THEN outcomes ELSE 0 END) AS BIGINT),
                     CAST(SUM(CASE WHEN score >= $4 THEN outcomes ELSE 0 END) AS BIGINT),
                     CAST(SUM(reasoned) AS BIGINT), CAST(SUM(in_time) AS BIGINT), CAST(SUM(delay) AS BIGINT),
                     CAST(SUM(CASE WHEN score < 0 THEN outcomes ELSE 0 END) AS BIGINT)
                 FROM judged_days JOIN names ON names.id = scenario
                 WHERE bucket >= $1 AND bucket < $2 AND tenant = (SELECT id FROM names WHERE text = $3)
                 GROUP BY 1, 2 HAVING SUM(outcomes) > 0 ORDER BY 1, 2",
            )
            .bind(super::rollup::day(span.from.index()))
            .bind(span.to.index())
            .bind(tenant.as_str())
            .bind(i64::from(least.get()))
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let found = found.into_iter();
            found
                .map(
                    |(scenario, source, count, accepted, reasoned, in_time, delay, missing)| {
                        let source = u8::try_from(source).ok();
                        let source = source.and_then(OutcomeSource::from_code);
                        Ok(Judgements {
                            scenario: names::parse(&scenario, ScenarioId::new)?,
                            source: source.ok_or(StoreError::Damaged("source"))?,
                            count: number::unsigned(count),
                            accepted: number::unsigned(accepted),
                            reasoned: number::unsigned(reasoned),
                            in_time: number::unsigned(in_time),
                            missing: number::unsigned(missing),
                            delay: Nanos::new(mean_ns(delay, count)),
                        })
                    },
                )
                .collect()
        })
    }

    fn paired(&self, tenant: TenantId, span: Span, least: Ppm) -> StoreFuture<'_, Vec<Paired>> {
        Box::pin(async move {
            let found: Vec<PairedRow> = query(
                "SELECT names.text, source,
                     CAST(SUM(CASE WHEN score >= $4 AND judge >= $4 THEN requests ELSE 0 END) AS BIGINT),
                     CAST(SUM(CASE WHEN score >= $4 AND judge < $4 THEN requests ELSE 0 END) AS BIGINT),
                     CAST(SUM(CASE WHEN score < $4 AND judge >= $4 THEN requests ELSE 0 END) AS BIGINT),
                     CAST(SUM(CASE WHEN score < $4 AND judge < $4 THEN requests ELSE 0 END) AS BIGINT)
                 FROM paired_days JOIN names ON names.id = scenario
                 WHERE bucket >= $1 AND bucket < $2 AND tenant = (SELECT id FROM names WHERE text = $3)
                 GROUP BY 1, 2 HAVING SUM(requests) > 0 ORDER BY 1, 2",
            )
            .bind(super::rollup::day(span.from.index()))
            .bind(span.to.index())
            .bind(tenant.as_str())
            .bind(i64::from(least.get()))
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let found = found.into_iter();
            found
                .map(|(scenario, source, both, human, judge, neither)| {
                    let source = u8::try_from(source).ok();
                    let source = source.and_then(OutcomeSource::from_code);
                    Ok(Paired {
                        scenario: names::parse(&scenario, ScenarioId::new)?,
                        source: source.ok_or(StoreError::Damaged("source"))?,
                        both: number::unsigned(both),
                        only_people: number::unsigned(human),
                        only_judge: number::unsigned(judge),
                        neither: number::unsigned(neither),
                    })
                })
                .collect()
        })
    }

    fn requests(&self, wanted: RequestsWanted) -> StoreFuture<'_, Vec<RequestLine>> {
        Box::pin(async move {
            let mut reader = self.readers.one().await?;
            request::list(&mut reader.link(), &wanted).await
        })
    }

    fn request(
        &self,
        tenant: TenantId,
        request: RequestId,
    ) -> StoreFuture<'_, Option<RequestDetail>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            request::detail(&mut open.link(), &tenant, request).await
        })
    }
}
