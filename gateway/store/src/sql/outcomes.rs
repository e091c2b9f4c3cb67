//! Posts judgements. Only the last one of a source counts; the ones before stay on record, and so does one that was asked
//! for and did not come.

use ledger::{OutcomeRecord, OutcomeSource};

use super::link::{Link, query};
use super::rollup::{Place, Rollups};
use crate::{Applied, StoreError};

/// In `counts`: asked for, and not given.
const MISSING: i64 = 2;
/// The score of those where they are summed up.
const NO_SCORE: i64 = -1;
/// A judgement is in time within 30 days, in ns.
const IN_TIME: i64 = 2_592_000_000_000_000;

/// What one source says of one request.
#[derive(Debug, Clone, Copy)]
struct Word {
    score: i64,
    /// 1: it says why.
    reasoned: i64,
    at: i64,
}

impl Word {
    /// What it adds to the judgements of a day: itself, its reason, whether it came in time, and its delay in ms.
    fn sums(self, started: i64) -> [i64; 4] {
        let delay = self.at.saturating_sub(started);
        let in_time = i64::from(delay <= IN_TIME);
        [1, self.reasoned, in_time, delay / 1_000_000]
    }
}

pub(super) async fn post(
    connection: &mut Link<'_>,
    record: &OutcomeRecord,
    rollups: &mut Rollups,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    let request = record.request.uuid().into_bytes();
    let source = i64::from(record.source.code());
    let found: Option<(String, i64, i64, i64, i64)> = query(
        "SELECT names.text, tenant, scenario, expert, started FROM requests
         JOIN names ON names.id = requests.tenant WHERE request = $1",
    )
    .bind(request.as_slice())
    .fetch_optional(connection)
    .await?;
    let Some((owner, tenant, scenario, expert, started)) = found else {
        applied.refused += 1;
        return Ok(());
    };
    if owner != record.tenant.as_str() {
        applied.refused += 1;
        return Ok(());
    }
    let missing = record.score.is_none();
    let word = Word {
        score: record.score.map_or(0, |score| i64::from(score.get())),
        reasoned: i64::from(record.label.is_some() || record.comment_chars > 0),
        at: record.at.unix_nanos(),
    };
    let new = query(
        "INSERT INTO outcomes (request, source, key, score, label, comment_chars, at, counts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(request.as_slice())
    .bind(source)
    .bind(&*record.idempotency_key)
    .bind(word.score)
    .bind(record.label.as_deref())
    .bind(i64::from(record.comment_chars))
    .bind(word.at)
    .bind(if missing { MISSING } else { 0 })
    .execute(connection)
    .await?;
    if new == 0 {
        applied.repeated += 1;
        return Ok(());
    }
    applied.outcomes += 1;
    let place = Place {
        tenant,
        scenario,
        expert,
    };
    if missing {
        rollups.judged(started, place, [source, NO_SCORE], [1, 0, 0, 0]);
        return Ok(());
    }
    let replaced: Option<(i64, i64, i64)> = query(
        "UPDATE outcomes SET counts = 0 WHERE request = $1 AND source = $2 AND counts = 1
         RETURNING score, CAST(CASE WHEN label IS NOT NULL OR comment_chars > 0 THEN 1 ELSE 0 END AS BIGINT), at",
    )
    .bind(request.as_slice())
    .bind(source)
    .fetch_optional(connection)
    .await?;
    query("UPDATE outcomes SET counts = 1 WHERE request = $1 AND source = $2 AND key = $3")
        .bind(request.as_slice())
        .bind(source)
        .bind(&*record.idempotency_key)
        .execute(connection)
        .await?;
    let others: Vec<(i64, i64)> = query(
        "SELECT source, score FROM outcomes WHERE request = $1 AND counts = 1 AND source <> $2",
    )
    .bind(request.as_slice())
    .bind(source)
    .fetch_all(connection)
    .await?;
    let before = replaced.map(|(score, reasoned, at)| Word {
        score,
        reasoned,
        at,
    });
    for (sign, word) in [(-1, before), (1, Some(word))] {
        let Some(word) = word else { continue };
        rollups.outcome(started, place, source, [sign, sign * word.score]);
        let sums = word.sums(started).map(|sum| sign * sum);
        rollups.judged(started, place, [source, word.score], sums);
        for (other, score) in &others {
            if let Some(pair) = pair((source, word.score), (*other, *score)) {
                rollups.paired(started, place, pair, sign);
            }
        }
    }
    Ok(())
}

/// Who judged beside a judge, their score and the judge's; `None` where none of them or both are one.
fn pair(one: (i64, i64), other: (i64, i64)) -> Option<[i64; 3]> {
    let judge = i64::from(OutcomeSource::Judge.code());
    match (one.0 == judge, other.0 == judge) {
        (true, false) => Some([other.0, other.1, one.1]),
        (false, true) => Some([one.0, one.1, other.1]),
        _ => None,
    }
}
