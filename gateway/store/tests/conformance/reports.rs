//! What the pages read.

use ledger::{CLIENT_GONE, IdlePolicy, LedgerEvent, Month, OutcomeSource, Ppm};
use ledger_store::*;
use units::{Pico, TenantId};

use crate::sample::*;

#[tokio::test]
async fn scenarios_are_summed_by_tenant() {
    let (_dir, store) = store(IdlePolicy::Separate).await;
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

#[tokio::test]
async fn a_series_sums_to_the_same_totals() {
    let (_dir, store) = store(IdlePolicy::Separate).await;
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

#[tokio::test]
async fn a_judgement_counts_once_and_only_for_its_tenant() {
    let (_dir, store) = store(IdlePolicy::Separate).await;
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
