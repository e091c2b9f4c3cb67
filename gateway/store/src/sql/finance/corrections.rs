//! Takes a line back: its negative, and a line that stands in its place, both in the bucket that runs and both citing it.

use ledger::{LineId, Meter, Method};
use units::{Bucket, Pico, Timestamp};

use super::audit;
use crate::sql::link::{Link, query};
use crate::sql::names::NONE;
use crate::sql::rollup::{Place, Rollups};
use crate::sql::rows::{LINES, LineRow};
use crate::sql::{Writer, number};
use crate::{Corrected, Correction, Instead, Note, StoreError};

/// A line with what its attempt says.
#[derive(sqlx::FromRow)]
struct Found {
    attempt: Option<Vec<u8>>,
    tenant: i64,
    scenario: i64,
    expert: i64,
    purpose: i64,
    meter: i64,
    amount: Option<i64>,
    rate: Option<i64>,
    method: i64,
    bucket: i64,
    origin: Option<i64>,
    pool_window: Option<i64>,
    finished: Option<i64>,
    principal: Option<i64>,
    /// Whose the attempt was, and its tags.
    owner: Option<i64>,
    tags: Option<i64>,
}

pub(super) async fn post(writer: &mut Writer, order: Correction) -> Result<Corrected, StoreError> {
    let Writer { pen, names } = writer;
    names.begin();
    let mut open = pen.begin().await?;
    let mut link = open.link();
    let found = find(&mut link, order.line).await?;
    let taken = found.amount.map(|amount| Pico::new(amount.into()));
    if corrected(&mut link, order.line).await? {
        return Ok(Corrected { lines: 0, taken });
    }
    if found.method == i64::from(Method::Reversal1.code()) {
        return Err(StoreError::Refused("a reversal is not taken back"));
    }
    let payer = match &order.instead {
        Instead::Platform => (NONE, NONE),
        Instead::Amount(_) | Instead::Rated(..) => (found.tenant, found.scenario),
        Instead::Tenant(tenant, scenario) => {
            names.intern(&mut link, tenant.as_str()).await?;
            names.intern(&mut link, scenario.as_str()).await?;
            (names.get(tenant.as_str())?, names.get(scenario.as_str())?)
        }
    };
    let amount = match &order.instead {
        Instead::Amount(_) | Instead::Rated(..) if found.pool_window.is_some() => {
            return Err(StoreError::Refused(
                "the lines of a pool sum up to its bill: say who carries this one instead",
            ));
        }
        Instead::Amount(amount) | Instead::Rated(amount, _) if *amount < Pico::ZERO => {
            return Err(StoreError::Refused("an amount is not below 0"));
        }
        Instead::Amount(amount) | Instead::Rated(amount, _) => {
            Some(amount.to_i64().map_err(ledger::LedgerError::from)?)
        }
        Instead::Platform | Instead::Tenant(..) => found.amount,
    };
    let Some(amount) = amount else {
        return Err(StoreError::Refused("the line has no amount to be carried"));
    };
    let bucket = Bucket::of(order.by.at).index();
    let made = |method: Method, (tenant, scenario), amount| LineRow {
        id: LineId::of_correction(order.line, method, order.by.at).bytes(),
        attempt: found.attempt.as_deref().and_then(|id| id.try_into().ok()),
        tenant,
        scenario,
        expert: found.expert,
        purpose: found.purpose,
        meter: found.meter,
        quantity: None,
        amount: Some(amount),
        rate: found.rate,
        method: method.code().into(),
        bucket,
        window: found.pool_window,
        origin: Some(found.origin.unwrap_or(found.bucket)),
        corrects: Some(order.line.bytes()),
        // Another tenant's tags are nobody's.
        tags: found.tags.filter(|_| found.owner == Some(tenant)),
    };
    let mut rows = Vec::new();
    let rate = match &order.instead {
        Instead::Rated(_, rate) => Some(number::rate(*rate)),
        _ => found.rate,
    };
    let old = (found.tenant, found.scenario);
    if let Some(amount) = found.amount {
        rows.push(made(Method::Reversal1, old, amount.saturating_neg()));
    }
    rows.push(LineRow {
        rate,
        ..made(Method::Correction1, payer, amount)
    });
    let mut rollups = Rollups::default();
    for row in &rows {
        rollups.line(row);
        if let (Some(finished), Some(amount), true) =
            (found.finished, row.amount, row.tenant != NONE)
        {
            // Another tenant's principal is nobody's.
            let own = row.tenant == found.tenant;
            let principal = found.principal.filter(|_| own).unwrap_or(NONE);
            rollups.spend(finished, row.tenant, principal, amount);
        }
    }
    LINES.upsert(&mut link, &rows, LineRow::bind).await?;
    if found.amount.is_none() {
        known_now(&mut link, &found, &mut rollups).await?;
    }
    rollups.write(&mut link).await?;
    audit::add(&mut link, &note(order, &found, amount)).await?;
    open.commit().await?;
    names.commit();
    let lines = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    Ok(Corrected { lines, taken })
}

async fn find(link: &mut Link<'_>, line: LineId) -> Result<Found, StoreError> {
    let found: Option<Found> = query(
        "SELECT lines.attempt, lines.tenant, lines.scenario, lines.expert, lines.purpose, lines.meter, lines.amount,
             lines.rate, lines.method, lines.bucket, lines.origin, lines.pool_window, attempts.finished, requests.principal,
             attempts.tenant AS owner, attempts.tags
         FROM lines LEFT JOIN attempts ON attempts.attempt = lines.attempt
         LEFT JOIN requests ON requests.request = attempts.request
         WHERE lines.line = $1",
    )
    .bind(line.bytes().as_slice())
    .fetch_optional(link)
    .await?;
    found.ok_or(StoreError::NotFound("line"))
}

async fn corrected(link: &mut Link<'_>, line: LineId) -> Result<bool, StoreError> {
    let (there,): (i64,) = query("SELECT COUNT(*) FROM lines WHERE corrects = $1")
        .bind(line.bytes().as_slice())
        .fetch_one(link)
        .await?;
    Ok(there != 0)
}

/// The attempt of a gap that was filled is of known cost once no other gap is left.
async fn known_now(
    link: &mut Link<'_>,
    found: &Found,
    rollups: &mut Rollups,
) -> Result<(), StoreError> {
    let (Some(attempt), Some(finished)) = (&found.attempt, found.finished) else {
        return Ok(());
    };
    let (gaps,): (i64,) = query(
        "SELECT COUNT(*) FROM lines WHERE attempt = $1 AND amount IS NULL
         AND NOT EXISTS (SELECT 1 FROM lines AS other WHERE other.corrects = lines.line)",
    )
    .bind(attempt.as_slice())
    .fetch_one(link)
    .await?;
    if gaps == 0 {
        let place = Place {
            tenant: found.tenant,
            scenario: found.scenario,
            expert: found.expert,
        };
        rollups.filled(finished, place, found.purpose);
    }
    Ok(())
}

fn note(order: Correction, found: &Found, amount: i64) -> Note {
    let meter = u8::try_from(found.meter).ok().and_then(Meter::from_code);
    let meter = meter.map_or("unknown meter", Meter::as_str);
    let before = found.amount.map_or("unknown".to_owned(), |amount| {
        Pico::new(amount.into()).to_string()
    });
    let amount = Pico::new(amount.into());
    let (tenant, after) = match &order.instead {
        Instead::Platform => (None, format!("{amount}, carried by the platform")),
        Instead::Tenant(tenant, scenario) => (
            Some(tenant.clone()),
            format!("{amount}, carried by {tenant} / {scenario}"),
        ),
        Instead::Amount(_) => (None, amount.to_string()),
        Instead::Rated(_, rate) => (None, format!("{amount} by {rate}")),
    };
    let about = Bucket::from_index(found.origin.unwrap_or(found.bucket)).start();
    let at: Timestamp = about;
    Note {
        tenant,
        by: order.by,
        action: "line.correct".to_owned(),
        object: format!("line {}, {meter}, of {}", order.line, at.unix_seconds()),
        before: Some(before),
        after: Some(after),
    }
}
