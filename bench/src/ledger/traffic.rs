//! Thirty days of made-up traffic that repeats: some tenants are large and most are small, requests are retried, fail,
//! come without a receipt, and are judged.

use anyhow::Result;
use ledger::{
    AttemptRecord, Candidate, DecisionSummary, Host, LedgerEvent, Meter, OutcomeRecord,
    OutcomeSource, PoolCounters, Ppm, Price, Rate, RateBook, RateSubject, RequestRecord,
    ScenarioSource, Tags,
};
use ledger_store::Pricing;
use units::{
    AttemptId, AttemptStatus, Currency, DecisionId, ExpertId, Nanos, Pico, PoolId, ProviderId,
    Purpose, Receipt, RequestId, ScenarioId, TenantId, Timestamp, Tokens,
};
use uuid::Uuid;

/// 2026-11-01T00:00:00Z.
pub(super) const START: u64 = 1_793_491_200_000_000_000;
/// Length of a 15-minute bucket, ns.
pub(super) const BUCKET: u64 = 900_000_000_000;
/// Buckets of thirty days.
pub(super) const BUCKETS: u64 = 30 * 96;

const TENANTS: u64 = 20;
const SCENARIOS: u64 = 8;
/// Scenarios that one tenant uses.
const OWN_SCENARIOS: u64 = 3;
const EXPERTS: u64 = 6;
/// The first experts run in pools, the last two at providers.
const POOLED: u64 = 4;
const POOLS: [&str; 2] = ["cpu", "gpu"];
const PROVIDERS: [&str; 2] = ["acme", "globex"];

/// Names and the number of requests.
#[derive(Debug)]
pub(super) struct Traffic {
    requests: u64,
    tenants: Vec<TenantId>,
    scenarios: Vec<ScenarioId>,
    experts: Vec<ExpertId>,
    pools: Vec<PoolId>,
    providers: Vec<ProviderId>,
}

/// What happens in one request, drawn from its number.
struct Draw(u64);

impl Draw {
    /// A number below `below`: the same for the same request and `what`.
    fn under(&self, what: u64, below: u64) -> u64 {
        mix(self.0, what) % below
    }

    /// Does it happen, so often in a thousand?
    fn chance(&self, what: u64, per_mille: u64) -> bool {
        self.under(what, 1_000) < per_mille
    }
}

/// SplitMix64.
fn mix(n: u64, what: u64) -> u64 {
    let mut z = (n ^ what.rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn instant(ns: u64) -> Timestamp {
    Timestamp::from_unix_nanos(i64::try_from(ns).unwrap_or(i64::MAX))
}

/// A UUIDv7 of an instant: the top holds its milliseconds.
fn id(ns: u64, n: u64, what: u64) -> Uuid {
    let top = ((ns / 1_000_000) << 16) | 0x7000 | (n & 0xfff);
    let rest = (mix(n, what) >> 2) | (1 << 63);
    Uuid::from_u64_pair(top, rest)
}

impl Traffic {
    pub(super) fn new(requests: u64) -> Result<Self> {
        let named = |what: &str, count: u64| (0..count).map(|n| format!("{what}-{n}")).collect();
        let (tenants, scenarios, experts): (Vec<String>, Vec<String>, Vec<String>) = (
            named("tenant", TENANTS),
            named("scenario", SCENARIOS),
            named("expert", EXPERTS),
        );
        let all = |names: Vec<String>| names.into_iter();
        Ok(Self {
            requests,
            tenants: all(tenants)
                .map(|n| TenantId::new(&n))
                .collect::<Result<_, _>>()?,
            scenarios: all(scenarios)
                .map(|n| ScenarioId::new(&n))
                .collect::<Result<_, _>>()?,
            experts: all(experts)
                .map(|n| ExpertId::new(&n))
                .collect::<Result<_, _>>()?,
            pools: POOLS
                .map(PoolId::new)
                .into_iter()
                .collect::<Result<_, _>>()?,
            providers: PROVIDERS
                .map(ProviderId::new)
                .into_iter()
                .collect::<Result<_, _>>()?,
        })
    }

    /// The tenant with the most requests.
    pub(super) fn largest(&self) -> Option<&TenantId> {
        self.tenants.first()
    }

    pub(super) fn pricing(&self) -> Result<Pricing> {
        let rate = |subject, meter, price| Rate {
            subject,
            meter,
            price,
            from: Timestamp::default(),
            source: "bench".into(),
        };
        let mut rows = Vec::new();
        for pool in &self.pools {
            let price = Price::per_device_hour(Pico::from_units(2))?;
            rows.push(rate(
                RateSubject::Pool(pool.clone()),
                Meter::DeviceBusy,
                price,
            ));
        }
        for provider in &self.providers {
            let subject = || RateSubject::Provider(provider.clone());
            for (meter, units) in [(Meter::InputUncached, 2), (Meter::OutputText, 8)] {
                let price = Price::per_million(Pico::from_units(units))?;
                rows.push(rate(subject(), meter, price));
            }
        }
        Ok(Pricing {
            rates: RateBook::new(Currency::USD, rows)?,
            idle: std::collections::BTreeMap::new(),
        })
    }

    /// The numbers of the requests of a bucket.
    pub(super) fn requests_of(&self, bucket: u64) -> std::ops::Range<u64> {
        let first = |bucket: u64| {
            let share = u128::from(self.requests) * u128::from(bucket) / u128::from(BUCKETS);
            u64::try_from(share).unwrap_or(u64::MAX)
        };
        first(bucket)..first(bucket + 1)
    }

    /// Adds the events of a request: its tries, itself, what is said of it.
    pub(super) fn request(&self, n: u64, events: &mut Vec<LedgerEvent>) {
        let draw = Draw(n);
        let span = u128::from(BUCKETS) * u128::from(BUCKET);
        let offset = span * u128::from(n) / u128::from(self.requests.max(1));
        let started = START + u64::try_from(offset).unwrap_or(0);
        // The least of two draws: the first tenants have the most requests.
        let tenant = draw.under(1, TENANTS).min(draw.under(2, TENANTS));
        let scenario = (tenant + draw.under(3, OWN_SCENARIOS)) % SCENARIOS;
        // A scenario has one expert that mostly answers, and two that sometimes do.
        let other = if draw.chance(4, 250) {
            1 + draw.under(5, 2)
        } else {
            0
        };
        let expert = (scenario + other) % EXPERTS;
        // Half around a median that is the expert's, a tail up to eight times of it.
        let median = 6_000_000 * (1 + expert);
        let mut total = median / 2 + draw.under(6, median);
        if draw.chance(7, 30) {
            total += draw.under(8, 7 * median);
        }
        let place = Place {
            request: RequestId::from_uuid(id(started, n, 9)),
            tenant: self.tenants.get(index(tenant)),
            scenario: self.scenarios.get(index(scenario)),
            expert: self.experts.get(index(expert)),
            expert_number: expert,
            tags: draw.chance(21, 500).then(|| tags(&draw)).flatten(),
        };
        let (Some(tenant), Some(scenario), Some(answered)) =
            (place.tenant, place.scenario, place.expert)
        else {
            return;
        };
        if draw.chance(10, 60) {
            let try_ns = total / 3;
            let failed = self.attempt(
                &place,
                &draw,
                (started, try_ns, 11),
                AttemptStatus::Overloaded,
            );
            events.extend(failed.map(LedgerEvent::Attempt));
        }
        let status = if draw.chance(12, 10) {
            AttemptStatus::Failed
        } else {
            AttemptStatus::Ok
        };
        let served = self.attempt(&place, &draw, (started, total, 13), status);
        events.extend(served.map(LedgerEvent::Attempt));
        let ok = status == AttemptStatus::Ok;
        let decision = DecisionId::from_uuid(id(started, n, 14));
        events.push(LedgerEvent::Request(RequestRecord {
            request: place.request,
            tenant: tenant.clone(),
            principal: format!("key-{}-{}", tenant.as_str(), draw.under(15, 4)).into(),
            scenario: scenario.clone(),
            scenario_source: ScenarioSource::Declared,
            decision: Some(DecisionSummary {
                id: decision,
                gate_version: "gate-1".into(),
                reason: "gate".into(),
                chosen: answered.clone(),
                propensity: Ppm::new(950_000),
                candidates: self.candidates(&draw),
            }),
            answered_by: ok.then(|| answered.clone()),
            started: instant(started),
            total: Nanos::new(total + 90_000),
            overhead: Nanos::new(60_000 + draw.under(16, 60_000)),
            http_status: if ok { 200 } else { 502 },
            streamed: draw.chance(17, 300),
            tags: place.tags.clone(),
        }));
        if ok && draw.chance(18, 50) {
            events.push(LedgerEvent::Outcome(OutcomeRecord {
                request: place.request,
                tenant: tenant.clone(),
                score: Some(Ppm::new(if draw.chance(19, 850) { 1_000_000 } else { 0 })),
                source: OutcomeSource::User,
                label: None,
                comment_chars: 0,
                idempotency_key: "once".into(),
                at: instant(started + total + 5_000_000_000),
            }));
        }
    }

    fn candidates(&self, draw: &Draw) -> Vec<Candidate> {
        let candidate = |(expert, n): (&ExpertId, u64)| Candidate {
            expert: expert.clone(),
            quality: Ppm::new(u32::try_from(700_000 + draw.under(20 + n, 250_000)).unwrap_or(0)),
            propensity: Ppm::new(10_000),
            cost: Some(Pico::new(i128::from(
                1_000_000 + draw.under(30 + n, 900_000),
            ))),
            latency: Some(Nanos::new(6_000_000 + draw.under(40 + n, 30_000_000))),
        };
        self.experts.iter().zip(0..).map(candidate).collect()
    }

    fn attempt(
        &self,
        place: &Place<'_>,
        draw: &Draw,
        (started, total, what): (u64, u64, u64),
        status: AttemptStatus,
    ) -> Option<AttemptRecord> {
        let attempt = AttemptId::from_uuid(id(started, draw.0, what));
        let mut receipt = Receipt::unknown(attempt, Purpose::Serve, status);
        let ok = status == AttemptStatus::Ok;
        // Two in a hundred answers come without a receipt: what they cost stays unknown.
        if ok && !draw.chance(what + 50, 20) {
            receipt.tokens.input_uncached = Some(Tokens::new(40 + draw.under(what + 60, 800)));
            receipt.tokens.output_text = Some(Tokens::new(1 + draw.under(what + 70, 200)));
            receipt.device_ns = Some(Nanos::new(total / 20));
            receipt.queue_ns = Some(Nanos::new(draw.under(what + 80, 1_000_000)));
        }
        receipt.total_ns = Some(Nanos::new(total));
        let number = place.expert_number;
        let host = if number < POOLED {
            Host::Pool(self.pools.get(index(number / 2))?.clone())
        } else {
            Host::Provider(self.providers.get(index(number - POOLED))?.clone())
        };
        let replica = format!("10.0.0.{}:9000", draw.under(what + 90, 4));
        Some(AttemptRecord {
            request: place.request,
            tenant: place.tenant?.clone(),
            scenario: place.scenario?.clone(),
            expert: place.expert?.clone(),
            replica: matches!(host, Host::Pool(_)).then(|| replica.into()),
            host,
            started: instant(started),
            finished: instant(started + total),
            http_status: Some(if ok { 200 } else { 503 }),
            decision: None,
            tags: place.tags.clone(),
            receipt,
        })
    }

    /// What the workers of every pool say at an instant so many ns after the start.
    pub(super) fn counters(&self, passed: u64) -> Vec<LedgerEvent> {
        let sample = |(pool, worker): (&PoolId, u64)| {
            let busy = passed / 100 * 35;
            let load = passed / 100;
            LedgerEvent::Counters(PoolCounters {
                pool: pool.clone(),
                worker: format!("worker-{worker}").into(),
                incarnation: instant(START),
                at: instant(START + passed),
                provisioned: Nanos::new(passed),
                busy: Nanos::new(busy),
                load: Nanos::new(load),
                idle: Nanos::new(passed - busy - load),
                load_by_expert: Vec::new(),
            })
        };
        let workers = self.pools.iter().flat_map(|pool| [(pool, 0), (pool, 1)]);
        workers.map(sample).collect()
    }
}

/// Where the tries of a request belong.
struct Place<'a> {
    request: RequestId,
    tenant: Option<&'a TenantId>,
    scenario: Option<&'a ScenarioId>,
    expert: Option<&'a ExpertId>,
    expert_number: u64,
    tags: Option<Tags>,
}

/// The team of a key; one in three times a project, too.
fn tags(draw: &Draw) -> Option<Tags> {
    let (team, project) = (
        format!("team {}", draw.under(15, 4)),
        format!("{}", draw.under(22, 5)),
    );
    let project = draw
        .chance(23, 333)
        .then_some(("project", project.as_str()));
    Tags::new([("team", team.as_str())].into_iter().chain(project)).ok()?
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
