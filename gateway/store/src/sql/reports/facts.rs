//! The sums of a span by tenant, scenario and expert.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::{LatencyHistogram, LatencySlot};
use units::{IdError, Pico, TenantId};

use crate::sql::link::{Link, query};
use crate::sql::{names, number};
use crate::{CostSummary, Span, StoreError};

/// Sums by the numbers of tenant, scenario and expert.
pub(super) type Cells = BTreeMap<(i64, i64, i64), Facts>;

/// What is asked for; tenant 0 is all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) tenant: i64,
}

impl Scope {
    /// `None` for a tenant the books have never met.
    pub(super) async fn find(
        view: &mut Link<'_>,
        tenant: Option<TenantId>,
        span: Span,
    ) -> Result<Option<Self>, StoreError> {
        let tenant = match tenant {
            None => Some(0),
            Some(tenant) => {
                let found: Option<(i64,)> = query("SELECT id FROM names WHERE text = $1")
                    .bind(tenant.as_str())
                    .fetch_optional(view)
                    .await?;
                found.map(|(id,)| id)
            }
        };
        Ok(tenant.map(|tenant| Self {
            from: span.from.index(),
            to: span.to.index(),
            tenant,
        }))
    }
}

/// The sums of one cell, or of several.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) latency: LatencyHistogram,
    pub(super) attempts: u64,
    pub(super) failed: u64,
    known: u64,
    unknown: u64,
    marginal: Pico,
    loaded: Pico,
    /// By source: judgements and the sum of their scores.
    pub(super) quality: BTreeMap<i64, (u64, u64)>,
}

impl Facts {
    pub(super) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.latency.merge(&other.latency);
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.known += other.known;
        self.unknown += other.unknown;
        self.marginal = [self.marginal, other.marginal].into_iter().sum();
        self.loaded = [self.loaded, other.loaded].into_iter().sum();
        for (source, (count, score)) in other.quality {
            let sum = self.quality.entry(source).or_default();
            sum.0 += count;
            sum.1 += score;
        }
    }

    pub(super) fn cost(&self) -> CostSummary {
        CostSummary {
            known: self.known,
            unknown: self.unknown,
            pending: self
                .attempts
                .saturating_sub(self.known)
                .saturating_sub(self.unknown),
            marginal: self.marginal,
            loaded: self.loaded,
        }
    }
}

pub(super) async fn read(view: &mut Link<'_>, scope: Scope) -> Result<Cells, StoreError> {
    let mut cells = Cells::new();
    let count = number::unsigned;
    let rows: Vec<(i64, i64, i64, i64, i64)> = query(
        "SELECT tenant, scenario, expert, CAST(SUM(requests) AS BIGINT), CAST(SUM(errors) AS BIGINT) FROM request_rollups
         WHERE bucket >= $1 AND bucket < $2 AND ($3 = 0 OR tenant = $3) GROUP BY 1, 2, 3",
    )
    .bind(scope.from)
    .bind(scope.to)
    .bind(scope.tenant)
    .fetch_all(view)
    .await?;
    for (tenant, scenario, expert, requests, errors) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts.requests = count(requests);
        facts.errors = count(errors);
    }
    let rows: Vec<(i64, i64, i64, i64, i64)> = query(
        "SELECT tenant, scenario, expert, slot, CAST(SUM(requests) AS BIGINT) FROM latency_rollups
         WHERE bucket >= $1 AND bucket < $2 AND ($3 = 0 OR tenant = $3) GROUP BY 1, 2, 3, 4",
    )
    .bind(scope.from)
    .bind(scope.to)
    .bind(scope.tenant)
    .fetch_all(view)
    .await?;
    for (tenant, scenario, expert, slot, requests) in rows {
        let slot = u16::try_from(slot).map_err(|_| StoreError::Damaged("latency slot"))?;
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts
            .latency
            .add(LatencySlot::from_index(slot), count(requests));
    }
    let rows: Vec<(i64, i64, i64, i64, i64, i64, i64)> = query(
        "SELECT tenant, scenario, expert, CAST(SUM(attempts) AS BIGINT), CAST(SUM(failed) AS BIGINT), CAST(SUM(known) AS BIGINT), CAST(SUM(unknown) AS BIGINT)
         FROM attempt_rollups
         WHERE bucket >= $1 AND bucket < $2 AND ($3 = 0 OR tenant = $3) GROUP BY 1, 2, 3",
    )
    .bind(scope.from)
    .bind(scope.to)
    .bind(scope.tenant)
    .fetch_all(view)
    .await?;
    for (tenant, scenario, expert, attempts, failed, known, unknown) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts.attempts = count(attempts);
        facts.failed = count(failed);
        facts.known = count(known);
        facts.unknown = count(unknown);
    }
    costs(view, scope, &mut cells).await?;
    let rows: Vec<(i64, i64, i64, i64, i64, i64)> = query(
        "SELECT tenant, scenario, expert, source, CAST(SUM(outcomes) AS BIGINT), CAST(SUM(score) AS BIGINT) FROM outcome_rollups
         WHERE bucket >= $1 AND bucket < $2 AND ($3 = 0 OR tenant = $3) GROUP BY 1, 2, 3, 4",
    )
    .bind(scope.from)
    .bind(scope.to)
    .bind(scope.tenant)
    .fetch_all(view)
    .await?;
    for (tenant, scenario, expert, source, outcomes, score) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts
            .quality
            .insert(source, (count(outcomes), count(score)));
    }
    Ok(cells)
}

/// Meters of work (device time of attempts, tokens) make the marginal cost, all meters the loaded one.
async fn costs(view: &mut Link<'_>, scope: Scope, cells: &mut Cells) -> Result<(), StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64, i64, i64)> = query(
        "SELECT tenant, scenario, expert,
             CAST(SUM(CASE WHEN meter = 1 OR meter >= 10 THEN amount / 1000000 ELSE 0 END) AS BIGINT),
             CAST(SUM(CASE WHEN meter = 1 OR meter >= 10 THEN amount % 1000000 ELSE 0 END) AS BIGINT),
             CAST(SUM(amount / 1000000) AS BIGINT), CAST(SUM(amount % 1000000) AS BIGINT)
         FROM cost_rollups
         WHERE bucket >= $1 AND bucket < $2 AND ($3 = 0 OR tenant = $3) GROUP BY 1, 2, 3",
    )
    .bind(scope.from)
    .bind(scope.to)
    .bind(scope.tenant)
    .fetch_all(view)
    .await?;
    for (tenant, scenario, expert, m, marginal, l, loaded) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts.marginal = number::halves(m, marginal);
        facts.loaded = number::halves(l, loaded);
    }
    Ok(())
}

/// The names behind the numbers of some cells.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<i64, String>);

impl Texts {
    pub(super) async fn of(view: &mut Link<'_>, cells: &Cells) -> Result<Self, StoreError> {
        let numbers: BTreeSet<i64> = cells.keys().flat_map(|(t, s, e)| [*t, *s, *e]).collect();
        let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        if list.is_empty() {
            return Ok(Self::default());
        }
        let sql = format!(
            "SELECT id, text FROM names WHERE id IN ({})",
            list.join(", ")
        );
        let rows: Vec<(i64, String)> = query(&sql).fetch_all(view).await?;
        Ok(Self(rows.into_iter().collect()))
    }

    pub(super) fn id<T>(
        &self,
        number: i64,
        new: impl FnOnce(&str) -> Result<T, IdError>,
    ) -> Result<T, StoreError> {
        let text = self.0.get(&number).ok_or(StoreError::Damaged("name"))?;
        names::parse(text, new)
    }
}
