//! What the pages read.

use std::ops::ControlFlow;

use ledger::{CLIENT_GONE, Charge, IdlePolicy, LedgerEvent, Meter, Month, OutcomeSource, Ppm};
use ledger_store::*;
use units::{Pico, TenantId};

use crate::sample::*;

on_each_store!(
    long_spans_sum_to_their_parts,
    scenarios_are_summed_by_tenant,
    a_series_sums_to_the_same_totals,
    charges_sum_to_the_bill_whatever_the_step,
    charges_of_a_tenant_are_its_own_and_may_be_broken_off,
    unknown_amounts_are_counted_and_summed_as_nothing,
    a_judgement_counts_once_and_only_for_its_tenant,
);

async fn scenarios_are_summed_by_tenant(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..60).flat_map(|n| served(n, 30)).collect();
    let mut failed = request(66, 40);
    failed.http_status = 503;
    failed.answered_by = None;
    events.push(LedgerEvent::Request(failed));
    let mut left = request(72, 41);
    left.http_status = CLIENT_GONE;
    left.answered_by = None;
    events.push(LedgerEvent::Request(left));
    events.push(counters("w0", 60, 300_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(60)).await.unwrap();

    let all = store.scenario_summaries(None, hour()).await.unwrap();
    assert_eq!(all.len(), 6, "three tenants, two scenarios");
    let row = &all[0];
    assert_eq!(
        (row.tenant.as_str(), row.scenario.as_str()),
        ("aurora-bank", "bank-intents")
    );
    assert_eq!((row.requests, row.errors, row.attempts), (12, 1, 10));
    assert_eq!(row.experts[0].expert, Some(expert(0)));
    assert_eq!(
        row.experts[1],
        ExpertCount {
            expert: None,
            requests: 2
        }
    );
    let p50 = row.p50.unwrap().get();
    assert!((9_600_000..10_400_000).contains(&p50), "{p50}");
    assert!(row.p99 >= row.p50);
    assert_eq!(row.cost.known, 10);

    let own = store
        .scenario_summaries(Some(tenant(1)), hour())
        .await
        .unwrap();
    assert_eq!(
        own,
        all.iter()
            .filter(|row| row.tenant == tenant(1))
            .cloned()
            .collect::<Vec<_>>()
    );
    let nobody = TenantId::new("nobody").unwrap();
    assert_eq!(
        store
            .scenario_summaries(Some(nobody), hour())
            .await
            .unwrap(),
        []
    );
    let later = Span {
        from: hour().to,
        to: units::Bucket::from_index(hour().to.index() + 4),
    };
    assert_eq!(store.scenario_summaries(None, later).await.unwrap(), []);

    let experts = store
        .experts_by_scenario(Some(tenant(0)), hour())
        .await
        .unwrap();
    assert_eq!(experts.iter().map(|row| row.requests).sum::<u64>(), 20);
    assert_eq!(experts[0].p50.map(|ns| ns.get() > 9_000_000), Some(true));
}

async fn a_series_sums_to_the_same_totals(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..20).flat_map(|n| served(n, 30)).collect();
    events.extend((20..30).flat_map(|n| served(n, 1_000)));
    events.push(counters("w0", 60, 100_000_000, 0));
    events.push(counters("w0", 1_100, 150_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(1_100)).await.unwrap();
    for (step, steps) in [(1, 2), (4, 1), (0, 2)] {
        let points = store.series(None, hour(), step).await.unwrap();
        assert_eq!(points.len(), steps);
        assert_eq!(points.iter().map(|p| p.requests).sum::<u64>(), 30);
        let loaded: Pico = points.iter().map(|p| p.loaded).sum();
        assert_eq!(loaded, store.verify().await.unwrap().pool_cost);
    }
    let spend = store.spend(Month::of(at(0))).await.unwrap();
    let marginal: Pico = store
        .series(None, hour(), 4)
        .await
        .unwrap()
        .iter()
        .map(|p| p.marginal)
        .sum();
    assert_eq!(spend.iter().map(|s| s.amount).sum::<Pico>(), marginal);
    assert!(
        spend
            .iter()
            .any(|s| s.principal.as_deref() == Some("key-1"))
    );
    assert_eq!(store.spend(Month::of(at(0)).next()).await.unwrap(), []);
}

/// Days, and the buckets at both edges of a span, are counted once.
async fn long_spans_sum_to_their_parts(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events = Vec::new();
    for n in 0..80_u64 {
        // Every hour and a half from noon on: five days.
        let seconds = i64::try_from(n).unwrap() * 5_400 + 7;
        events.push(LedgerEvent::Attempt(remote_attempt(
            n,
            seconds,
            Some(1_000 + n),
        )));
        events.push(LedgerEvent::Request(request(n, seconds)));
        events.push(LedgerEvent::Outcome(outcome(n, "once", 500_000)));
    }
    store.apply(batch(1, events)).await.unwrap();
    let proof = store.verify().await.unwrap();
    assert!(proof.holds(), "{proof:?}");
    let noon = hour().from.index();
    for (from, to) in [(0, 480), (47, 433), (50, 60), (47, 49)] {
        let span = |from: i64, to: i64| Span {
            from: units::Bucket::from_index(noon + from),
            to: units::Bucket::from_index(noon + to),
        };
        let whole = store
            .experts_by_scenario(None, span(from, to))
            .await
            .unwrap();
        let (mut requests, mut attempts, mut judged, mut marginal) = (0, 0, 0, Pico::ZERO);
        for bucket in from..to {
            let rows = store
                .experts_by_scenario(None, span(bucket, bucket + 1))
                .await
                .unwrap();
            requests += rows.iter().map(|row| row.requests).sum::<u64>();
            attempts += rows.iter().map(|row| row.attempts).sum::<u64>();
            judged += rows
                .iter()
                .flat_map(|row| &row.quality)
                .map(|q| q.count)
                .sum::<u64>();
            marginal = rows
                .iter()
                .map(|row| row.cost.marginal)
                .chain([marginal])
                .sum();
        }
        assert_eq!(whole.iter().map(|row| row.requests).sum::<u64>(), requests);
        assert_eq!(whole.iter().map(|row| row.attempts).sum::<u64>(), attempts);
        let counts = whole.iter().flat_map(|row| &row.quality).map(|q| q.count);
        assert_eq!(counts.sum::<u64>(), judged);
        assert_eq!(
            whole.iter().map(|row| row.cost.marginal).sum::<Pico>(),
            marginal
        );
        assert!(whole.iter().all(|row| row.p50.is_some()));
        for step in [1, 96] {
            let points = store.series(None, span(from, to), step).await.unwrap();
            assert_eq!(points.iter().map(|p| p.requests).sum::<u64>(), requests);
            assert_eq!(points.iter().map(|p| p.marginal).sum::<Pico>(), marginal);
        }
    }
}

/// All charges of a span, by step.
async fn charges(store: &SqlStore, tenant: Option<TenantId>, step: u32) -> Vec<Charge> {
    let mut all = Vec::new();
    let mut take = |charge| {
        all.push(charge);
        ControlFlow::Continue(())
    };
    store
        .charges(tenant, hour(), step, &mut take)
        .await
        .unwrap();
    all
}

async fn charges_sum_to_the_bill_whatever_the_step(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..60).flat_map(|n| served(n, 30)).collect();
    events.extend((60..90).flat_map(|n| served(n, 1_000)));
    events.push(counters("w0", 60, 300_000_000, 5_000_000));
    events.push(counters("w0", 1_100, 450_000_000, 5_000_000));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(1_100)).await.unwrap();
    let proof = store.verify().await.unwrap();
    let mut before = None;
    for step in [1, 4, 96] {
        let all = charges(&store, None, step).await;
        let sum: Pico = all.iter().map(|charge| charge.amount).sum();
        assert_eq!(sum, proof.pool_cost, "step {step}");
        let lines: u64 = all.iter().map(|charge| charge.lines).sum();
        assert_eq!(lines, proof.lines);
        assert!(before.is_none_or(|more| all.len() <= more), "step {step}");
        before = Some(all.len());
        for charge in &all {
            assert_eq!(charge.from.index() % i64::from(step), 0);
            assert_eq!(charge.to.index() - charge.from.index(), i64::from(step));
            let rate = charge.rate.as_ref().unwrap();
            assert_eq!(
                rate.subject.as_ref(),
                format!("pool {}", charge.host.as_ref().unwrap())
            );
            assert_eq!(charge.payer.is_none(), charge.meter != Meter::DeviceBusy);
            assert_eq!(charge.tokens.is_some(), charge.meter == Meter::DeviceBusy);
        }
        let order: Vec<_> = all.iter().map(|c| (c.from, c.payer.clone())).collect();
        assert!(order.is_sorted());
    }
}

async fn charges_of_a_tenant_are_its_own_and_may_be_broken_off(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events: Vec<LedgerEvent> = (0..60).flat_map(|n| served(n, 30)).collect();
    events.push(counters("w0", 60, 300_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(60)).await.unwrap();
    let of = |charge: &Charge| charge.payer.as_ref().map(|(tenant, _)| tenant.clone());
    let all = charges(&store, None, 96).await;
    for n in 0..3 {
        let own = charges(&store, Some(tenant(n)), 96).await;
        assert!(!own.is_empty());
        let expected: Vec<Charge> = all
            .iter()
            .filter(|c| of(c) == Some(tenant(n)))
            .cloned()
            .collect();
        assert_eq!(own, expected);
    }
    let nobody = TenantId::new("nobody").unwrap();
    assert_eq!(charges(&store, Some(nobody), 96).await, []);

    let mut seen = 0;
    let mut take = |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    store.charges(None, hour(), 1, &mut take).await.unwrap();
    assert_eq!(seen, 1);
}

async fn unknown_amounts_are_counted_and_summed_as_nothing(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    let mut events = Vec::new();
    for n in 0..4 {
        for mut event in served(n, 30) {
            if let LedgerEvent::Attempt(attempt) = &mut event
                && n == 0
            {
                attempt.receipt.device_ns = None;
            }
            events.push(event);
        }
    }
    events.push(counters("w0", 60, 300_000_000, 0));
    store.apply(batch(1, events)).await.unwrap();
    store.settle(at(60)).await.unwrap();
    let all = charges(&store, None, 96).await;
    assert_eq!(all.iter().map(|charge| charge.unknown).sum::<u64>(), 1);
    let sum: Pico = all.iter().map(|charge| charge.amount).sum();
    assert_eq!(sum, store.verify().await.unwrap().pool_cost);
}

async fn a_judgement_counts_once_and_only_for_its_tenant(on: &On) {
    let (_dir, store) = on.store(IdlePolicy::Separate).await;
    store
        .apply(batch(1, (0..4).flat_map(|n| served(n, 30)).collect()))
        .await
        .unwrap();
    let mut foreign = outcome(0, "x", 1_000_000);
    foreign.tenant = tenant(1);
    let unknown = outcome(99, "x", 1_000_000);
    let events = vec![
        LedgerEvent::Outcome(outcome(0, "a", 1_000_000)),
        LedgerEvent::Outcome(outcome(0, "a", 0)),
        LedgerEvent::Outcome(outcome(0, "b", 400_000)),
        LedgerEvent::Outcome(foreign),
        LedgerEvent::Outcome(unknown),
    ];
    let applied = store.apply(batch(2, events)).await.unwrap();
    assert_eq!(
        (applied.outcomes, applied.repeated, applied.refused),
        (2, 1, 2)
    );
    let rows = store
        .scenario_summaries(Some(tenant(0)), hour())
        .await
        .unwrap();
    let expected = QualitySummary {
        source: OutcomeSource::Gold,
        count: 1,
        mean: Ppm::new(400_000),
    };
    assert_eq!(
        rows[0].quality,
        [expected],
        "the last judgement of a source counts"
    );
    assert!(store.verify().await.unwrap().holds());
    assert_eq!(
        store.request_tenant(request_id(0)).await.unwrap(),
        Some(tenant(0))
    );
    assert_eq!(store.request_tenant(request_id(99)).await.unwrap(), None);
}
