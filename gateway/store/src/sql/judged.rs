//! Joins judgements with the requests they are of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use ledger::{DecisionSummary, OutcomeSource, Ppm};
use units::{
    AttemptStatus, DecisionId, ExpertId, Nanos, RequestId, ScenarioId, TenantId, Timestamp, Tokens,
};
use uuid::Uuid;

use super::link::{Link, query};
use super::names::NONE;
use super::rows::status;
use super::{SqlStore, candidates, names, number};
use crate::{Judged, JudgedQuery, JudgedRequest, Judgement, StoreError, StoreFuture};

/// A try may end this long after its request has arrived: the longest a request is given, and some.
const LONGEST_TRY_MS: u64 = 2 * 3_600_000;

/// A judged request as it is stored.
#[derive(sqlx::FromRow)]
struct Row {
    request: Vec<u8>,
    tenant: i64,
    scenario: i64,
    expert: i64,
    decision: Vec<u8>,
    gate: i64,
    reason: i64,
    chosen: i64,
    propensity: i64,
    candidates: Vec<u8>,
    started: i64,
    source: i64,
    score: i64,
    at: i64,
}

impl Judged for SqlStore {
    fn judged(&self, query: JudgedQuery) -> StoreFuture<'_, Vec<JudgedRequest>> {
        Box::pin(async move {
            let mut open = self.readers.view().await?;
            let mut view = open.link();
            let rows = rows(&mut view, &query).await?;
            let mut texts = Texts::default();
            let mut found: Vec<JudgedRequest> = Vec::new();
            for row in rows {
                let next = request(&mut view, &mut texts, row).await?;
                match found.last_mut() {
                    Some(last) if last.request == next.request => {
                        last.outcomes.extend(next.outcomes);
                    }
                    _ => found.push(next),
                }
            }
            // The last request may have more judgements than fit; it comes whole with the next page.
            let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
            found.truncate(most);
            answers(&mut view, &mut texts, &mut found).await?;
            Ok(found)
        })
    }
}

/// One row for each judgement; a request has at most four.
async fn rows(view: &mut Link<'_>, query: &JudgedQuery) -> Result<Vec<Row>, StoreError> {
    let tenant = query.tenant.as_ref().map(TenantId::as_str);
    let after = query.after.map(|id| id.uuid().into_bytes());
    let limit = i64::from(query.limit).saturating_mul(4).saturating_add(4);
    Ok(self::query(
        "SELECT requests.request, requests.tenant, requests.scenario, requests.expert, requests.decision,
             requests.gate, requests.reason, requests.chosen, requests.propensity, requests.candidates,
             requests.started, outcomes.source, outcomes.score, outcomes.at
         FROM outcomes JOIN requests ON requests.request = outcomes.request
         WHERE outcomes.counts = 1 AND ($1 IS NULL OR outcomes.request > $1)
             AND requests.started >= $2 AND requests.decision IS NOT NULL AND requests.expert <> 0
             AND ($3 IS NULL OR requests.tenant = (SELECT id FROM names WHERE text = $3))
         ORDER BY outcomes.request, outcomes.source LIMIT $4",
    )
    .bind(after.as_ref().map(|id| id.as_slice()))
    .bind(query.since.unix_nanos())
    .bind(tenant)
    .bind(limit)
    .fetch_all(view)
    .await?)
}

async fn request(
    view: &mut Link<'_>,
    texts: &mut Texts,
    row: Row,
) -> Result<JudgedRequest, StoreError> {
    let mut list = Vec::new();
    for found in candidates::decode(&row.candidates)? {
        list.push(ledger::Candidate {
            expert: texts.id(view, found.name, ExpertId::new).await?,
            quality: found.quality,
            propensity: found.propensity,
            cost: found.cost,
            latency: found.latency,
        });
    }
    let decision = DecisionSummary {
        id: DecisionId::from_uuid(uuid(&row.decision)?),
        gate_version: Arc::from(texts.text(view, row.gate).await?),
        reason: Cow::Owned(texts.text(view, row.reason).await?.to_owned()),
        chosen: texts.id(view, row.chosen, ExpertId::new).await?,
        propensity: ppm(row.propensity),
        candidates: list,
    };
    let source = u8::try_from(row.source).ok();
    let source = source.and_then(OutcomeSource::from_code);
    Ok(JudgedRequest {
        request: RequestId::from_uuid(uuid(&row.request)?),
        tenant: texts.id(view, row.tenant, TenantId::new).await?,
        scenario: texts.id(view, row.scenario, ScenarioId::new).await?,
        decision,
        answered_by: texts.id(view, row.expert, ExpertId::new).await?,
        started: Timestamp::from_unix_nanos(row.started),
        outcomes: vec![Judgement {
            source: source.ok_or(StoreError::Damaged("outcome source"))?,
            score: ppm(row.score),
            at: Timestamp::from_unix_nanos(row.at),
        }],
        output_tokens: None,
        latency: None,
    })
}

/// Fills in tokens and times of the tries that gave the answers. Ids of tries lead with time, so one pass over the
/// stretch of the page finds them without an index.
async fn answers(
    view: &mut Link<'_>,
    texts: &mut Texts,
    found: &mut [JudgedRequest],
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (found.first(), found.last()) else {
        return Ok(());
    };
    let from = edge(first.request, 0);
    let to = edge(last.request, LONGEST_TRY_MS);
    type Try = (Vec<u8>, i64, i64, i64, Option<i64>, Option<i64>);
    let tries: Vec<Try> = query(
        "SELECT request, expert, started, finished, output_text, output_reasoning FROM attempts
         WHERE attempt >= $1 AND attempt < $2 AND ending = $3",
    )
    .bind(from.as_slice())
    .bind(to.as_slice())
    .bind(status(AttemptStatus::Ok))
    .fetch_all(view)
    .await?;
    let places: HashMap<[u8; 16], usize> = found
        .iter()
        .enumerate()
        .map(|(at, judged)| (judged.request.uuid().into_bytes(), at))
        .collect();
    for (request, expert, started, finished, text, reasoning) in tries {
        let id: Option<[u8; 16]> = request.try_into().ok();
        let Some(place) = id.and_then(|id| places.get(&id)) else {
            continue;
        };
        let expert = texts.id(view, expert, ExpertId::new).await?;
        let Some(judged) = found.get_mut(*place) else {
            continue;
        };
        if judged.answered_by != expert {
            continue;
        }
        let sum = match (text, reasoning) {
            (None, None) => None,
            (text, reasoning) => Some(text.unwrap_or(0).saturating_add(reasoning.unwrap_or(0))),
        };
        judged.output_tokens = sum.map(|count| Tokens::new(number::unsigned(count)));
        let spent = finished.saturating_sub(started);
        judged.latency = Some(Nanos::new(number::unsigned(spent)));
    }
    Ok(())
}

/// The least id of the millisecond in which a request began, and so many later.
fn edge(request: RequestId, later_ms: u64) -> [u8; 16] {
    let (high, _) = request.uuid().as_u64_pair();
    let ms = (high >> 16).saturating_add(later_ms);
    Uuid::from_u64_pair(ms << 16, 0).into_bytes()
}

fn uuid(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Damaged("id"))
}

fn ppm(stored: i64) -> Ppm {
    Ppm::new(u32::try_from(stored.max(0)).unwrap_or(u32::MAX))
}

/// Names by number, as far as they were asked for.
#[derive(Default)]
struct Texts(HashMap<i64, String>);

impl Texts {
    async fn text(&mut self, view: &mut Link<'_>, number: i64) -> Result<&str, StoreError> {
        if let std::collections::hash_map::Entry::Vacant(place) = self.0.entry(number) {
            if number == NONE {
                return Err(StoreError::Damaged("name"));
            }
            let (text,): (String,) = query("SELECT text FROM names WHERE id = $1")
                .bind(number)
                .fetch_one(view)
                .await?;
            place.insert(text);
        }
        self.0
            .get(&number)
            .map(String::as_str)
            .ok_or(StoreError::Damaged("name"))
    }

    async fn id<T>(
        &mut self,
        view: &mut Link<'_>,
        number: i64,
        new: fn(&str) -> Result<T, units::IdError>,
    ) -> Result<T, StoreError> {
        names::parse(self.text(view, number).await?, new)
    }
}
