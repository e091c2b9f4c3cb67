//! Posts judgements. Only the last one of a source counts; the ones before stay on record.

use ledger::OutcomeRecord;

use super::link::{Link, query};
use super::rollup::{Place, Rollups};
use crate::{Applied, StoreError};

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
    let score = i64::from(record.score.get());
    let new = query(
        "INSERT INTO outcomes (request, source, key, score, label, comment_chars, at, counts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0) ON CONFLICT DO NOTHING",
    )
    .bind(request.as_slice())
    .bind(source)
    .bind(&*record.idempotency_key)
    .bind(score)
    .bind(record.label.as_deref())
    .bind(i64::from(record.comment_chars))
    .bind(record.at.unix_nanos())
    .execute(connection)
    .await?;
    if new == 0 {
        applied.repeated += 1;
        return Ok(());
    }
    let replaced: Option<(i64,)> = query(
        "UPDATE outcomes SET counts = 0 WHERE request = $1 AND source = $2 AND counts = 1 RETURNING score",
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
    let place = Place {
        tenant,
        scenario,
        expert,
    };
    if let Some((before,)) = replaced {
        rollups.outcome(started, place, source, [-1, -before]);
    }
    rollups.outcome(started, place, source, [1, score]);
    applied.outcomes += 1;
    Ok(())
}
