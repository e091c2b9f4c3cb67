//! Events as rows: names become numbers, and every value is ready to bind.

use std::sync::LazyLock;

use ledger::{AttemptRecord, CostLine, Host, Payer, RequestRecord, Tags};
use units::{AttemptStatus, Purpose};

use super::bulk::Bulk;
use super::link::Query;
use super::names::{NONE, Names};
use super::{candidates, number};
use crate::StoreError;

/// A row of `requests`.
#[derive(Debug)]
pub(super) struct RequestRow {
    pub(super) request: [u8; 16],
    pub(super) tenant: i64,
    pub(super) principal: i64,
    pub(super) scenario: i64,
    pub(super) expert: i64,
    pub(super) started: i64,
    pub(super) total: i64,
    pub(super) overhead: i64,
    pub(super) status: i64,
    source: i64,
    streamed: bool,
    tags: Option<i64>,
    decision: Option<DecisionRow>,
}

#[derive(Debug)]
struct DecisionRow {
    id: [u8; 16],
    gate: i64,
    reason: i64,
    chosen: i64,
    propensity: i64,
    candidates: Vec<u8>,
}

pub(super) static REQUESTS: LazyLock<Bulk> = LazyLock::new(|| {
    let columns = [
        "request",
        "tenant",
        "principal",
        "scenario",
        "scenario_source",
        "expert",
        "decision",
        "gate",
        "reason",
        "chosen",
        "propensity",
        "candidates",
        "started",
        "total",
        "overhead",
        "status",
        "streamed",
        "tags",
    ];
    Bulk::new("requests", &columns, &[])
});

impl RequestRow {
    pub(super) fn new(names: &Names, record: &RequestRecord) -> Result<Self, StoreError> {
        let decision = match &record.decision {
            None => None,
            Some(decision) => Some(DecisionRow {
                id: decision.id.uuid().into_bytes(),
                gate: names.get(&decision.gate_version)?,
                reason: names.get(&decision.reason)?,
                chosen: names.get(decision.chosen.as_str())?,
                propensity: decision.propensity.get().into(),
                candidates: candidates::encode(names, &decision.candidates)?,
            }),
        };
        Ok(Self {
            request: record.request.uuid().into_bytes(),
            tenant: names.get(record.tenant.as_str())?,
            principal: names.get(&record.principal)?,
            scenario: names.get(record.scenario.as_str())?,
            source: record.scenario_source.code().into(),
            expert: match &record.answered_by {
                None => NONE,
                Some(expert) => names.get(expert.as_str())?,
            },
            started: record.started.unix_nanos(),
            total: number::signed(record.total.get()),
            overhead: number::signed(record.overhead.get()),
            status: record.http_status.into(),
            streamed: record.streamed,
            tags: tags(names, record.tags.as_ref())?,
            decision,
        })
    }

    pub(super) fn bind<'q>(query: Query<'q>, row: &'q Self) -> Query<'q> {
        let decision = row.decision.as_ref();
        query
            .bind(row.request.as_slice())
            .bind(row.tenant)
            .bind(row.principal)
            .bind(row.scenario)
            .bind(row.source)
            .bind(row.expert)
            .bind(decision.map(|d| d.id.as_slice()))
            .bind(decision.map(|d| d.gate))
            .bind(decision.map(|d| d.reason))
            .bind(decision.map(|d| d.chosen))
            .bind(decision.map(|d| d.propensity))
            .bind(decision.map(|d| d.candidates.as_slice()))
            .bind(row.started)
            .bind(row.total)
            .bind(row.overhead)
            .bind(row.status)
            .bind(i64::from(row.streamed))
            .bind(row.tags)
    }
}

/// A row of `attempts`.
#[derive(Debug)]
pub(super) struct AttemptRow<'a> {
    pub(super) record: &'a AttemptRecord,
    pub(super) request: [u8; 16],
    pub(super) attempt: [u8; 16],
    pub(super) tenant: i64,
    pub(super) scenario: i64,
    pub(super) expert: i64,
    pub(super) tags: Option<i64>,
    host: i64,
    replica: i64,
}

pub(super) static ATTEMPTS: LazyLock<Bulk> = LazyLock::new(|| {
    let columns = [
        "attempt",
        "request",
        "tenant",
        "scenario",
        "expert",
        "host",
        "replica",
        "purpose",
        "ending",
        "http",
        "started",
        "finished",
        "input_uncached",
        "cache_read",
        "cache_write",
        "output_text",
        "output_reasoning",
        "device",
        "queue",
        "cpu",
        "fuel",
        "first_token",
        "pool_window",
        "tags",
    ];
    Bulk::new("attempts", &columns, &[])
});

/// The window of an attempt at a remote: none, and it waits for none.
const NO_WINDOW: i64 = 0;

impl<'a> AttemptRow<'a> {
    pub(super) fn new(names: &Names, record: &'a AttemptRecord) -> Result<Self, StoreError> {
        Ok(Self {
            record,
            request: record.request.uuid().into_bytes(),
            attempt: record.attempt().uuid().into_bytes(),
            tenant: names.get(record.tenant.as_str())?,
            scenario: names.get(record.scenario.as_str())?,
            expert: names.get(record.expert.as_str())?,
            tags: tags(names, record.tags.as_ref())?,
            host: names.get(record.host.as_str())?,
            replica: match &record.replica {
                None => NONE,
                Some(replica) => names.get(replica)?,
            },
        })
    }

    pub(super) fn bind<'q>(query: Query<'q>, row: &'q Self) -> Query<'q> {
        let record = row.record;
        let receipt = &record.receipt;
        let window = match record.host {
            Host::Pool(_) => None,
            Host::Provider(_) => Some(NO_WINDOW),
        };
        query
            .bind(row.attempt.as_slice())
            .bind(row.request.as_slice())
            .bind(row.tenant)
            .bind(row.scenario)
            .bind(row.expert)
            .bind(row.host)
            .bind(row.replica)
            .bind(purpose(receipt.purpose))
            .bind(status(receipt.status))
            .bind(record.http_status.map(i64::from))
            .bind(record.started.unix_nanos())
            .bind(record.finished.unix_nanos())
            .bind(number::tokens(receipt.tokens.input_uncached))
            .bind(number::tokens(receipt.tokens.cache_read))
            .bind(number::tokens(receipt.tokens.cache_write))
            .bind(number::tokens(receipt.tokens.output_text))
            .bind(number::tokens(receipt.tokens.output_reasoning))
            .bind(number::nanos(record.device_ns()))
            .bind(number::nanos(receipt.queue_ns))
            .bind(number::nanos(receipt.cpu_ns))
            .bind(receipt.fuel.map(number::signed))
            .bind(number::nanos(receipt.first_token_ns))
            .bind(window)
            .bind(row.tags)
    }
}

/// A row of `lines`.
#[derive(Debug)]
pub(super) struct LineRow {
    pub(super) id: [u8; 16],
    pub(super) attempt: Option<[u8; 16]>,
    pub(super) tenant: i64,
    pub(super) scenario: i64,
    pub(super) expert: i64,
    pub(super) purpose: i64,
    pub(super) meter: i64,
    pub(super) quantity: Option<i64>,
    pub(super) amount: Option<i64>,
    pub(super) rate: Option<i64>,
    pub(super) method: i64,
    pub(super) bucket: i64,
    pub(super) window: Option<i64>,
    /// The bucket it is about, where that is not `bucket`.
    pub(super) origin: Option<i64>,
    /// The line it takes back, or stands for.
    pub(super) corrects: Option<[u8; 16]>,
    /// The tags of its attempt.
    pub(super) tags: Option<i64>,
}

pub(super) static LINES: LazyLock<Bulk> = LazyLock::new(|| {
    let columns = [
        "line",
        "attempt",
        "tenant",
        "scenario",
        "expert",
        "purpose",
        "meter",
        "quantity",
        "amount",
        "rate",
        "method",
        "bucket",
        "pool_window",
        "origin",
        "corrects",
        "tags",
    ];
    Bulk::new("lines", &columns, &[])
});

impl LineRow {
    /// What is about a bucket before `open_from`, in a month that is closed, is posted there.
    pub(super) fn new(
        names: &Names,
        line: &CostLine,
        window: Option<i64>,
        open_from: Option<i64>,
    ) -> Result<Self, StoreError> {
        let (tenant, scenario) = match &line.payer {
            Payer::Platform => (NONE, NONE),
            Payer::Tenant(tenant, scenario) => {
                (names.get(tenant.as_str())?, names.get(scenario.as_str())?)
            }
        };
        let about = line.bucket.index();
        let amount = match line.amount {
            None => None,
            Some(amount) => Some(amount.to_i64().map_err(ledger::LedgerError::from)?),
        };
        Ok(Self {
            id: line.id.bytes(),
            attempt: line.attempt.map(|id| id.uuid().into_bytes()),
            tenant,
            scenario,
            expert: match &line.expert {
                None => NONE,
                Some(expert) => names.get(expert.as_str())?,
            },
            purpose: line.purpose.map_or(NONE, purpose),
            meter: line.meter.code().into(),
            quantity: line.quantity.map(number::signed),
            amount,
            rate: line.rate.map(number::rate),
            method: line.method.code().into(),
            bucket: open_from.map_or(about, |open| open.max(about)),
            window,
            origin: open_from.is_some_and(|open| about < open).then_some(about),
            corrects: None,
            tags: None,
        })
    }

    pub(super) fn bind<'q>(query: Query<'q>, row: &'q Self) -> Query<'q> {
        query
            .bind(row.id.as_slice())
            .bind(row.attempt.as_ref().map(|id| id.as_slice()))
            .bind(row.tenant)
            .bind(row.scenario)
            .bind(row.expert)
            .bind(row.purpose)
            .bind(row.meter)
            .bind(row.quantity)
            .bind(row.amount)
            .bind(row.rate)
            .bind(row.method)
            .bind(row.bucket)
            .bind(row.window)
            .bind(row.origin)
            .bind(row.corrects.as_ref().map(|id| id.as_slice()))
            .bind(row.tags)
    }
}

fn tags(names: &Names, tags: Option<&Tags>) -> Result<Option<i64>, StoreError> {
    tags.map(|tags| names.get(tags.as_str())).transpose()
}

/// The stored number of a purpose: its place, from 1.
pub(super) fn purpose(purpose: Purpose) -> i64 {
    place(Purpose::ALL, &purpose)
}

/// A purpose as it was stored.
pub(super) fn purpose_from(place: i64) -> Result<Purpose, StoreError> {
    let at = usize::try_from(place)
        .ok()
        .and_then(|place| place.checked_sub(1));
    at.and_then(|at| Purpose::ALL.get(at))
        .copied()
        .ok_or(StoreError::Damaged("purpose"))
}

/// The stored number of how a try ended.
pub(super) fn status(status: AttemptStatus) -> i64 {
    place(AttemptStatus::ALL, &status)
}

/// Variants are only ever added at the end, so a place in the list is a stable number.
fn place<T: PartialEq>(all: &[T], value: &T) -> i64 {
    let at = all
        .iter()
        .position(|v| v == value)
        .map_or(0, |at| at.saturating_add(1));
    i64::try_from(at).unwrap_or(0)
}
