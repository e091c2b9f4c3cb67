use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot};
use units::{AttemptId, AttemptStatus, PoolId, Purpose, RequestId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::resolve::Resolving;
use crate::{
    AttemptError, AttemptLimits, AttemptReport, BreakerConfig, OnAbandon, RemoteSource,
    RequestBody, StreamEvent, WorkerSource,
};

mod encrypted;
mod membership;
mod mock;
mod retry;
mod stream;

use mock::{Mock, answer, error, whole};

/// A clock that stands still until the test moves it.
#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn advance(&self, by: Duration) {
        let by = Nanos::from_duration(by).get();
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000).saturating_add(self.monotonic())
    }

    fn monotonic(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug, Default)]
struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}

/// Names mean what the test sends, one answer after the other.
#[derive(Debug)]
struct SentNames(Mutex<mpsc::Receiver<BTreeSet<SocketAddr>>>);

impl Resolve for SentNames {
    fn resolve<'a>(&'a self, _host: &'a str, _port: u16) -> Resolving<'a> {
        Box::pin(async {
            let mut names = self.0.lock().await;
            match names.recv().await {
                Some(addresses) => Ok(addresses),
                None => std::future::pending().await,
            }
        })
    }
}

const SEED: u64 = 20_261_123;

fn id(text: &str) -> ExpertId {
    ExpertId::new(text).unwrap()
}

fn remote(expert: &str, mock: &Mock) -> RemoteSource {
    RemoteSource {
        expert: id(expert),
        pool: PoolId::new("provider").unwrap(),
        target: format!("http://{}/v1", mock.address).parse().unwrap(),
        model: format!("{expert}-upstream"),
        api_key: Some(crate::ApiKey::new("sk-test").unwrap()),
    }
}

fn worker(mock: &Mock) -> WorkerSource {
    WorkerSource {
        pool: PoolId::new("cpu").unwrap(),
        target: mock.address.to_string().parse().unwrap(),
    }
}

/// Patient enough that only what a test is about ends a request.
fn config() -> PoolConfig {
    println!("seed {SEED}");
    PoolConfig {
        seed: SEED,
        retry: RetryConfig {
            backoff: Duration::from_micros(10),
            ..RetryConfig::default()
        },
        breaker: BreakerConfig {
            consecutive: 1_000,
            least: 1_000,
            ..BreakerConfig::default()
        },
        ..PoolConfig::default()
    }
}

fn started(config: PoolConfig) -> (Pool, Arc<HandClock>) {
    let clock = Arc::new(HandClock::default());
    let ids = Arc::new(CountedIds::default());
    let pool = Pool::start(config, Arc::clone(&clock) as Arc<dyn Clock>, ids).unwrap();
    (pool, clock)
}

/// Waits until the pool is as wanted.
async fn until(pool: &Pool, mut is_so: impl FnMut(&Pool) -> bool) {
    let mut changes = pool.changes();
    while !is_so(pool) {
        changes.changed().await.unwrap();
    }
}

fn body(stream: bool) -> RequestBody {
    let text = format!(
        r#"{{"model":"auto","messages":[{{"role":"user","content":"hi"}}],"stream":{stream}}}"#
    );
    RequestBody::new(Bytes::from(text)).unwrap()
}

fn plan(candidates: &[&str], form: Form) -> CallPlan {
    CallPlan {
        request: RequestId::from_uuid(Uuid::from_u128(7)),
        body: body(form == Form::Stream),
        candidates: candidates.iter().map(|c| id(c)).collect(),
        timeout: Nanos::from_duration(Duration::from_secs(60)),
        traceparent: None,
        task: None,
        tenant: Some(http::HeaderValue::from_static("acme")),
        scope: None,
        limits: AttemptLimits::default(),
        on_abandon: None,
    }
}

/// A place for the reports of an abandoned request.
fn abandoned() -> (OnAbandon, oneshot::Receiver<Vec<AttemptReport>>) {
    let (sender, receiver) = oneshot::channel();
    let told: OnAbandon = Box::new(move |reports| sender.send(reports).unwrap());
    (told, receiver)
}

fn told(attempts: &[AttemptReport]) -> Vec<(&str, Purpose, AttemptStatus)> {
    attempts
        .iter()
        .map(|a| (a.expert.as_str(), a.purpose, a.status))
        .collect()
}

#[tokio::test]
async fn a_request_reaches_a_remote_with_what_it_needs() {
    let mock = Mock::start().await;
    mock.always(answer());
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let mut plan = plan(&["legal"], Form::Whole);
    plan.traceparent = Some(http::HeaderValue::from_static("00-aa-bb-01"));
    let outcome = pool.call(plan).await;
    let answer = outcome.result.unwrap();
    assert_eq!(answer.expert, id("legal"));
    assert!(
        answer
            .body_for("legal", "chatcmpl-1")
            .starts_with(br#"{"id":"chatcmpl-1","model":"legal""#)
    );
    let [attempt] = outcome.attempts.as_slice() else {
        panic!("{:?}", outcome.attempts)
    };
    assert_eq!(attempt.status, AttemptStatus::Ok);
    assert_eq!(attempt.http_status, Some(200));
    assert_eq!(attempt.receipt.tokens.total().unwrap().get(), 14);
    assert!(!attempt.estimated);
    let [seen] = &mock.seen()[..] else { panic!() };
    assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1"));
    assert_eq!(seen.body["model"], "legal-upstream");
    assert_eq!(seen.header("authorization"), Some("Bearer sk-test"));
    assert_eq!(seen.header("traceparent"), Some("00-aa-bb-01"));
    assert_eq!(seen.header("x-moegate-purpose"), Some("serve"));
    // A remote is not told whose request it is.
    assert_eq!(seen.header("x-moegate-tenant"), None);
    assert_eq!(
        seen.header("x-moegate-attempt"),
        Some(&*attempt.attempt.to_string())
    );
    assert_eq!(
        seen.header("x-request-id"),
        Some("00000000-0000-0000-0000-000000000007")
    );
    let left: u64 = seen
        .header("x-moegate-deadline-ms")
        .unwrap()
        .parse()
        .unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn connections_are_kept_and_one_that_closed_is_replaced() {
    let mock = Mock::start().await;
    mock.always(answer());
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    for _ in 0..5 {
        pool.call(plan(&["legal"], Form::Whole))
            .await
            .result
            .unwrap();
    }
    assert_eq!((mock.counts().connections, mock.counts().requests), (1, 5));
    let mut close = answer();
    close.push(mock::Do::Close);
    mock.then(close);
    for _ in 0..3 {
        let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
        assert!(outcome.result.is_ok(), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_fails_the_attempt() {
    let mock = Mock::start().await;
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    for reply in [
        whole(200, "", "<html>"),
        whole(200, "", "{}"),
        whole(302, "location: http://127.0.0.1/\r\n", ""),
        vec![mock::Do::Send("nonsense\r\n\r\n".into()), mock::Do::Close],
    ] {
        mock.then(reply);
        let outcome = pool.call(plan(&["legal"], Form::Whole)).await;
        assert!(
            matches!(outcome.result, Err(PoolFailure::Failed { .. })),
            "{outcome:?}"
        );
        assert_eq!(
            told(&outcome.attempts),
            [("legal", Purpose::Serve, AttemptStatus::Failed)]
        );
        assert_eq!(outcome.attempts[0].receipt.tokens.total(), None);
    }
}

#[tokio::test]
async fn the_deadline_ends_a_request_and_frees_the_replica() {
    let mock = Mock::start().await;
    mock.always(vec![mock::Do::Wait]);
    let (pool, _) = started(PoolConfig {
        remotes: vec![remote("legal", &mock)],
        ..config()
    });
    let mut plan = plan(&["legal"], Form::Whole);
    plan.timeout = Nanos::from_duration(Duration::from_millis(30));
    let outcome = pool.call(plan).await;
    assert_eq!(outcome.result.unwrap_err(), PoolFailure::TimedOut);
    assert_eq!(
        told(&outcome.attempts),
        [("legal", Purpose::Serve, AttemptStatus::TimedOut)]
    );
    assert_eq!(outcome.attempts[0].error, Some(AttemptError::Deadline));
    mock.until(|c| c.disconnects == 1).await;
    assert_eq!(pool.load(&id("legal")).outstanding, 0);
}

#[tokio::test]
async fn nobody_to_ask_is_no_attempt() {
    let (pool, _) = started(config());
    let outcome = pool.call(plan(&["legal", "general"], Form::Whole)).await;
    assert_eq!(outcome.result.unwrap_err(), PoolFailure::NoReplica);
    assert!(outcome.attempts.is_empty());
    assert_eq!(pool.load(&id("legal")), ExpertLoad::default());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_told_once() {
    let mock = Mock::worker(&["legal"]).await;
    mock.then(error(502));
    mock.always(vec![mock::Do::Wait]);
    let (pool, _) = started(PoolConfig {
        workers: vec![worker(&mock)],
        ..config()
    });
    until(&pool, |p| p.load(&id("legal")).available == 1).await;
    let (on_abandon, reports) = abandoned();
    let mut plan = plan(&["legal"], Form::Whole);
    plan.on_abandon = Some(on_abandon);
    tokio::select! {
        outcome = pool.call(plan) => panic!("{outcome:?}"),
        () = mock.until(|c| c.requests == 2) => {}
    }
    let reports = reports.await.unwrap();
    assert_eq!(
        told(&reports),
        [
            ("legal", Purpose::Serve, AttemptStatus::Failed),
            ("legal", Purpose::Retry, AttemptStatus::Cancelled)
        ]
    );
    mock.until(|c| c.disconnects == 1).await;
    let ids: BTreeSet<AttemptId> = reports.iter().map(|r| r.attempt).collect();
    assert_eq!(ids.len(), 2, "each attempt has its own id");
}
