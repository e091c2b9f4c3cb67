//! Days are the sums of their buckets, and every request has its latency.

use std::ops::ControlFlow;

use super::broken;
use crate::sql::latencies;
use crate::sql::link::{Link, query};
use crate::sql::number;
use crate::sql::rollup::DAY;
use crate::{StoreError, VerifyReport};

pub(super) async fn check(
    view: &mut Link<'_>,
    report: &mut VerifyReport,
) -> Result<(), StoreError> {
    for (name, keys, sums) in ROLLUPS {
        days(view, report, name, keys, sums).await?;
    }
    for each in ["rollups", "days"] {
        latencies(view, report, each).await?;
    }
    Ok(())
}

/// A rollup, what it counts by, and what it sums up.
const ROLLUPS: [(&str, &str, &[&str]); 5] = [
    (
        "request",
        "tenant, scenario, expert",
        &["requests", "errors", "total", "overhead"],
    ),
    (
        "attempt",
        "tenant, scenario, expert, purpose",
        &["attempts", "failed", "known", "unknown", "input", "output"],
    ),
    (
        "cost",
        "tenant, scenario, expert, purpose, meter",
        &["lines", "unknown", "quantity", "amount"],
    ),
    (
        "tagged",
        "tenant, scenario, expert, purpose, meter, tags",
        &["lines", "unknown", "quantity", "amount"],
    ),
    (
        "outcome",
        "tenant, scenario, expert, source",
        &["outcomes", "score"],
    ),
];

async fn days(
    view: &mut Link<'_>,
    report: &mut VerifyReport,
    name: &str,
    keys: &str,
    sums: &[&str],
) -> Result<(), StoreError> {
    let columns = sums.join(", ");
    let summed: Vec<String> = sums
        .iter()
        .map(|sum| format!("SUM({sum}) AS {sum}"))
        .collect();
    let groups = keys.split(',').count().saturating_add(1);
    let groups: Vec<String> = (1..=groups).map(|n| n.to_string()).collect();
    let sql = format!(
        "WITH made AS (SELECT bucket / {DAY} * {DAY} AS bucket, {keys}, {} FROM {name}_rollups GROUP BY {}),
         kept AS (SELECT bucket, {keys}, {columns} FROM {name}_days)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
        summed.join(", "),
        groups.join(", ")
    );
    let (wrong,): (i64,) = query(&sql).fetch_one(view).await?;
    if wrong != 0 {
        broken(
            report,
            format!("{wrong} days of {name}s that are not their buckets"),
        );
    }
    Ok(())
}

/// Each row of requests has a row of latencies that counts as many, and there is none besides.
async fn latencies(
    view: &mut Link<'_>,
    report: &mut VerifyReport,
    each: &str,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT requests, counts FROM request_{each} AS r LEFT JOIN latency_{each} AS l
             ON l.bucket = r.bucket AND l.tenant = r.tenant AND l.scenario = r.scenario AND l.expert = r.expert"
    );
    let (mut rows, mut wrong) = (0_u64, 0_u64);
    let mut compare = |(requests, counts): (i64, Option<String>)| {
        let mut sum = 0_u64;
        let read = match &counts {
            None => Ok(()),
            Some(counts) => {
                rows += 1;
                latencies::each(counts, |_, n| sum = sum.saturating_add(n))
            }
        };
        wrong += u64::from(read.is_err() || sum != number::unsigned(requests));
        Ok(ControlFlow::Continue(()))
    };
    query(&sql).fetch_each(view, &mut compare).await?;
    let sql = format!("SELECT COUNT(*) FROM latency_{each}");
    let (there,): (i64,) = query(&sql).fetch_one(view).await?;
    if wrong != 0 || number::unsigned(there) != rows {
        broken(
            report,
            format!("latency {each} do not count every request: {wrong} differ, {there} are there"),
        );
    }
    Ok(())
}
