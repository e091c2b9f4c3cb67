use super::mock::{Do, Mock, answer, error, whole};
use super::*;

#[tokio::test]
async fn safe_errors_are_tried_again_and_others_are_not() {
    let mock = Mock::start().await;
    mock.always(answer());
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let part = Do::Send("HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"choices\":[".into());
    for (reply, tries) in [
        (error(502), 2),
        (error(503), 2),
        (error(504), 2),
        (vec![Do::Close], 2),
        (vec![part, Do::Close], 2),
        (whole(429, "retry-after-ms: 0\r\n", "{}"), 2),
        (error(500), 1),
        (error(401), 1),
        (error(404), 1),
        (error(400), 1),
        (error(422), 1),
    ] {
        let before = mock.counts().requests;
        mock.then(reply.clone());
        let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
        assert_eq!(outcome.result.is_ok(), tries == 2, "{reply:?}: {outcome:?}");
        assert_eq!(mock.counts().requests - before, tries, "{reply:?}");
        assert_eq!(outcome.attempts.len(), tries, "{reply:?}");
    }
}

#[tokio::test]
async fn a_refusal_carries_what_the_expert_said() {
    let mock = Mock::start().await;
    mock.always(error(400));
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock), remote("general", &mock)],
        ..config()
    });
    let outcome = pool.call(plan(&["legal", "general"], Form::Whole)).await;
    let expected = PoolFailure::Refused {
        expert: id("legal"),
        status: 400,
        body: Bytes::from_static(br#"{"error":{"message":"no"}}"#),
    };
    assert_eq!(outcome.result.unwrap_err(), expected);
    assert_eq!(mock.counts().requests, 1);
}

#[tokio::test]
async fn candidates_are_asked_in_order_and_every_try_is_told() {
    let (first, second, third) = (
        Mock::start().await,
        Mock::start().await,
        Mock::start().await,
    );
    first.always(error(502));
    second.always(error(500));
    third.always(answer());
    let (pool, _) = started(PoolConfig {
        remotes: vec![
            remote("a", &first),
            remote("b", &second),
            remote("c", &third),
        ],
        ..config()
    });
    let mut plan = plan(&["a", "b", "c"], Form::Whole);
    plan.limits = AttemptLimits {
        total: 9,
        per_expert: 2,
    };
    let outcome = pool.call(plan).await;
    assert_eq!(outcome.result.unwrap().expert, id("c"));
    assert_eq!(
        told(&outcome.attempts),
        [
            ("a", Purpose::Serve, AttemptStatus::Failed),
            ("a", Purpose::Retry, AttemptStatus::Failed),
            ("b", Purpose::Fallback, AttemptStatus::Failed),
            ("c", Purpose::Fallback, AttemptStatus::Ok),
        ]
    );
    assert_eq!(
        third.seen()[0].header("x-moegate-purpose"),
        Some("fallback")
    );
}

#[tokio::test]
async fn an_address_that_refuses_falls_back() {
    let mock = Mock::start().await;
    mock.always(answer());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut source = remote("a", &mock);
    source.target = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let (pool, _) = started(PoolConfig {
        remotes: vec![source, remote("b", &mock)],
        ..config()
    });
    let mut plan = plan(&["a", "b"], Form::Whole);
    plan.limits.per_expert = 1;
    let outcome = pool.call(plan).await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    let refused = AttemptError::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(outcome.attempts[0].error, Some(refused));
}

#[tokio::test]
async fn the_retry_budget_bounds_all_requests_together() {
    let mock = Mock::start().await;
    mock.always(error(502));
    let mut config = config();
    config.remotes = vec![remote("legal", &mock)];
    config.retry.percent = 10;
    config.retry.reserve = 3;
    let (pool, _) = started(config);
    for _ in 0..40 {
        let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
        assert!(matches!(outcome.result, Err(PoolFailure::Failed { .. })));
    }
    // The purse is full at first, so the first request earns nothing.
    let requests = mock.counts().requests;
    assert!((40 + 3..=40 + 3 + 4).contains(&requests), "{requests}");
}

#[tokio::test]
async fn a_failing_replica_is_left_alone_and_found_well_again() {
    let mock = Mock::start().await;
    mock.always(error(502));
    let mut config = config();
    config.remotes = vec![remote("legal", &mock)];
    config.breaker = BreakerConfig {
        consecutive: 3,
        close_after: 2,
        ..BreakerConfig::default()
    };
    let (pool, clock) = started(config);
    let once = || {
        let mut plan = plan(&["legal"], Form::Whole);
        plan.limits.total = 1;
        pool.call(plan)
    };
    for _ in 0..3 {
        assert!(once().await.result.is_err());
    }
    assert_eq!(once().await.result.unwrap_err(), PoolFailure::NoReplica);
    assert_eq!(
        (mock.counts().requests, pool.load(&id("legal")).available),
        (3, 0)
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(pool.load(&id("legal")).available, 1);
    assert!(once().await.result.is_err(), "the probe fails");
    assert_eq!(once().await.result.unwrap_err(), PoolFailure::NoReplica);
    assert_eq!(mock.counts().requests, 4);
    clock.advance(Duration::from_secs(2));
    mock.always(answer());
    for _ in 0..3 {
        assert!(once().await.result.is_ok());
    }
    assert_eq!(mock.counts().requests, 7);
}

#[tokio::test]
async fn a_full_replica_is_spared_until_it_said() {
    let (full, free) = (
        Mock::worker(&["legal"]).await,
        Mock::worker(&["legal"]).await,
    );
    full.always(whole(503, "retry-after: 60\r\n", "{}"));
    let (pool, clock) = started(PoolConfig {
        workers: vec![worker(&full), worker(&free)],
        ..config()
    });
    until(&pool, |p| p.load(&id("legal")).available == 2).await;
    for _ in 0..30 {
        let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
        assert!(outcome.result.is_ok(), "{outcome:?}");
    }
    assert_eq!(full.counts().requests, 1, "asked once, then spared");
    free.always(whole(503, "retry-after: 30\r\n", "{}"));
    let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
    let told = outcome.result.unwrap_err();
    assert_eq!(
        told,
        PoolFailure::Overloaded {
            retry_after: Some(Nanos::new(30_000_000_000))
        }
    );
    let again = pool.call(plan(&["legal"], Form::Whole)).await;
    assert!(again.attempts.is_empty(), "both are spared");
    assert_eq!(again.result.unwrap_err(), told);
    clock.advance(Duration::from_secs(31));
    free.always(answer());
    assert!(
        pool.call(plan(&["legal"], Form::Whole))
            .await
            .result
            .is_ok()
    );
}

#[tokio::test]
async fn a_short_wait_for_room_is_waited() {
    let mock = Mock::start().await;
    mock.then(whole(503, "retry-after-ms: 0.001\r\n", "{}"));
    mock.always(answer());
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let mut plan = plan(&["legal"], Form::Whole);
    plan.limits = AttemptLimits {
        total: 4,
        per_expert: 2,
    };
    // The clock stands still, so the pause outlasts every try but the wait does not.
    let outcome = pool.call(plan).await;
    assert_eq!(outcome.attempts.len(), 1, "{outcome:?}");
    assert!(matches!(
        outcome.result,
        Err(PoolFailure::Overloaded { .. })
    ));
}
