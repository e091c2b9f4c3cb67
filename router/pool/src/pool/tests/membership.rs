use tokio::task::JoinSet;

use super::mock::{Do, Mock, answer, status_of};
use super::*;

#[tokio::test]
async fn work_spreads_by_what_is_outstanding() {
    let mocks = [
        Mock::worker(&["legal"]).await,
        Mock::worker(&["legal", "general"]).await,
        Mock::worker(&["legal"]).await,
    ];
    for mock in &mocks {
        let mut held = vec![Do::Wait];
        held.extend(answer());
        mock.always(held);
    }
    let (pool, _) = started(PoolConfig {
        workers: mocks.iter().map(worker).collect(),
        ..config()
    });
    until(&pool, |p| p.load(&id("legal")).available == 3).await;
    let mut calls = JoinSet::new();
    for sent in 1..=60_u32 {
        let pool = pool.clone();
        let calling = pool.clone();
        calls.spawn(async move { calling.call(plan(&["legal"], Form::Whole)).await });
        // Each choice sees all before it.
        while pool.load(&id("legal")).outstanding < sent {
            tokio::task::yield_now().await;
        }
    }
    for mock in &mocks {
        mock.gate.add_permits(60);
    }
    while let Some(outcome) = calls.join_next().await {
        assert!(outcome.unwrap().result.is_ok());
    }
    let counts: Vec<usize> = mocks.iter().map(|m| m.counts().requests).collect();
    assert!(counts.iter().all(|n| (17..=23).contains(n)), "{counts:?}");
    assert_eq!(pool.load(&id("legal")).outstanding, 0);
}

#[tokio::test]
async fn experts_and_counters_are_learned_from_workers() {
    let mock = Mock::worker(&["legal", "general"]).await;
    let mut config = config();
    config.workers = vec![worker(&mock)];
    config.probe.every = Duration::from_millis(1);
    let (pool, _) = started(config);
    let mut counters = pool.counters();
    counters
        .wait_for(|samples| !samples.is_empty())
        .await
        .unwrap();
    let [sample] = &pool.samples()[..] else {
        panic!()
    };
    assert_eq!(sample.counters.provisioned_ns.get(), 100);
    assert_eq!(sample.pool.as_str(), "cpu");
    let experts = pool.experts();
    let ids: Vec<&str> = experts.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["general", "legal"]);
    assert_eq!(experts[0].load.capacity, Some(64));
    assert_eq!(experts[0].loaded, 1);
    let mut next = status_of(&["legal", "finance"]);
    next["started_unix_ms"] = 2.into();
    mock.set_status(next);
    until(&pool, |p| p.load(&id("finance")).available == 1).await;
    assert_eq!(pool.load(&id("general")).replicas, 0);
    counters
        .wait_for(|samples| samples.len() == 2)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_worker_that_does_not_answer_its_probes_is_the_last_to_be_asked() {
    let (sick, well) = (
        Mock::worker(&["legal"]).await,
        Mock::worker(&["legal"]).await,
    );
    let mut config = config();
    config.workers = vec![worker(&sick), worker(&well)];
    config.probe.every = Duration::from_millis(1);
    let (pool, _) = started(config);
    until(&pool, |p| p.load(&id("legal")).available == 2).await;
    sick.set_status(serde_json::Value::Null);
    let healthy = |p: &Pool| {
        let snapshot = p.shared.membership.snapshot();
        let replicas = snapshot.get(&id("legal")).unwrap();
        let fit = |r: &&Arc<Replica>| r.member.load.healthy.load(Ordering::Relaxed);
        replicas.iter().filter(fit).count()
    };
    until(&pool, |p| healthy(p) == 1).await;
    for _ in 0..20 {
        assert!(
            pool.call(plan(&["legal"], Form::Whole))
                .await
                .result
                .is_ok()
        );
    }
    assert_eq!((sick.counts().requests, well.counts().requests), (0, 20));
    well.set_status(serde_json::Value::Null);
    until(&pool, |p| healthy(p) == 0).await;
    assert!(
        pool.call(plan(&["legal"], Form::Whole))
            .await
            .result
            .is_ok()
    );
    sick.set_status(status_of(&["legal"]));
    until(&pool, |p| healthy(p) == 1).await;
}

#[tokio::test]
async fn a_worker_that_leaves_dns_finishes_what_it_has() {
    let (old, new) = (
        Mock::worker(&["legal"]).await,
        Mock::worker(&["legal"]).await,
    );
    let mut held = vec![Do::Wait];
    held.extend(answer());
    old.always(held);
    let (names, receiver) = mpsc::channel(4);
    let mut config = config();
    config.connections.resolve_every = Duration::ZERO;
    config.workers = vec![WorkerSource {
        pool: PoolId::new("cpu").unwrap(),
        target: "http://workers.internal:9100".parse().unwrap(),
    }];
    let resolver = Arc::new(SentNames(Mutex::new(receiver)));
    let clock = Arc::new(HandClock::default());
    let ids = Arc::new(CountedIds::default());
    let pool = Pool::start_with(config, clock, ids, resolver).unwrap();
    names.send(BTreeSet::from([old.address])).await.unwrap();
    until(&pool, |p| p.load(&id("legal")).available == 1).await;
    let calling = pool.clone();
    let mut calls = JoinSet::new();
    calls.spawn(async move { calling.call(plan(&["legal"], Form::Whole)).await });
    old.until(|c| c.requests == 1).await;
    names
        .send(BTreeSet::from([old.address, new.address]))
        .await
        .unwrap();
    until(&pool, |p| p.load(&id("legal")).available == 2).await;
    names.send(BTreeSet::from([new.address])).await.unwrap();
    until(&pool, |p| p.load(&id("legal")).replicas == 1).await;
    for _ in 0..5 {
        assert!(
            pool.call(plan(&["legal"], Form::Whole))
                .await
                .result
                .is_ok()
        );
    }
    assert_eq!((old.counts().requests, new.counts().requests), (1, 5));
    old.gate.add_permits(1);
    let outcome = calls.join_next().await.unwrap().unwrap();
    assert!(outcome.result.is_ok(), "what was under way is finished");
    names.send(BTreeSet::new()).await.unwrap();
    until(&pool, |p| p.load(&id("legal")).replicas == 0).await;
    pool.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_dies_costs_no_request_while_another_lives() {
    let (dies, lives) = (
        Mock::worker(&["legal"]).await,
        Mock::worker(&["legal"]).await,
    );
    let mut config = config();
    config.workers = vec![worker(&dies), worker(&lives)];
    config.breaker = BreakerConfig::default();
    let (pool, _) = started(config);
    until(&pool, |p| p.load(&id("legal")).available == 2).await;
    let mut calls = JoinSet::new();
    for _ in 0..32 {
        let pool = pool.clone();
        calls.spawn(async move {
            let mut outcomes = Vec::new();
            for _ in 0..20 {
                outcomes.push(pool.call(plan(&["legal"], Form::Whole)).await);
            }
            outcomes
        });
    }
    dies.until(|c| c.requests >= 50).await;
    drop(dies);
    while let Some(outcomes) = calls.join_next().await {
        for outcome in outcomes.unwrap() {
            assert!(outcome.result.is_ok(), "{outcome:?}");
        }
    }
}
