//! Single requests. Their ids lead with time, so that a span of time is a span of ids.

use ledger::{LineId, Meter, Method, OutcomeSource, Ppm};
use units::{
    AttemptId, AttemptStatus, Bucket, ExpertId, Nanos, Pico, RequestId, ScenarioId, TenantId,
    Timestamp,
};
use uuid::Uuid;

use crate::sql::link::{Link, query};
use crate::sql::{names, number, rows};
use crate::{
    AttemptLine, PostedLine, RequestDetail, RequestLine, RequestsWanted, Span, StoreError,
};

/// An attempt and a line of it may be named this much later than their request: the longest a request is given, and some.
const LONGEST_MS: u64 = 2 * 3_600_000;

/// The least ids of the two ends of a span.
pub(super) fn ids(span: Span) -> [[u8; 16]; 2] {
    [span.from, span.to].map(|bucket| least(millis(bucket)))
}

fn millis(bucket: Bucket) -> u64 {
    number::unsigned(bucket.start().unix_nanos().div_euclid(1_000_000))
}

fn least(millis: u64) -> [u8; 16] {
    (u128::from(millis) << 80).to_be_bytes()
}

#[derive(sqlx::FromRow)]
struct Row {
    request: Vec<u8>,
    scenario: String,
    expert: Option<String>,
    tags: Option<String>,
    started: i64,
    total: i64,
    overhead: i64,
    status: i64,
}

fn line(row: &Row) -> Result<RequestLine, StoreError> {
    Ok(RequestLine {
        request: RequestId::from_uuid(uuid(&row.request)?),
        scenario: names::parse(&row.scenario, ScenarioId::new)?,
        expert: match &row.expert {
            None => None,
            Some(expert) => Some(names::parse(expert, ExpertId::new)?),
        },
        tags: row.tags.as_deref().map(names::tags).transpose()?,
        started: Timestamp::from_unix_nanos(row.started),
        total: Nanos::new(number::unsigned(row.total)),
        status: u16::try_from(row.status).map_err(|_| StoreError::Damaged("status"))?,
    })
}

fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged("id"))
}

const ROWS: &str = "SELECT request, scenarios.text AS scenario, experts.text AS expert, tags.text AS tags, started, total, overhead, status
    FROM requests JOIN names AS scenarios ON scenarios.id = requests.scenario
    LEFT JOIN names AS experts ON experts.id = requests.expert LEFT JOIN names AS tags ON tags.id = requests.tags
    WHERE requests.tenant = (SELECT id FROM names WHERE text = $1)";

pub(super) async fn list(
    link: &mut Link<'_>,
    wanted: &RequestsWanted,
) -> Result<Vec<RequestLine>, StoreError> {
    let [from, to] = ids(wanted.span);
    let sql = format!(
        "{ROWS} AND request >= $2 AND request < $3 AND ($4 = '' OR scenarios.text = $4)
             AND ($5 = '' OR experts.text = $5)
             AND ($6 = '' OR ';' || tags.text || ';' LIKE $6 ESCAPE '!') ORDER BY request DESC LIMIT $7"
    );
    let tag = wanted.tag.as_ref();
    let tag = tag.map(|(key, value)| format!("%;{};%", plain(&format!("{key}={value}"))));
    let rows: Vec<Row> = query(&sql)
        .bind(wanted.tenant.as_str())
        .bind(from.as_slice())
        .bind(to.as_slice())
        .bind(wanted.scenario.as_ref().map_or("", ScenarioId::as_str))
        .bind(wanted.expert.as_ref().map_or("", ExpertId::as_str))
        .bind(tag.as_deref().unwrap_or_default())
        .bind(i64::from(wanted.most))
        .fetch_all(link)
        .await?;
    rows.iter().map(line).collect()
}

/// A text that `LIKE` takes letter by letter.
fn plain(text: &str) -> String {
    let special = |c: char| matches!(c, '%' | '_' | '!');
    let each = |c: char| special(c).then_some('!').into_iter().chain([c]);
    text.chars().flat_map(each).collect()
}

pub(super) async fn detail(
    link: &mut Link<'_>,
    tenant: &TenantId,
    request: RequestId,
) -> Result<Option<RequestDetail>, StoreError> {
    let id = request.uuid().into_bytes();
    let sql = format!("{ROWS} AND request = $2");
    let found: Option<Row> = query(&sql)
        .bind(tenant.as_str())
        .bind(id.as_slice())
        .fetch_optional(link)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let attempts = attempts(link, &id).await?;
    let mut costs = Vec::new();
    for attempt in &attempts {
        costs.extend(lines(link, attempt.attempt).await?);
    }
    Ok(Some(RequestDetail {
        line: line(&row)?,
        overhead: Nanos::new(number::unsigned(row.overhead)),
        attempts,
        costs,
        outcomes: outcomes(link, &id).await?,
    }))
}

#[derive(sqlx::FromRow)]
struct Attempt {
    attempt: Vec<u8>,
    expert: String,
    host: String,
    purpose: i64,
    ending: i64,
    started: i64,
    finished: i64,
    input: Option<i64>,
    output: Option<i64>,
    device: Option<i64>,
}

/// The attempts named at the time of the request or soon after: an index of them by request would cost every request.
async fn attempts(link: &mut Link<'_>, request: &[u8; 16]) -> Result<Vec<AttemptLine>, StoreError> {
    let began = u64::try_from(u128::from_be_bytes(*request) >> 80).unwrap_or(u64::MAX);
    // Clocks of other machines may be a little behind.
    let (from, to) = (
        least(began.saturating_sub(1_000)),
        least(began.saturating_add(LONGEST_MS)),
    );
    let rows: Vec<Attempt> = query(
        "SELECT attempt, experts.text AS expert, hosts.text AS host, purpose, ending, started, finished,
             input_uncached + COALESCE(cache_read, 0) + COALESCE(cache_write, 0) AS input,
             output_text + COALESCE(output_reasoning, 0) AS output, device
         FROM attempts JOIN names AS experts ON experts.id = attempts.expert JOIN names AS hosts ON hosts.id = attempts.host
         WHERE attempt >= $1 AND attempt < $2 AND request = $3 ORDER BY attempt",
    )
    .bind(from.as_slice())
    .bind(to.as_slice())
    .bind(request.as_slice())
    .fetch_all(link)
    .await?;
    let rows = rows.into_iter();
    rows.map(|row| {
        let took = row.finished.saturating_sub(row.started);
        Ok(AttemptLine {
            attempt: AttemptId::from_uuid(uuid(&row.attempt)?),
            expert: names::parse(&row.expert, ExpertId::new)?,
            host: row.host,
            purpose: rows::purpose_from(row.purpose)?,
            ok: row.ending == rows::status(AttemptStatus::Ok),
            took: Nanos::new(number::unsigned(took)),
            tokens: (
                row.input.map(number::unsigned),
                row.output.map(number::unsigned),
            ),
            device: row.device.map(|ns| Nanos::new(number::unsigned(ns))),
        })
    })
    .collect()
}

#[derive(sqlx::FromRow)]
struct Line {
    line: Vec<u8>,
    tenant: Option<String>,
    meter: i64,
    quantity: Option<i64>,
    amount: Option<i64>,
    method: i64,
    corrects: Option<Vec<u8>>,
}

/// The lines of an attempt lead with its time; those that correct them cite them.
async fn lines(link: &mut Link<'_>, attempt: AttemptId) -> Result<Vec<PostedLine>, StoreError> {
    let id = attempt.uuid().into_bytes();
    let millis = u64::try_from(u128::from_be_bytes(id) >> 80).unwrap_or(u64::MAX);
    let (from, to) = (least(millis), least(millis.saturating_add(1)));
    let rows: Vec<Line> = query(
        "SELECT line, tenants.text AS tenant, meter, quantity, amount, method, corrects
         FROM lines LEFT JOIN names AS tenants ON tenants.id = lines.tenant
         WHERE attempt = $1 AND ((line >= $2 AND line < $3)
             OR corrects IN (SELECT line FROM lines WHERE line >= $2 AND line < $3 AND attempt = $1))
         ORDER BY meter, line",
    )
    .bind(id.as_slice())
    .bind(from.as_slice())
    .bind(to.as_slice())
    .fetch_all(link)
    .await?;
    let code = |value: i64| u8::try_from(value).ok();
    let name = |bytes: &[u8]| Ok::<_, StoreError>(LineId::from_bytes(uuid(bytes)?.into_bytes()));
    let rows = rows.into_iter();
    rows.map(|row| {
        let (meter, method) = (
            code(row.meter).and_then(Meter::from_code),
            code(row.method).and_then(Method::from_code),
        );
        Ok(PostedLine {
            line: name(&row.line)?,
            attempt,
            tenant: match &row.tenant {
                None => None,
                Some(tenant) => Some(names::parse(tenant, TenantId::new)?),
            },
            meter: meter.ok_or(StoreError::Damaged("meter"))?,
            quantity: row.quantity.map(number::unsigned),
            amount: row.amount.map(|amount| Pico::new(amount.into())),
            method: method.ok_or(StoreError::Damaged("method"))?,
            corrects: row.corrects.as_deref().map(name).transpose()?,
        })
    })
    .collect()
}

async fn outcomes(
    link: &mut Link<'_>,
    request: &[u8; 16],
) -> Result<Vec<(OutcomeSource, Ppm, Option<String>, Timestamp)>, StoreError> {
    let rows: Vec<(i64, i64, Option<String>, i64)> = query(
        "SELECT source, score, label, at FROM outcomes WHERE request = $1 AND counts = 1 ORDER BY source",
    )
    .bind(request.as_slice())
    .fetch_all(link)
    .await?;
    let rows = rows.into_iter();
    rows.map(|(source, score, label, at)| {
        let source = u8::try_from(source).ok().and_then(OutcomeSource::from_code);
        let score = u32::try_from(score).map_err(|_| StoreError::Damaged("score"))?;
        Ok((
            source.ok_or(StoreError::Damaged("source"))?,
            Ppm::new(score),
            label,
            Timestamp::from_unix_nanos(at),
        ))
    })
    .collect()
}
