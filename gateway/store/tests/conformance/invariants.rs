//! The invariants of the books as properties of random traces: retries and shadows on a pool and at a remote, known and
//! unknown meters, any order, any batches, replays and corrections. I10, that what is reserved is settled or released, is a
//! property of `ledger::BudgetBook` beside its source.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ledger::{Charge, IdlePolicy, LedgerEvent, Method};
use ledger_store::*;
use proptest::prelude::*;
use units::{AttemptId, Bucket, Pico, Purpose};
use uuid::Uuid;

use crate::finance::{DAY, by, holds};
use crate::sample::*;

/// Buckets of a trace.
const BUCKETS: i64 = 8;
/// Seconds of a bucket.
const QUARTER: i64 = 900;

/// One try of a trace.
#[derive(Debug, Clone)]
struct Try {
    seconds: i64,
    remote: bool,
    /// Device time or tokens.
    used: Option<u64>,
    purpose: Purpose,
}

#[derive(Debug, Clone)]
struct Trace {
    /// The tries of each request.
    requests: Vec<Vec<Try>>,
    /// Keys to sort the events by.
    shuffle: Vec<u32>,
    /// Events of a batch.
    batch: usize,
    policy: u8,
    /// Which of the lines are corrected, and to what.
    corrections: Vec<(usize, Option<i64>)>,
}

fn one_try() -> impl Strategy<Value = Try> {
    let purpose = prop_oneof![
        6 => Just(Purpose::Serve),
        1 => Just(Purpose::Retry),
        1 => Just(Purpose::Shadow),
        1 => Just(Purpose::Judge),
    ];
    (
        0..BUCKETS * QUARTER - 1,
        any::<bool>(),
        prop::option::weighted(0.9, 0_u64..60_000_000),
        purpose,
    )
        .prop_map(|(seconds, remote, used, purpose)| Try {
            seconds,
            remote,
            used,
            purpose,
        })
}

fn trace() -> impl Strategy<Value = Trace> {
    (
        prop::collection::vec(prop::collection::vec(one_try(), 1..4), 1..24),
        prop::collection::vec(any::<u32>(), 160),
        1_usize..40,
        0_u8..4,
        prop::collection::vec((any::<usize>(), prop::option::of(0_i64..9_000_000)), 0..4),
    )
        .prop_map(|(requests, shuffle, batch, policy, corrections)| Trace {
            requests,
            shuffle,
            batch,
            policy,
            corrections,
        })
}

impl Trace {
    fn policy(&self) -> IdlePolicy {
        match self.policy {
            0 => IdlePolicy::Separate,
            1 => IdlePolicy::Proportional,
            2 => IdlePolicy::Even,
            _ => IdlePolicy::Reserved(BTreeMap::from([(tenant(0), 3), (tenant(1), 1)])),
        }
    }

    /// What happened, in the order of time, and what the worker says of it.
    fn events(&self) -> (Vec<LedgerEvent>, Vec<LedgerEvent>) {
        let mut events = Vec::new();
        for (n, tries) in self.requests.iter().enumerate() {
            let n = u64::try_from(n).unwrap();
            let first = tries.iter().map(|one| one.seconds).min().unwrap();
            for (at, one) in tries.iter().enumerate() {
                let made = if one.remote {
                    remote_attempt(n, one.seconds, one.used)
                } else {
                    pool_attempt(n, one.seconds, one.used)
                };
                let id = Uuid::from_u64_pair(0x0193_0000_0000_7000 + n, 100 + at as u64);
                let mut made = made;
                made.receipt.attempt = AttemptId::from_uuid(id);
                made.receipt.purpose = one.purpose;
                events.push(LedgerEvent::Attempt(made));
            }
            events.push(LedgerEvent::Request(request(n, first)));
        }
        let worked = |until: i64| {
            let tries = self.requests.iter().flatten();
            let own = tries.filter(|one| !one.remote && one.seconds < until);
            own.filter_map(|one| one.used).sum::<u64>()
        };
        let samples = (1..=BUCKETS).map(|at| {
            let until = at * QUARTER;
            // The worker has worked a little more than anybody accounts for.
            let more = u64::try_from(at).unwrap();
            counters("w0", until, worked(until) + more * 70_000, more * 2_000_001)
        });
        (events, samples.collect())
    }
}

/// Posts events in batches of a segment of their own; what was new.
async fn post(store: &SqlStore, segment: u128, events: &[LedgerEvent], batch: usize) -> u64 {
    let mut new = 0;
    for (at, part) in events.chunks(batch).enumerate() {
        let batch = EventBatch {
            segment: Uuid::from_u128(segment),
            end: at as u64 + 1,
            events: part.to_vec(),
        };
        let applied = store.apply(batch).await.unwrap();
        new += applied.attempts + applied.requests;
    }
    new
}

fn span() -> Span {
    let from = Bucket::of(at(0));
    Span {
        from,
        to: Bucket::from_index(from.index() + BUCKETS),
    }
}

/// A span far to both sides, whole days of UTC.
fn around() -> Span {
    let day = Bucket::of(at(0)).index().div_euclid(96);
    Span {
        from: Bucket::from_index((day - 2) * 96),
        to: Bucket::from_index((day + 3) * 96),
    }
}

async fn charges(store: &SqlStore, step: u32) -> Vec<Charge> {
    let mut all = Vec::new();
    let mut take = |charge: Charge| {
        all.push(charge);
        ControlFlow::Continue(())
    };
    store
        .charges(None, around(), step, &mut take)
        .await
        .unwrap();
    all.sort_by_key(|charge| format!("{charge:?}"));
    all
}

async fn sum(store: &SqlStore, span: Span, step: u32) -> Pico {
    let cells = store.costs(None, span, step).await.unwrap();
    cells.iter().map(|cell| cell.amount).sum()
}

/// I1, I2, I6 to I9 and I11 on the books as they are.
async fn prove(store: &SqlStore) {
    // I1 and more, line by line.
    holds(store).await;
    let total = sum(store, around(), 96).await;
    let pools = store.pool_time(around(), 1).await.unwrap();
    // I2: time.
    for pool in &pools {
        let parts = pool.busy.get() + pool.load.get() + pool.idle.get();
        assert_eq!(parts, pool.provisioned.get());
    }
    // I1: lines of windows are their bills.
    let cells = store.costs(None, around(), 96).await.unwrap();
    let of_pools = cells.iter().filter(|cell| {
        use ledger::Meter::{DeviceBusy, DeviceIdle, DeviceLoad, DeviceUnattributed};
        [DeviceBusy, DeviceIdle, DeviceLoad, DeviceUnattributed].contains(&cell.meter)
    });
    let billed: Pico = pools.iter().map(|pool| pool.cost).sum();
    assert_eq!(of_pools.map(|cell| cell.amount).sum::<Pico>(), billed);
    // I6: what is on top is never below nothing, as long as nothing was taken back.
    let summaries = store.scenario_summaries(None, around()).await.unwrap();
    for one in &summaries {
        assert!(one.cost.loaded >= one.cost.marginal, "{one:?}");
    }
    // I7: tenants and the platform are everybody.
    let mut parts = store.platform_cost(around()).await.unwrap().loaded;
    for n in 0..3 {
        let own = store.costs(Some(tenant(n)), around(), 96).await.unwrap();
        parts = [parts, own.iter().map(|cell| cell.amount).sum()]
            .into_iter()
            .sum();
    }
    assert_eq!(parts, total);
    // I8: quarters, hours and days, of any zone.
    for step in [1, 4, 96] {
        assert_eq!(sum(store, around(), step).await, total);
    }
    let wide = around();
    for quarters in [-48, -14, 1, 23, 51] {
        let mut local = Pico::ZERO;
        let mut from = wide.from.index() + quarters;
        while from < wide.to.index() {
            let day = Span {
                from: Bucket::from_index(from),
                to: Bucket::from_index(from + 96),
            };
            local = [local, sum(store, day, 1).await].into_iter().sum();
            from += 96;
        }
        assert_eq!(local, total, "{quarters}");
    }
    // I9: the export, the chart and the screen.
    let exported = charges(store, 96).await;
    assert_eq!(exported.iter().map(|c| c.amount).sum::<Pico>(), total);
    let series = store.series(None, around(), 96).await.unwrap();
    assert_eq!(series.iter().map(|point| point.loaded).sum::<Pico>(), total);
    // I11: no amount without a rate; a method is part of the type, and who corrected it is in the audit log.
    for charge in &exported {
        assert!(
            charge.lines == charge.unknown || charge.rate.is_some(),
            "{charge:?}"
        );
    }
}

async fn check(trace: &Trace) {
    let (events, samples) = trace.events();
    let (_dir, store) = store(trace.policy()).await;
    let new = post(&store, 1, &events, trace.batch).await;
    assert_eq!(new, u64::try_from(events.len()).unwrap());
    post(&store, 2, &samples, trace.batch).await;
    store.settle(at(BUCKETS * QUARTER + 60)).await.unwrap();
    prove(&store).await;

    // I3: another order, other batches.
    let mut keyed: Vec<_> = events
        .iter()
        .cloned()
        .zip(trace.shuffle.iter().cycle())
        .collect();
    keyed.sort_by_key(|(_, key)| **key);
    let shuffled: Vec<LedgerEvent> = keyed.into_iter().map(|(event, _)| event).collect();
    let (_other_dir, other) = self::store(trace.policy()).await;
    post(&other, 2, &samples, 3).await;
    post(&other, 1, &shuffled, trace.batch / 2 + 1).await;
    other.settle(at(BUCKETS * QUARTER + 60)).await.unwrap();
    let booked = charges(&store, 1).await;
    assert_eq!(
        booked,
        charges(&other, 1).await,
        "the order decides nothing"
    );

    // I4: all of it once more, under other names of segments.
    assert_eq!(post(&store, 3, &shuffled, 7).await, 0);
    post(&store, 4, &samples, 2).await;
    store.settle(at(BUCKETS * QUARTER + 120)).await.unwrap();
    assert_eq!(booked, charges(&store, 1).await, "a replay adds nothing");

    // I5: what is taken back is gone, to the pico.
    let lines = store.unit_priced(span(), None, 1_000).await.unwrap();
    let known: Vec<&UnitPriced> = lines.iter().filter(|line| line.amount.is_some()).collect();
    let mut corrected = BTreeMap::new();
    for (pick, instead) in &trace.corrections {
        let Some(line) = known.get(pick % known.len().max(1)) else {
            continue;
        };
        let before = sum(&store, around(), 1).await;
        let order = Correction {
            line: line.line,
            instead: match instead {
                None => Instead::Platform,
                Some(pico) => Instead::Amount(Pico::new((*pico).into())),
            },
            by: by(DAY),
        };
        let done = store.correct(order).await.unwrap();
        let after = sum(&store, around(), 1).await;
        let moved = after.checked_sub(before).unwrap();
        if done.lines == 0 {
            assert_eq!(moved, Pico::ZERO, "twice is once");
            continue;
        }
        let due = match instead {
            None => Pico::ZERO,
            Some(pico) => Pico::new((*pico).into())
                .checked_sub(line.amount.unwrap())
                .unwrap(),
        };
        assert_eq!(moved, due);
        corrected.insert(line.line.bytes(), ());
    }
    holds(&store).await;
    // I11: each correction has an actor.
    let entries = store.audit(AuditOf::All, None, 100).await.unwrap();
    let changes = entries.iter().filter(|e| e.note.action == "line.correct");
    assert_eq!(changes.clone().count(), corrected.len());
    assert!(changes.into_iter().all(|e| !e.note.by.actor.is_empty()));
    let reversals = charges(&store, 1).await;
    let reversed = reversals.iter().filter(|c| c.method == Method::Reversal1);
    let count: u64 = reversed.map(|charge| charge.lines).sum();
    assert_eq!(count, u64::try_from(corrected.len()).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_books_hold_on_any_trace(trace in trace()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(check(&trace));
    }
}
