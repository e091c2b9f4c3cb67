//! Reads the rollups.

pub(super) mod facts;

use std::collections::BTreeMap;

use ledger::{Month, OutcomeSource, Ppm};
use units::{Bucket, ExpertId, ScenarioId, TenantId};

use super::link::{Link, query};
use super::names::NONE;
use super::rollup::DAY;
use super::{SqlStore, charges, names, number};
use crate::{
    CostSummary, ExpertCount, ExpertSummary, QualitySummary, Reports, ScenarioSummary, SeriesPoint,
    Span, Spend, StoreError, StoreFuture, TakeCharge,
};
use facts::{Facts, Scope, Texts};

impl Reports for SqlStore {
    fn scenario_summaries(
        &self,
        tenant: Option<TenantId>,
        span: Span,
    ) -> StoreFuture<'_, Vec<ScenarioSummary>> {
        Box::pin(async move {
            let (cells, texts) = self.read(tenant, span).await?;
            let mut scenarios: BTreeMap<(TenantId, ScenarioId), Vec<(i64, Facts)>> =
                BTreeMap::new();
            for ((tenant, scenario, expert), facts) in cells {
                if tenant != NONE {
                    let key = (
                        texts.id(tenant, TenantId::new)?,
                        texts.id(scenario, ScenarioId::new)?,
                    );
                    scenarios.entry(key).or_default().push((expert, facts));
                }
            }
            let rows = scenarios.into_iter();
            rows.map(|(key, experts)| scenario(key, experts, &texts))
                .collect()
        })
    }

    fn experts_by_scenario(
        &self,
        tenant: Option<TenantId>,
        span: Span,
    ) -> StoreFuture<'_, Vec<ExpertSummary>> {
        Box::pin(async move {
            let (cells, texts) = self.read(tenant, span).await?;
            let mut rows = Vec::new();
            for ((tenant, scenario, expert), facts) in cells {
                if tenant == NONE || expert == NONE {
                    continue;
                }
                rows.push(ExpertSummary {
                    tenant: texts.id(tenant, TenantId::new)?,
                    scenario: texts.id(scenario, ScenarioId::new)?,
                    expert: texts.id(expert, ExpertId::new)?,
                    requests: facts.requests,
                    attempts: facts.attempts,
                    failed: facts.failed,
                    cost: facts.cost(),
                    p50: facts.latency.quantile(500),
                    p99: facts.latency.quantile(990),
                    quality: quality(&facts)?,
                });
            }
            rows.sort_by(|a, b| {
                (&a.tenant, &a.scenario, &a.expert).cmp(&(&b.tenant, &b.scenario, &b.expert))
            });
            Ok(rows)
        })
    }

    fn series(
        &self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
    ) -> StoreFuture<'_, Vec<SeriesPoint>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            let mut view = open.link();
            let Some(scope) = Scope::find(&mut view, tenant, span).await? else {
                return Ok(Vec::new());
            };
            series(&mut view, scope, step.max(1)).await
        })
    }

    fn platform_cost(&self, span: Span) -> StoreFuture<'_, CostSummary> {
        Box::pin(async move {
            let sql = format!(
                "SELECT CAST(COALESCE(SUM(amount / 1000000), 0) AS BIGINT),
                     CAST(COALESCE(SUM(amount % 1000000), 0) AS BIGINT)
                 FROM {} WHERE tenant = 0",
                facts::spanned("cost")
            );
            let (millions, rest): (i64, i64) =
                facts::bounds(query(&sql), span.from.index(), span.to.index())
                    .fetch_one(&mut self.readers.one().await?.link())
                    .await?;
            Ok(CostSummary {
                loaded: number::halves(millions, rest),
                ..CostSummary::default()
            })
        })
    }

    fn charges<'a>(
        &'a self,
        tenant: Option<TenantId>,
        span: Span,
        step: u32,
        take: &'a mut TakeCharge<'_>,
    ) -> StoreFuture<'a, ()> {
        Box::pin(charges::read(&self.readers, tenant, span, step, take))
    }

    fn spend(&self, month: Month) -> StoreFuture<'_, Vec<Spend>> {
        Box::pin(async move {
            let rows: Vec<(String, Option<String>, i64)> = query(
                "SELECT tenants.text, principals.text, amount FROM spend_rollups
                 JOIN names AS tenants ON tenants.id = tenant
                 LEFT JOIN names AS principals ON principals.id = principal
                 WHERE month = $1 ORDER BY 1, 2 NULLS FIRST",
            )
            .bind(month.start().unix_nanos())
            .fetch_all(&mut self.readers.one().await?.link())
            .await?;
            let rows = rows.into_iter().map(|(tenant, principal, amount)| {
                Ok(Spend {
                    tenant: names::parse(&tenant, TenantId::new)?,
                    principal,
                    amount: units::Pico::new(amount.into()),
                })
            });
            rows.collect()
        })
    }
}

impl SqlStore {
    /// Everything of the span by tenant, scenario and expert, on one consistent view.
    async fn read(
        &self,
        tenant: Option<TenantId>,
        span: Span,
    ) -> Result<(facts::Cells, Texts), StoreError> {
        let mut open = self.readers.view().await?;
        let mut view = open.link();
        let Some(scope) = Scope::find(&mut view, tenant, span).await? else {
            return Ok((facts::Cells::new(), Texts::default()));
        };
        let cells = facts::read(&mut view, scope).await?;
        let texts = Texts::of(&mut view, &cells).await?;
        Ok((cells, texts))
    }
}

fn scenario(
    (tenant, scenario): (TenantId, ScenarioId),
    experts: Vec<(i64, Facts)>,
    texts: &Texts,
) -> Result<ScenarioSummary, StoreError> {
    let mut all = Facts::default();
    let mut counts = Vec::new();
    for (expert, facts) in experts {
        if facts.requests > 0 {
            let expert = match expert {
                NONE => None,
                expert => Some(texts.id(expert, ExpertId::new)?),
            };
            counts.push(ExpertCount {
                expert,
                requests: facts.requests,
            });
        }
        all.merge(facts);
    }
    counts.sort_by(|a, b| {
        b.requests
            .cmp(&a.requests)
            .then_with(|| a.expert.cmp(&b.expert))
    });
    Ok(ScenarioSummary {
        tenant,
        scenario,
        requests: all.requests,
        errors: all.errors,
        attempts: all.attempts,
        experts: counts,
        cost: all.cost(),
        p50: all.latency.quantile(500),
        p99: all.latency.quantile(990),
        quality: quality(&all)?,
    })
}

fn quality(facts: &Facts) -> Result<Vec<QualitySummary>, StoreError> {
    let mut rows = Vec::new();
    for (source, (count, score)) in &facts.quality {
        let code = u8::try_from(*source).ok();
        let source = code.and_then(OutcomeSource::from_code);
        let source = source.ok_or(StoreError::Damaged("outcome source"))?;
        let Some(mean) = score.checked_div(*count) else {
            // Every judgement of this source was replaced by one in another bucket.
            continue;
        };
        let mean = Ppm::new(u32::try_from(mean).unwrap_or(u32::MAX));
        rows.push(QualitySummary {
            source,
            count: *count,
            mean,
        });
    }
    Ok(rows)
}

async fn series(
    view: &mut Link<'_>,
    scope: Scope,
    step: u32,
) -> Result<Vec<SeriesPoint>, StoreError> {
    let step = i64::from(step);
    let mut points: BTreeMap<i64, SeriesPoint> = BTreeMap::new();
    let point =
        |points: &mut BTreeMap<i64, SeriesPoint>, start: i64, f: &dyn Fn(&mut SeriesPoint)| {
            f(points.entry(start).or_insert(SeriesPoint {
                start: Bucket::from_index(start),
                requests: 0,
                marginal: units::Pico::ZERO,
                loaded: units::Pico::ZERO,
            }));
        };
    // Steps of whole days are made of days, others of buckets.
    let of = |name: &str| match step % DAY {
        0 => facts::spanned(name),
        _ => format!("{name}_rollups"),
    };
    let sql = format!(
        "SELECT bucket / $6 * $6, CAST(SUM(requests) AS BIGINT) FROM {}
         WHERE bucket >= $1 AND bucket < $4 AND ($5 = 0 OR tenant = $5) GROUP BY 1",
        of("request")
    );
    let requests: Vec<(i64, i64)> = facts::bounds(query(&sql), scope.from, scope.to)
        .bind(scope.tenant)
        .bind(step)
        .fetch_all(view)
        .await?;
    for (start, requests) in requests {
        point(&mut points, start, &|p| {
            p.requests = number::unsigned(requests)
        });
    }
    let sql = format!(
        "SELECT bucket / $6 * $6, {} FROM {}
         WHERE bucket >= $1 AND bucket < $4 AND ($5 = 0 OR tenant = $5) GROUP BY 1",
        facts::COSTS,
        of("cost")
    );
    let costs: Vec<(i64, i64, i64, i64, i64)> = facts::bounds(query(&sql), scope.from, scope.to)
        .bind(scope.tenant)
        .bind(step)
        .fetch_all(view)
        .await?;
    for (start, m, marginal, l, loaded) in costs {
        point(&mut points, start, &|p| {
            p.marginal = number::halves(m, marginal);
            p.loaded = number::halves(l, loaded);
        });
    }
    Ok(points.into_values().collect())
}
