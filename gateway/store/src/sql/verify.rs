//! The proof of the books: every sum is made again from its rows and compared.

mod amounts;
mod spans;

use std::collections::BTreeMap;

use ledger::Price;
use units::{Nanos, Pico};

use super::finance::{audit, periods};
use super::link::{Link, query};
use super::number;
use crate::{StoreError, VerifyReport};

/// Sentences kept at most; the first ones say enough.
const MOST: usize = 100;

/// To be asked on one consistent view.
pub(super) async fn books(view: &mut Link<'_>) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport::default();
    counts(view, &mut report).await?;
    windows(view, &mut report).await?;
    amounts::check(view, &mut report).await?;
    spans::check(view, &mut report).await?;
    if let Some(month) = periods::broken(view).await? {
        broken(
            &mut report,
            format!("{month} does not hold what it was closed with"),
        );
    }
    if let Some(entry) = audit::broken(view).await? {
        let sentence = format!("entry {entry} of the audit log does not follow from those before");
        broken(&mut report, sentence);
    }
    for (about, sql) in CHECKS {
        let sql = sql.replace("{month}", &view.month_of("finished"));
        let (wrong,): (i64,) = query(&sql).fetch_one(view).await?;
        if wrong != 0 {
            broken(&mut report, format!("{wrong} {about}"));
        }
    }
    Ok(report)
}

fn broken(report: &mut VerifyReport, sentence: String) {
    if report.breaks.len() < MOST {
        report.breaks.push(sentence);
    }
}

async fn counts(view: &mut Link<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    let (requests, attempts, pending, orphans, lines, unknown): (i64, i64, i64, i64, i64, i64) =
        query(
            "SELECT (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM attempts),
                 (SELECT COUNT(*) FROM attempts WHERE pool_window IS NULL),
                 (SELECT COUNT(*) FROM attempts
                  WHERE NOT EXISTS (SELECT 1 FROM requests WHERE requests.request = attempts.request)),
                 (SELECT COUNT(*) FROM lines), (SELECT COUNT(*) FROM lines WHERE amount IS NULL)",
        )
        .fetch_one(view)
        .await?;
    let count = number::unsigned;
    report.requests = count(requests);
    report.attempts = count(attempts);
    report.pending = count(pending);
    report.orphans = count(orphans);
    report.lines = count(lines);
    report.unknown = count(unknown);
    Ok(())
}

/// Per window: the sum of the lines and of the idle lines among them.
type Sums = BTreeMap<i64, (Pico, Pico)>;

/// A window: its number, bill and provisioned time, and its rate's price per so many ns.
type Window = (i64, Option<i64>, i64, Option<i64>, Option<i64>);

async fn windows(view: &mut Link<'_>, report: &mut VerifyReport) -> Result<(), StoreError> {
    let rows: Vec<(i64, i64, i64, i64, i64)> = query(
        "SELECT pool_window,
             CAST(COALESCE(SUM(amount / 1000000), 0) AS BIGINT), CAST(COALESCE(SUM(amount % 1000000), 0) AS BIGINT),
             CAST(COALESCE(SUM(CASE WHEN meter = 3 THEN amount / 1000000 END), 0) AS BIGINT),
             CAST(COALESCE(SUM(CASE WHEN meter = 3 THEN amount % 1000000 END), 0) AS BIGINT)
         FROM lines WHERE pool_window IS NOT NULL GROUP BY pool_window",
    )
    .fetch_all(view)
    .await?;
    let halves = number::halves;
    let mut sums: Sums = rows
        .into_iter()
        .map(|(id, a, b, c, d)| (id, (halves(a, b), halves(c, d))))
        .collect();
    let rows: Vec<Window> = query(
        "SELECT pool_windows.id, cost, provisioned, rates.pico, rates.per
         FROM pool_windows LEFT JOIN rates ON rates.rate = pool_windows.rate",
    )
    .fetch_all(view)
    .await?;
    for (id, cost, provisioned, pico, per) in rows {
        report.windows += 1;
        let cost = cost.map(|cost| Pico::new(cost.into()));
        let (lines, idle) = sums.remove(&id).unwrap_or_default();
        if lines != cost.unwrap_or(Pico::ZERO) {
            broken(
                report,
                format!("window {id}: its lines sum to {lines}, its bill is {cost:?}"),
            );
        }
        let price = pico
            .zip(per)
            .and_then(|(pico, per)| Price::new(Pico::new(pico.into()), number::unsigned(per)).ok());
        let bill = match price {
            None => None,
            Some(price) => Some(price.of_time(Nanos::new(number::unsigned(provisioned)))?),
        };
        if bill != cost {
            broken(
                report,
                format!("window {id}: its bill is {cost:?}, time at its rate is {bill:?}"),
            );
        }
        let all = [report.pool_cost, cost.unwrap_or(Pico::ZERO)];
        report.pool_cost = all.into_iter().sum();
        report.pool_idle = [report.pool_idle, idle].into_iter().sum();
        let used = lines.checked_sub(idle).map_err(ledger::LedgerError::from)?;
        report.pool_used = [report.pool_used, used].into_iter().sum();
    }
    for id in sums.into_keys() {
        broken(report, format!("window {id} has lines and does not exist"));
    }
    Ok(())
}

/// Each counts what does not hold.
const CHECKS: [(&str, &str); 18] = [
    (
        "corrections that do not take back what they cite",
        "SELECT COUNT(*) FROM lines LEFT JOIN lines AS cited ON cited.line = lines.corrects
         WHERE lines.corrects IS NOT NULL AND (cited.line IS NULL OR lines.meter <> cited.meter
             OR lines.attempt IS DISTINCT FROM cited.attempt OR lines.quantity IS NOT NULL OR lines.method NOT IN (3, 5)
             OR (lines.method = 3 AND (lines.amount + cited.amount <> 0 OR lines.tenant <> cited.tenant))
             OR (lines.method = 5 AND lines.pool_window IS NOT NULL AND lines.amount <> cited.amount)
             OR lines.pool_window IS DISTINCT FROM cited.pool_window)",
    ),
    (
        "lines about another time than the one they are posted in, that no close explains",
        "SELECT COUNT(*) FROM lines WHERE origin IS NOT NULL AND corrects IS NULL
         AND NOT EXISTS (SELECT 1 FROM periods WHERE state = 3 AND month / 900000000000 <= origin)",
    ),
    (
        "windows whose busy, load and idle time is not their provisioned time",
        "SELECT COUNT(*) FROM pool_windows WHERE busy + load + idle <> provisioned",
    ),
    (
        "windows that are not the sum of their intervals",
        "SELECT COUNT(*) FROM pool_windows LEFT JOIN (
             SELECT pool_window AS id, SUM(provisioned) AS provisioned, SUM(busy) AS busy,
                 SUM(load) AS load, SUM(idle) AS idle
             FROM intervals GROUP BY pool_window) AS parts ON parts.id = pool_windows.id
         WHERE parts.provisioned IS DISTINCT FROM pool_windows.provisioned OR parts.busy IS DISTINCT FROM pool_windows.busy
             OR parts.load IS DISTINCT FROM pool_windows.load OR parts.idle IS DISTINCT FROM pool_windows.idle",
    ),
    (
        "attempts that are another tenant's or scenario's than their request",
        "SELECT COUNT(*) FROM attempts JOIN requests ON requests.request = attempts.request
         WHERE attempts.tenant <> requests.tenant OR attempts.scenario <> requests.scenario",
    ),
    (
        "lines that do not say what their attempt says",
        "SELECT COUNT(*) FROM lines JOIN attempts ON attempts.attempt = lines.attempt
         WHERE corrects IS NULL AND (lines.tenant <> attempts.tenant OR lines.scenario <> attempts.scenario
             OR lines.expert <> attempts.expert OR lines.purpose <> attempts.purpose
             OR lines.quantity IS DISTINCT FROM CASE lines.meter
                 WHEN 1 THEN attempts.device
                 WHEN 10 THEN attempts.input_uncached
                 WHEN 11 THEN attempts.cache_read
                 WHEN 12 THEN attempts.cache_write
                 WHEN 13 THEN attempts.output_text
                 WHEN 14 THEN attempts.output_reasoning
                 WHEN 20 THEN attempts.cpu END)",
    ),
    (
        "attempts without their lines, or with too many",
        "SELECT COUNT(*) FROM attempts LEFT JOIN (
             SELECT attempt, COUNT(*) AS lines, MIN(pool_window) AS pool_window FROM lines
             WHERE attempt IS NOT NULL AND corrects IS NULL GROUP BY attempt) AS posted ON posted.attempt = attempts.attempt
         WHERE CASE
             WHEN attempts.pool_window IS NULL THEN posted.lines IS NOT NULL
             WHEN attempts.pool_window = 0
                 THEN COALESCE(posted.lines, 0) < CASE WHEN attempts.cpu IS NULL THEN 2 ELSE 1 END
             ELSE posted.lines IS DISTINCT FROM 1 OR posted.pool_window IS DISTINCT FROM attempts.pool_window END",
    ),
    (
        "lines of attempts that do not exist",
        "SELECT COUNT(*) FROM lines WHERE attempt IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.attempt = lines.attempt)",
    ),
    (
        "lines with an amount and without a rate that is on record",
        "SELECT COUNT(*) FROM lines WHERE amount IS NOT NULL AND corrects IS NULL
         AND NOT EXISTS (SELECT 1 FROM rates WHERE rates.rate = lines.rate)",
    ),
    (
        "rollups of requests that are not their rows",
        "WITH made AS (
             SELECT started / 900000000000 AS bucket, tenant, scenario, expert, COUNT(*) AS requests,
                 COUNT(CASE WHEN status >= 400 AND status <> 499 THEN 1 END) AS errors, SUM(total / 1000) AS total, SUM(overhead / 1000) AS overhead
             FROM requests GROUP BY 1, 2, 3, 4),
         kept AS (SELECT bucket, tenant, scenario, expert, requests, errors, total, overhead
             FROM request_rollups)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "rollups of attempts that are not their rows",
        "WITH gaps AS (SELECT attempt, COUNT(CASE WHEN amount IS NULL
                 AND NOT EXISTS (SELECT 1 FROM lines AS other WHERE other.corrects = lines.line) THEN 1 END) AS gaps FROM lines
             WHERE attempt IS NOT NULL GROUP BY attempt),
         made AS (
             SELECT finished / 900000000000 AS bucket, tenant, scenario, expert, purpose,
                 COUNT(*) AS attempts, COUNT(CASE WHEN ending <> 1 THEN 1 END) AS failed,
                 COUNT(CASE WHEN gaps.gaps = 0 THEN 1 END) AS known,
                 COUNT(CASE WHEN gaps.gaps > 0 THEN 1 END) AS unknown,
                 SUM(COALESCE(input_uncached + COALESCE(cache_read, 0) + COALESCE(cache_write, 0), 0)) AS input,
                 SUM(COALESCE(output_text + COALESCE(output_reasoning, 0), 0)) AS output
             FROM attempts LEFT JOIN gaps ON gaps.attempt = attempts.attempt GROUP BY 1, 2, 3, 4, 5),
         kept AS (SELECT bucket, tenant, scenario, expert, purpose, attempts, failed, known, unknown,
             input, output FROM attempt_rollups)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "rollups of cost that are not their lines",
        "WITH made AS (
             SELECT bucket, tenant, scenario, expert, purpose, meter, COUNT(*) AS lines,
                 COUNT(CASE WHEN amount IS NULL THEN 1 END) AS unknown, COALESCE(SUM(quantity), 0) AS quantity,
                 COALESCE(SUM(amount), 0) AS amount
             FROM lines GROUP BY 1, 2, 3, 4, 5, 6),
         kept AS (SELECT bucket, tenant, scenario, expert, purpose, meter, lines, unknown, quantity,
             amount FROM cost_rollups)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "rollups of cost by tags that are not their lines",
        "WITH made AS (
             SELECT bucket, tenant, scenario, expert, purpose, meter, tags, COUNT(*) AS lines,
                 COUNT(CASE WHEN amount IS NULL THEN 1 END) AS unknown, COALESCE(SUM(quantity), 0) AS quantity,
                 COALESCE(SUM(amount), 0) AS amount
             FROM lines WHERE tags IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7),
         kept AS (SELECT bucket, tenant, scenario, expert, purpose, meter, tags, lines, unknown, quantity,
             amount FROM tagged_rollups)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "tags that are not those of the request or the attempt",
        "SELECT (SELECT COUNT(*) FROM attempts JOIN requests ON requests.request = attempts.request
                 WHERE attempts.tags IS DISTINCT FROM requests.tags)
             + (SELECT COUNT(*) FROM lines JOIN attempts ON attempts.attempt = lines.attempt
                 WHERE lines.tags IS DISTINCT FROM CASE WHEN lines.tenant = attempts.tenant THEN attempts.tags END)",
    ),
    (
        "rollups of outcomes that are not their rows",
        "WITH made AS (
             SELECT started / 900000000000 AS bucket, tenant, scenario, expert, source,
                 COUNT(*) AS outcomes, SUM(score) AS score
             FROM outcomes JOIN requests ON requests.request = outcomes.request
             WHERE counts = 1 GROUP BY 1, 2, 3, 4, 5),
         kept AS (SELECT bucket, tenant, scenario, expert, source, outcomes, score
             FROM outcome_rollups WHERE outcomes <> 0 OR score <> 0)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "judgements of a day that are not their rows",
        "WITH made AS (
             SELECT started / 86400000000000 * 96 AS bucket, tenant, scenario, source,
                 CASE WHEN counts = 2 THEN -1 ELSE score END AS score, COUNT(*) AS outcomes,
                 SUM(CASE WHEN counts = 1 AND (label IS NOT NULL OR comment_chars > 0) THEN 1 ELSE 0 END) AS reasoned,
                 SUM(CASE WHEN counts = 1 AND at - started <= 2592000000000000 THEN 1 ELSE 0 END) AS in_time,
                 SUM(CASE WHEN counts = 1 THEN (at - started) / 1000000 ELSE 0 END) AS delay
             FROM outcomes JOIN requests ON requests.request = outcomes.request
             WHERE counts IN (1, 2) GROUP BY 1, 2, 3, 4, 5),
         kept AS (SELECT bucket, tenant, scenario, source, score, outcomes, reasoned, in_time, delay
             FROM judged_days WHERE outcomes <> 0 OR reasoned <> 0 OR in_time <> 0 OR delay <> 0)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "pairs of judgements of a day that are not their rows",
        "WITH made AS (
             SELECT started / 86400000000000 * 96 AS bucket, tenant, scenario, others.source, others.score,
                 judges.score AS judge, COUNT(*) AS requests
             FROM outcomes AS judges
             JOIN outcomes AS others ON others.request = judges.request AND others.counts = 1 AND others.source <> 3
             JOIN requests ON requests.request = judges.request
             WHERE judges.counts = 1 AND judges.source = 3 GROUP BY 1, 2, 3, 4, 5, 6),
         kept AS (SELECT bucket, tenant, scenario, source, score, judge, requests FROM paired_days WHERE requests <> 0)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
    (
        "tenants whose spending in a month is not the sum of their lines",
        "WITH made AS (
             SELECT {month} AS month, lines.tenant AS tenant, SUM(amount) AS amount
             FROM lines JOIN attempts ON attempts.attempt = lines.attempt
             WHERE amount IS NOT NULL AND lines.tenant <> 0 GROUP BY 1, 2),
         kept AS (SELECT month, tenant, SUM(amount) AS amount FROM spend_rollups GROUP BY 1, 2)
         SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS lacking
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more) AS other",
    ),
];
