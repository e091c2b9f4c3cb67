//! Measures the ledger on this machine: time of one append as a request sees it, and the CPU time of moving the
//! journal to SQLite and of closing windows. CPU time, because other programs share the machine.
//!
//! `cargo run --release -p ledger-store --example ingest -- 20000`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring tool prints its figures and stops at the first fault"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ledger::*;
use ledger_store::*;
use units::*;
use uuid::Uuid;

const START: i64 = 1_795_435_200_000_000_000;

#[derive(Debug)]
struct Fixed(AtomicU64);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(START)
    }

    fn monotonic(&self) -> Nanos {
        Nanos::ZERO
    }
}

impl IdSource for Fixed {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(
            self.0.fetch_add(1, Ordering::Relaxed),
            0x9000_0000_0000_0000,
        )
    }
}

/// The upper half of a UUIDv7: ten requests to a millisecond.
fn version_7(n: u64) -> u64 {
    0x0193_0000_0000_7000 + ((n / 10) << 16) + n % 10
}

/// One request with one attempt, as the gateway books it.
fn events(n: u64, pooled: bool) -> [LedgerEvent; 2] {
    let tenant = TenantId::new(
        ["aurora-bank", "lexwell", "northside-clinic"][usize::try_from(n % 3).unwrap()],
    );
    let (tenant, scenario) = (tenant.unwrap(), ScenarioId::new("bank-intents").unwrap());
    let experts = ["finance", "legal", "medical", "general"].map(|id| ExpertId::new(id).unwrap());
    let request = RequestId::from_uuid(Uuid::from_u64_pair(version_7(n), n.rotate_left(40)));
    let attempt = AttemptId::from_uuid(Uuid::from_u64_pair(version_7(n), n.rotate_left(20)));
    let started = Timestamp::from_unix_nanos(START + i64::try_from(n).unwrap() * 100_000);
    let mut receipt = Receipt::unknown(attempt, Purpose::Serve, AttemptStatus::Ok);
    receipt.tokens.input_uncached = Some(Tokens::new(120));
    receipt.tokens.output_text = Some(Tokens::new(24));
    receipt.device_ns = Some(Nanos::new(4_200_000));
    receipt.total_ns = Some(Nanos::new(9_100_000));
    let host = match pooled {
        true => Host::Pool(PoolId::new("cpu").unwrap()),
        false => Host::Provider(ProviderId::new("acme").unwrap()),
    };
    let candidate = |expert: &ExpertId| Candidate {
        expert: expert.clone(),
        quality: Ppm::new(912_345),
        propensity: Ppm::new(10_000),
        cost: Some(Pico::new(1_234_567)),
        latency: Some(Nanos::new(9_000_000)),
    };
    let decision = DecisionId::from_uuid(Uuid::from_u64_pair(n, 3));
    [
        LedgerEvent::Attempt(AttemptRecord {
            request,
            tenant: tenant.clone(),
            scenario: scenario.clone(),
            expert: experts[0].clone(),
            host,
            replica: Some("127.0.0.1:9000".into()),
            started,
            finished: started.saturating_add(Nanos::new(9_100_000)),
            http_status: Some(200),
            decision: Some(decision),
            receipt,
        }),
        LedgerEvent::Request(RequestRecord {
            request,
            tenant,
            principal: "key-7f3a".into(),
            scenario,
            scenario_source: ScenarioSource::Declared,
            decision: Some(DecisionSummary {
                id: decision,
                gate_version: "gate-1".into(),
                reason: "gate".into(),
                chosen: experts[0].clone(),
                propensity: Ppm::new(970_000),
                candidates: experts.iter().map(candidate).collect(),
            }),
            answered_by: Some(experts[0].clone()),
            started,
            total: Nanos::new(9_200_000 + n % 1_000 * 1_000),
            overhead: Nanos::new(90_000),
            http_status: 200,
            streamed: false,
        }),
    ]
}

fn pricing() -> Pricing {
    let rate = |subject, meter, price| Rate {
        subject,
        meter,
        price,
        from: Timestamp::default(),
        source: "example".into(),
    };
    let acme = || RateSubject::Provider(ProviderId::new("acme").unwrap());
    let rows = [
        rate(
            RateSubject::Pool(PoolId::new("cpu").unwrap()),
            Meter::DeviceBusy,
            Price::per_device_hour(Pico::UNIT).unwrap(),
        ),
        rate(
            acme(),
            Meter::InputUncached,
            Price::per_million(Pico::UNIT).unwrap(),
        ),
        rate(
            acme(),
            Meter::OutputText,
            Price::per_million(Pico::UNIT).unwrap(),
        ),
    ];
    Pricing {
        rates: RateBook::new(Currency::USD, rows).unwrap(),
        idle: BTreeMap::new(),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000);
    let mut lines = Vec::new();
    let mut bytes = Vec::new();
    let sample = events(1, true);
    let begun = cpu_time();
    for _ in 0..100_000 {
        bytes.clear();
        encode_events(&sample, &mut bytes);
        std::hint::black_box(&bytes);
    }
    println!(
        "encode: {} ns of CPU per request, {} bytes",
        (cpu_time() - begun).as_nanos() / 100_000,
        bytes.len()
    );

    for pooled in [true, false] {
        let dir =
            std::env::temp_dir().join(format!("ledger-ingest-{}-{pooled}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        lines.push(measure(&dir, count, pooled).await);
        std::fs::remove_dir_all(&dir).unwrap();
    }
    for line in lines {
        println!("{line}");
    }
}

async fn measure(dir: &Path, count: u64, pooled: bool) -> String {
    let path = dir.join("books.db");
    let store = SqliteStore::open(&path, pricing()).await.unwrap();
    let config = JournalConfig {
        move_every: Duration::from_secs(3_600),
        settle_every: None,
        ..JournalConfig::new(dir.join("journal"))
    };
    let parts = || Arc::new(Fixed(AtomicU64::new(1)));
    let journal = Journal::open(&config, Arc::new(store.clone()), parts(), parts()).unwrap();
    let all: Vec<[LedgerEvent; 2]> = (0..count).map(|n| events(n, pooled)).collect();
    let mut times = Vec::with_capacity(all.len());
    for group in &all {
        let begun = Instant::now();
        journal.append(group).unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000].as_nanos();
    let begun = cpu_time();
    journal.drain().await.unwrap();
    let moved = cpu_time() - begun;
    let begun = cpu_time();
    if pooled {
        let end = Timestamp::from_unix_nanos(START + 800_000_000_000);
        let totals = Nanos::new(800_000_000_000);
        journal
            .append(&[LedgerEvent::Counters(PoolCounters {
                pool: PoolId::new("cpu").unwrap(),
                worker: "w0".into(),
                incarnation: Timestamp::from_unix_nanos(START),
                at: end,
                provisioned: totals,
                busy: totals,
                load: Nanos::ZERO,
                idle: Nanos::ZERO,
                load_by_expert: Vec::new(),
            })])
            .unwrap();
        journal.drain().await.unwrap();
        store.settle(end).await.unwrap();
    }
    let settled = cpu_time() - begun;
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    journal.shutdown().await.unwrap();
    store.close().await.unwrap();
    let size = std::fs::metadata(&path).unwrap().len() / count;
    let each = |time: Duration| time.as_nanos() / u128::from(count);
    format!(
        "{} attempts: append p50 {} ns, p99 {} ns; moved in {} ns of CPU per request; windows closed \
         in {} ns of CPU per request; {size} bytes per request in SQLite, {} lines",
        if pooled { "pool" } else { "remote" },
        at(500),
        at(990),
        each(moved),
        each(settled),
        proof.lines,
    )
}

/// CPU time of the whole process so far, to 10 ms.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = text.rsplit_once(") ").unwrap();
    // Fields 14 and 15 of proc_pid_stat(5), counted from the state, which is field 3; in hundredths of a second.
    let ticks = rest
        .split(' ')
        .skip(11)
        .take(2)
        .map(|n| n.parse::<u64>().unwrap());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
