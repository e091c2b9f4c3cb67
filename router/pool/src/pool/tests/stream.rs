use super::mock::{Do, Mock, error, event, piece, stream_end, stream_head};
use super::*;

fn steps(pieces: usize, rest: Vec<Do>) -> Vec<Do> {
    let mut steps = vec![stream_head()];
    steps.extend((0..pieces).map(|n| piece(&format!("p{n}"))));
    steps.extend(rest);
    steps
}

async fn worker_pool(mock: &Mock) -> Pool {
    let (pool, _) = started(PoolConfig {
        workers: vec![worker(mock)],
        ..config()
    });
    until(&pool, |p| p.load(&id("legal")).available == 1).await;
    pool
}

async fn read(stream: &mut ExpertStream) -> (Vec<crate::Frame>, AttemptReport) {
    let mut frames = Vec::new();
    loop {
        match stream.next().await.unwrap() {
            StreamEvent::Frame(frame) => frames.push(frame),
            StreamEvent::End(report) => {
                assert!(stream.next().await.is_none());
                return (frames, *report);
            }
        }
    }
}

#[tokio::test]
async fn a_stream_gives_its_frames_and_then_its_receipt() {
    let mock = Mock::worker(&["legal"]).await;
    mock.always(steps(3, stream_end()));
    let pool = worker_pool(&mock).await;
    for _ in 0..2 {
        let outcome = pool.stream(plan(&["legal"], Form::Stream)).await;
        assert!(outcome.attempts.is_empty());
        let (frames, report) = read(&mut outcome.result.unwrap()).await;
        assert_eq!(frames.len(), 5);
        assert!(frames[4].is_usage_only());
        assert!(frames[0].event_for("me", "id").starts_with(b"data: {"));
        assert_eq!(report.status, AttemptStatus::Ok);
        assert_eq!(report.receipt.tokens.total().unwrap().get(), 14);
        assert_eq!((report.purpose, report.estimated), (Purpose::Serve, false));
    }
    // Our own workers are told whose request it is.
    assert_eq!(mock.seen()[0].header("x-moegate-tenant"), Some("acme"));
    assert_eq!(mock.seen()[0].body["stream_options"]["include_usage"], true);
    // One for probes and streams, and perhaps one more that was opened beside a probe.
    assert!(mock.counts().connections <= 2, "{:?}", mock.counts());
}

#[tokio::test]
async fn a_stream_is_tried_again_only_before_its_first_frame() {
    let mock = Mock::worker(&["legal"]).await;
    mock.then(error(502));
    mock.then(vec![stream_head(), Do::Close]);
    mock.always(steps(2, vec![Do::Close]));
    let pool = worker_pool(&mock).await;
    let outcome = pool.stream(plan(&["legal"], Form::Stream)).await;
    assert_eq!(
        told(&outcome.attempts),
        [
            ("legal", Purpose::Serve, AttemptStatus::Failed),
            ("legal", Purpose::Retry, AttemptStatus::Failed)
        ]
    );
    let (frames, report) = read(&mut outcome.result.unwrap()).await;
    assert_eq!(frames.len(), 2);
    assert_eq!(report.status, AttemptStatus::Broken);
    assert_eq!(report.error, Some(AttemptError::Truncated));
    assert_eq!(report.receipt.tokens.output_text.unwrap().get(), 2);
    assert_eq!(report.receipt.tokens.input_uncached, None);
    assert!(report.estimated);
    assert_eq!(mock.counts().requests, 3, "nothing after the first frame");
}

#[tokio::test]
async fn a_failure_told_in_mid_stream_breaks_it() {
    let mock = Mock::worker(&["legal"]).await;
    mock.always(steps(
        1,
        vec![event(r#"{"error":{"message":"gone"}}"#), Do::Wait],
    ));
    let pool = worker_pool(&mock).await;
    let outcome = pool.stream(plan(&["legal"], Form::Stream)).await;
    let (frames, report) = read(&mut outcome.result.unwrap()).await;
    assert_eq!((frames.len(), report.status), (1, AttemptStatus::Broken));
    assert_eq!(report.error, Some(AttemptError::InStream));
}

#[tokio::test]
async fn a_worker_sees_a_client_go_and_what_was_seen_is_told() {
    let mock = Mock::worker(&["legal"]).await;
    mock.always(steps(3, vec![Do::Wait]));
    let pool = worker_pool(&mock).await;
    let (on_abandon, reports) = abandoned();
    let mut plan = plan(&["legal"], Form::Stream);
    plan.on_abandon = Some(on_abandon);
    let mut stream = pool.stream(plan).await.result.unwrap();
    for _ in 0..3 {
        assert!(matches!(stream.next().await, Some(StreamEvent::Frame(_))));
    }
    let attempt = stream.attempt();
    drop(stream);
    mock.until(|c| c.disconnects == 1).await;
    let reports = reports.await.unwrap();
    assert_eq!(
        told(&reports),
        [("legal", Purpose::Serve, AttemptStatus::Cancelled)]
    );
    assert_eq!(reports[0].attempt, attempt);
    assert_eq!(reports[0].receipt.tokens.output_text.unwrap().get(), 3);
    assert!(reports[0].estimated);
    assert_eq!(pool.load(&id("legal")).outstanding, 0);
}

#[tokio::test]
async fn a_remote_is_read_to_its_usage_when_the_client_goes() {
    let mock = Mock::start().await;
    let mut rest = vec![Do::Wait];
    rest.extend(stream_end());
    mock.always(steps(1, rest));
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let (on_abandon, reports) = abandoned();
    let mut plan = plan(&["legal"], Form::Stream);
    plan.on_abandon = Some(on_abandon);
    drop(pool.stream(plan).await.result.unwrap());
    assert_eq!(pool.draining(), 1);
    mock.gate.add_permits(1);
    let reports = reports.await.unwrap();
    assert_eq!(
        told(&reports),
        [("legal", Purpose::Serve, AttemptStatus::Cancelled)]
    );
    assert_eq!(reports[0].receipt.tokens.total().unwrap().get(), 14);
    assert!(!reports[0].estimated);
    pool.shutdown().await;
    assert_eq!((pool.draining(), mock.counts().disconnects), (0, 0));
}

#[tokio::test]
async fn reading_on_is_bounded_and_ends_with_the_pool() {
    let mock = Mock::start().await;
    mock.always(steps(1, vec![Do::Wait]));
    let mut config = config();
    config.remotes = vec![remote("legal", &mock)];
    config.drain.at_once = 1;
    let (pool, _) = started(config);
    let (first, mut first_told) = abandoned();
    let (second, second_told) = abandoned();
    for on_abandon in [first, second] {
        let mut plan = plan(&["legal"], Form::Stream);
        plan.on_abandon = Some(on_abandon);
        drop(pool.stream(plan).await.result.unwrap());
    }
    let over = second_told.await.unwrap();
    assert!(
        over[0].estimated,
        "no place is left: told from what was seen"
    );
    assert!(first_told.try_recv().is_err(), "still reading");
    pool.shutdown().await;
    assert!(first_told.await.unwrap()[0].estimated);
}

#[tokio::test]
async fn a_whole_answer_of_a_remote_is_read_on_too() {
    let mock = Mock::start().await;
    let mut steps = vec![Do::Wait];
    steps.extend(super::answer());
    mock.always(steps);
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let (on_abandon, reports) = abandoned();
    let mut plan = plan(&["legal"], Form::Whole);
    plan.on_abandon = Some(on_abandon);
    tokio::select! {
        outcome = pool.call(plan) => panic!("{outcome:?}"),
        () = mock.until(|c| c.requests == 1) => {}
    }
    mock.gate.add_permits(1);
    let reports = reports.await.unwrap();
    assert_eq!(
        told(&reports),
        [("legal", Purpose::Serve, AttemptStatus::Cancelled)]
    );
    assert_eq!(reports[0].receipt.tokens.total().unwrap().get(), 14);
}

#[tokio::test]
async fn the_deadline_ends_a_silent_stream() {
    let mock = Mock::worker(&["legal"]).await;
    mock.always(steps(1, vec![Do::Wait]));
    let pool = worker_pool(&mock).await;
    let mut plan = plan(&["legal"], Form::Stream);
    plan.timeout = Nanos::from_duration(Duration::from_millis(200));
    let outcome = pool.stream(plan).await;
    let (frames, report) = read(&mut outcome.result.unwrap()).await;
    assert_eq!((frames.len(), report.status), (1, AttemptStatus::TimedOut));
    mock.until(|c| c.disconnects == 1).await;
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_refused() {
    let mock = Mock::worker(&["legal"]).await;
    let pool = worker_pool(&mock).await;
    let outcome = pool.stream(plan(&["legal"], Form::Stream)).await;
    assert!(matches!(
        outcome.result,
        Err(PoolFailure::Failed {
            error: AttemptError::BadAnswer(_),
            ..
        })
    ));
    assert_eq!(outcome.attempts.len(), 1);
}
