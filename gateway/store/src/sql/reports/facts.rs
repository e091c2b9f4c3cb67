//! The sums of a span by tenant, scenario and expert.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::LatencyHistogram;
use units::{IdError, Pico, TenantId};

use crate::sql::latencies;
use crate::sql::link::{Fetched, Link, Query, query};
use crate::sql::rollup::{DAY, day};
use crate::sql::{names, number};
use crate::{CostSummary, Span, StoreError};

/// Sums by the numbers of tenant, scenario and expert.
pub(super) type Cells = BTreeMap<(i64, i64, i64), Facts>;

/// What is asked for; tenant 0 is all of them.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct Scope {
    pub(in crate::sql) from: i64,
    pub(in crate::sql) to: i64,
    pub(in crate::sql) tenant: i64,
}

/// Rows of a rollup for `$1` to `$4`, as `bind` gives them: whole days by the day, what is before and after by the bucket.
pub(in crate::sql) fn spanned(name: &str) -> String {
    format!(
        "(SELECT * FROM {name}_rollups WHERE bucket >= $1 AND bucket < $2
             UNION ALL SELECT * FROM {name}_days WHERE bucket >= $2 AND bucket < $3
             UNION ALL SELECT * FROM {name}_rollups WHERE bucket >= $3 AND bucket < $4) AS spanned"
    )
}

/// Binds `$1` to `$4` of `spanned`.
pub(in crate::sql) fn bounds(query: Query<'_>, from: i64, to: i64) -> Query<'_> {
    let (first, last) = (day(from.saturating_add(DAY - 1)), day(to));
    // Without a whole day, everything is before it.
    let (first, last) = if first < last {
        (first, last)
    } else {
        (to, to)
    };
    query.bind(from).bind(first).bind(last).bind(to)
}

impl Scope {
    /// `None` for a tenant the books have never met.
    pub(in crate::sql) async fn find(
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

impl Scope {
    /// Sums of a rollup by tenant, scenario, expert and what `what` says.
    async fn sums<T: Fetched>(
        self,
        view: &mut Link<'_>,
        name: &str,
        what: &str,
        groups: &str,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!(
            "SELECT tenant, scenario, expert, {what} FROM {}
             WHERE ($5 = 0 OR tenant = $5) GROUP BY {groups}",
            spanned(name)
        );
        let asked = bounds(query(&sql), self.from, self.to).bind(self.tenant);
        Ok(asked.fetch_all(view).await?)
    }
}

pub(super) async fn read(view: &mut Link<'_>, scope: Scope) -> Result<Cells, StoreError> {
    let mut cells = Cells::new();
    let count = number::unsigned;
    let what = "CAST(SUM(requests) AS BIGINT), CAST(SUM(errors) AS BIGINT)";
    let rows: Vec<(i64, i64, i64, i64, i64)> = scope.sums(view, "request", what, "1, 2, 3").await?;
    for (tenant, scenario, expert, requests, errors) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts.requests = count(requests);
        facts.errors = count(errors);
    }
    let what = "STRING_AGG(counts, ',')";
    let rows: Vec<(i64, i64, i64, String)> = scope.sums(view, "latency", what, "1, 2, 3").await?;
    for (tenant, scenario, expert, counts) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        latencies::each(&counts, |slot, n| facts.latency.add(slot, n))?;
    }
    let what = "CAST(SUM(attempts) AS BIGINT), CAST(SUM(failed) AS BIGINT),
        CAST(SUM(known) AS BIGINT), CAST(SUM(unknown) AS BIGINT)";
    let rows: Vec<(i64, i64, i64, i64, i64, i64, i64)> =
        scope.sums(view, "attempt", what, "1, 2, 3").await?;
    for (tenant, scenario, expert, attempts, failed, known, unknown) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts.attempts = count(attempts);
        facts.failed = count(failed);
        facts.known = count(known);
        facts.unknown = count(unknown);
    }
    costs(view, scope, &mut cells).await?;
    let what = "source, CAST(SUM(outcomes) AS BIGINT), CAST(SUM(score) AS BIGINT)";
    let rows: Vec<(i64, i64, i64, i64, i64, i64)> =
        scope.sums(view, "outcome", what, "1, 2, 3, 4").await?;
    for (tenant, scenario, expert, source, outcomes, score) in rows {
        let facts = cells.entry((tenant, scenario, expert)).or_default();
        facts
            .quality
            .insert(source, (count(outcomes), count(score)));
    }
    Ok(cells)
}

/// Marginal and loaded cost, each in millions and the rest. Meters of work (device time of attempts, tokens) make the
/// marginal cost, all meters the loaded one.
pub(super) const COSTS: &str = "
    CAST(SUM(CASE WHEN meter = 1 OR meter >= 10 THEN amount / 1000000 ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN meter = 1 OR meter >= 10 THEN amount % 1000000 ELSE 0 END) AS BIGINT),
    CAST(SUM(amount / 1000000) AS BIGINT), CAST(SUM(amount % 1000000) AS BIGINT)";

async fn costs(view: &mut Link<'_>, scope: Scope, cells: &mut Cells) -> Result<(), StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64, i64, i64)> =
        scope.sums(view, "cost", COSTS, "1, 2, 3").await?;
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
