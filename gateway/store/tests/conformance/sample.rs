//! Events to try the store with, a clock and ids that repeat, and a store on a fresh file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ledger::*;
use ledger_store::*;
use sqlx::Connection;
use tempfile::TempDir;
use units::*;
use uuid::Uuid;

use crate::server::Server;

/// 2026-11-23T12:00:00Z, the first instant of a bucket.
pub(crate) const NOON: i64 = 1_795_435_200_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) const TENANTS: [&str; 3] = ["aurora-bank", "lexwell", "northside-clinic"];
pub(crate) const SCENARIOS: [&str; 2] = ["bank-intents", "clause-type"];
pub(crate) const EXPERTS: [&str; 2] = ["finance", "legal"];

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(NOON + seconds * SECOND)
}

pub(crate) fn tenant(n: u64) -> TenantId {
    TenantId::new(TENANTS[usize::try_from(n % 3).unwrap()]).unwrap()
}

pub(crate) fn scenario(n: u64) -> ScenarioId {
    ScenarioId::new(SCENARIOS[usize::try_from(n % 2).unwrap()]).unwrap()
}

pub(crate) fn expert(n: u64) -> ExpertId {
    ExpertId::new(EXPERTS[usize::try_from(n % 2).unwrap()]).unwrap()
}

pub(crate) fn request_id(n: u64) -> RequestId {
    RequestId::from_uuid(Uuid::from_u64_pair(0x0193_0000_0000_7000 + n, 1))
}

pub(crate) fn attempt_id(n: u64) -> AttemptId {
    AttemptId::from_uuid(Uuid::from_u64_pair(0x0193_0000_0000_7000 + n, 2))
}

pub(crate) fn pool() -> PoolId {
    PoolId::new("cpu").unwrap()
}

pub(crate) fn request(n: u64, seconds: i64) -> RequestRecord {
    RequestRecord {
        request: request_id(n),
        tenant: tenant(n),
        principal: format!("key-{}", n % 2).into(),
        scenario: scenario(n),
        scenario_source: ScenarioSource::Declared,
        decision: Some(DecisionSummary {
            id: DecisionId::from_uuid(Uuid::from_u64_pair(n, 3)),
            gate_version: "gate-1".into(),
            reason: "gate".into(),
            chosen: expert(n),
            propensity: Ppm::new(950_000),
            candidates: (0..2)
                .map(|e| Candidate {
                    expert: expert(e),
                    quality: Ppm::new(900_000),
                    propensity: Ppm::new(500_000),
                    cost: Some(Pico::new(1_000)),
                    latency: None,
                })
                .collect(),
        }),
        answered_by: Some(expert(n)),
        started: at(seconds),
        total: Nanos::new(10_000_000 + n * 1_000),
        overhead: Nanos::new(80_000),
        http_status: 200,
        streamed: false,
        tags: None,
    }
}

/// A try on the pool that used `device` ns and ended a moment after the request began.
pub(crate) fn pool_attempt(n: u64, seconds: i64, device: Option<u64>) -> AttemptRecord {
    let mut receipt = Receipt::unknown(attempt_id(n), Purpose::Serve, AttemptStatus::Ok);
    receipt.device_ns = device.map(Nanos::new);
    receipt.tokens.input_uncached = Some(Tokens::new(20));
    receipt.tokens.output_text = Some(Tokens::new(3));
    AttemptRecord {
        request: request_id(n),
        tenant: tenant(n),
        scenario: scenario(n),
        expert: expert(n),
        host: Host::Pool(pool()),
        replica: Some("w0".into()),
        started: at(seconds),
        finished: Timestamp::from_unix_nanos(at(seconds).unix_nanos() + 1_000_000),
        http_status: Some(200),
        decision: None,
        tags: None,
        receipt,
    }
}

pub(crate) fn remote_attempt(n: u64, seconds: i64, tokens: Option<u64>) -> AttemptRecord {
    let mut attempt = pool_attempt(n, seconds, None);
    attempt.host = Host::Provider(ProviderId::new("acme").unwrap());
    attempt.receipt.tokens.input_uncached = tokens.map(Tokens::new);
    attempt.receipt.tokens.output_text = tokens.map(Tokens::new);
    attempt
}

/// A request with one try on the pool of 5 ms.
pub(crate) fn served(n: u64, seconds: i64) -> Vec<LedgerEvent> {
    vec![
        LedgerEvent::Attempt(pool_attempt(n, seconds, Some(5_000_000))),
        LedgerEvent::Request(request(n, seconds)),
    ]
}

/// A worker that started at noon and has been busy for some of the time since.
pub(crate) fn counters(worker: &str, seconds: i64, busy: u64, load: u64) -> LedgerEvent {
    let provisioned = u64::try_from(seconds * SECOND).unwrap();
    LedgerEvent::Counters(PoolCounters {
        pool: pool(),
        worker: worker.into(),
        incarnation: at(0),
        at: at(seconds),
        provisioned: Nanos::new(provisioned),
        busy: Nanos::new(busy),
        load: Nanos::new(load),
        idle: Nanos::new(provisioned - busy - load),
        load_by_expert: vec![(expert(0), Nanos::new(load))],
    })
}

pub(crate) fn outcome(n: u64, key: &str, score: u32) -> OutcomeRecord {
    OutcomeRecord {
        request: request_id(n),
        tenant: tenant(n),
        score: Some(Ppm::new(score)),
        source: OutcomeSource::Gold,
        label: Some("card-arrival".into()),
        comment_chars: 0,
        idempotency_key: key.into(),
        at: at(60),
    }
}

pub(crate) fn batch(end: u64, events: Vec<LedgerEvent>) -> EventBatch {
    EventBatch {
        segment: Uuid::from_u128(7),
        end,
        events,
    }
}

pub(crate) fn pricing(idle: IdlePolicy) -> Pricing {
    let rate = |subject, meter, price| Rate {
        subject,
        meter,
        price,
        from: Timestamp::default(),
        source: "price sheet of the test".into(),
    };
    let acme = || RateSubject::Provider(ProviderId::new("acme").unwrap());
    let million = |units: i64| Price::per_million(Pico::from_units(units)).unwrap();
    let rows = [
        rate(
            RateSubject::Pool(pool()),
            Meter::DeviceBusy,
            Price::per_device_hour("0.35".parse().unwrap()).unwrap(),
        ),
        rate(acme(), Meter::InputUncached, million(2)),
        rate(acme(), Meter::OutputText, million(8)),
    ];
    Pricing {
        rates: RateBook::new(Currency::USD, rows).unwrap(),
        idle: BTreeMap::from([(pool(), idle)]),
    }
}

/// A store on a fresh file, which goes with the folder.
pub(crate) async fn store(idle: IdlePolicy) -> (TempDir, SqlStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&dir.path().join("books.db"), pricing(idle))
        .await
        .unwrap();
    (dir, store)
}

/// Where the books of a test lie.
#[derive(Debug)]
pub(crate) enum On {
    /// In files of their own.
    Files,
    /// In databases of their own.
    Server(Server),
}

/// Where one store lies. It goes with this, or with its server.
#[derive(Debug)]
pub(crate) enum Home {
    File(TempDir),
    Database(String),
}

impl On {
    /// A fresh store.
    pub(crate) async fn store(&self, idle: IdlePolicy) -> (Home, SqlStore) {
        let home = match self {
            Self::Files => Home::File(tempfile::tempdir().unwrap()),
            Self::Server(server) => Home::Database(server.database()),
        };
        let store = home.open(idle).await;
        (home, store)
    }
}

impl Home {
    /// Opens the store, or opens it again.
    pub(crate) async fn open(&self, idle: IdlePolicy) -> SqlStore {
        match self {
            Self::File(dir) => SqlStore::open(&dir.path().join("books.db"), pricing(idle)).await,
            Self::Database(url) => SqlStore::connect(url, pricing(idle)).await,
        }
        .unwrap()
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn meddle(&self, sql: &str) {
        let done = match self {
            Self::File(dir) => {
                let url = format!("sqlite://{}", dir.path().join("books.db").display());
                let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
                let done = sqlx::query(sql).execute(&mut other).await;
                done.map(|done| done.rows_affected())
            }
            Self::Database(url) => {
                let mut other = sqlx::PgConnection::connect(url).await.unwrap();
                let done = sqlx::query(sql).execute(&mut other).await;
                done.map(|done| done.rows_affected())
            }
        };
        assert!(done.unwrap() > 0, "{sql}");
    }
}

pub(crate) fn hour() -> Span {
    let from = Bucket::of(at(0));
    Span {
        from,
        to: Bucket::from_index(from.index() + 4),
    }
}

/// A clock that stands where it is put.
#[derive(Debug)]
pub(crate) struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Nanos {
        Nanos::ZERO
    }
}

pub(crate) fn clock() -> Arc<StillClock> {
    Arc::new(StillClock(AtomicI64::new(at(120).unix_nanos())))
}

/// Ids that count up from a start.
#[derive(Debug)]
pub(crate) struct CountingIds(AtomicU64);

impl CountingIds {
    pub(crate) fn from(start: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(start)))
    }
}

impl IdSource for CountingIds {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(self.0.fetch_add(1, Ordering::Relaxed), 9)
    }
}
