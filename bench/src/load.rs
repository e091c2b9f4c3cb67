//! The load driver: so many connections, so many requests, every time in a histogram.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::JoinSet;

mod client;

pub(crate) use client::Client;

/// What is sent, where, how often.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Where to connect.
    pub address: SocketAddr,
    /// The request as bytes, head and body.
    pub request: Arc<[u8]>,
    /// Connections, each with one request at a time.
    pub concurrency: u32,
    /// Requests in all.
    pub requests: u64,
    /// Requests a second over all connections, each counted from when it was due; `None` is as fast as answers come.
    pub rate: Option<u32>,
}

/// What came of it.
#[derive(Debug)]
pub struct LoadResult {
    /// From the first request to the last answer.
    pub wall: Duration,
    /// Times to the whole answer of successes, in nanoseconds.
    pub whole: Histogram<u64>,
    /// Times to the first event of streamed successes, in nanoseconds.
    pub first: Histogram<u64>,
    /// Answers by what they were: a status, `connection`, `stream_error`, `stream_cut`.
    pub outcomes: BTreeMap<String, u64>,
}

/// The figures of a run, for people and files. Times are in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct LoadSummary {
    /// Whole answers with a status below 300.
    pub succeeded: u64,
    /// Answers by what they were.
    pub outcomes: BTreeMap<String, u64>,
    /// Successes a second.
    pub per_second: f64,
    /// Times to the whole answer.
    pub whole_us: Quantiles,
    /// Times to the first event of a stream; absent without streams.
    pub first_us: Option<Quantiles>,
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantiles {
    /// Half are faster.
    pub p50: f64,
    /// Nine of ten are faster.
    pub p90: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
    /// 999 of 1000 are faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Quantiles {
    /// The quantiles of times in nanoseconds.
    pub fn of(times: &Histogram<u64>) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "nanoseconds of a request, far below 2^52"
        )]
        let us = |ns: u64| ns as f64 / 1_000.0;
        let at = |quantile| us(times.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: us(times.max()),
        }
    }
}

impl LoadResult {
    fn new() -> anyhow::Result<Self> {
        let times = || Histogram::new_with_bounds(1, 600_000_000_000, 3);
        Ok(Self {
            wall: Duration::ZERO,
            whole: times()?,
            first: times()?,
            outcomes: BTreeMap::new(),
        })
    }

    fn merge(&mut self, other: &Self) -> anyhow::Result<()> {
        self.whole.add(&other.whole)?;
        self.first.add(&other.first)?;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        Ok(())
    }

    /// The figures.
    pub fn summary(&self) -> LoadSummary {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a count of requests, far below 2^52"
        )]
        let per_second = self.whole.len() as f64 / self.wall.as_secs_f64().max(1e-9);
        LoadSummary {
            succeeded: self.whole.len(),
            outcomes: self.outcomes.clone(),
            per_second,
            whole_us: Quantiles::of(&self.whole),
            first_us: (!self.first.is_empty()).then(|| Quantiles::of(&self.first)),
        }
    }
}

/// The bytes of a chat request.
///
/// # Errors
/// The body is no JSON object.
pub fn chat_request(
    host: &str,
    path: &str,
    key: Option<&str>,
    body: &str,
    stream: bool,
) -> anyhow::Result<Arc<[u8]>> {
    let mut value: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(body).context("the body is no JSON object")?;
    if stream {
        value.insert("stream".to_owned(), true.into());
    }
    let body = serde_json::to_string(&value)?;
    let key = key.map_or_else(String::new, |key| {
        format!("authorization: Bearer {key}\r\n")
    });
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{key}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    Ok(Arc::from(request.into_bytes()))
}

/// Sends it all.
///
/// # Errors
/// A driver's task failed; failures of the other side are outcomes.
pub async fn run(plan: &LoadPlan) -> anyhow::Result<LoadResult> {
    let left = Arc::new(AtomicU64::new(plan.requests));
    let mut drivers = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..plan.concurrency {
        drivers.spawn(drive(plan.clone(), Arc::clone(&left), begin));
    }
    let mut all = LoadResult::new()?;
    while let Some(driven) = drivers.join_next().await {
        all.merge(&driven??)?;
    }
    all.wall = begin.elapsed();
    Ok(all)
}

async fn drive(plan: LoadPlan, left: Arc<AtomicU64>, begin: Instant) -> anyhow::Result<LoadResult> {
    let mut result = LoadResult::new()?;
    let mut client = Client::new(plan.address);
    let take = |n: u64| n.checked_sub(1);
    while let Ok(remaining) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
        let began = match plan.rate {
            Some(rate) => {
                let number = plan.requests.saturating_sub(remaining);
                let due = begin + Duration::from_secs(number) / rate.max(1);
                tokio::time::sleep_until(due.into()).await;
                due
            }
            None => Instant::now(),
        };
        let reply = client.exchange(&plan.request).await;
        let took = nanos(began.elapsed());
        let outcome = match reply {
            Ok(reply) => {
                if reply.is_success() {
                    result.whole.saturating_record(took);
                    if let Some(first) = reply.first_event {
                        let first = nanos(first.duration_since(began));
                        result.first.saturating_record(first);
                    }
                }
                reply.outcome()
            }
            Err(_broken) => "connection".to_owned(),
        };
        *result.outcomes.entry(outcome).or_default() += 1;
    }
    Ok(result)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{Mock, MockConfig};

    const BODY: &str = r#"{"model":"auto","messages":[{"role":"user","content":"hi"}]}"#;

    async fn driven(mock: &Mock, stream: bool) -> LoadSummary {
        let host = mock.address().to_string();
        let request = chat_request(&host, "/v1/chat/completions", None, BODY, stream).unwrap();
        let plan = LoadPlan {
            address: mock.address(),
            request,
            concurrency: 4,
            requests: 100,
            rate: None,
        };
        run(&plan).await.unwrap().summary()
    }

    #[tokio::test]
    async fn a_rate_is_kept() {
        let mock = Mock::start().await.unwrap();
        let host = mock.address().to_string();
        let request = chat_request(&host, "/v1/chat/completions", None, BODY, false).unwrap();
        let plan = LoadPlan {
            address: mock.address(),
            request,
            concurrency: 4,
            requests: 100,
            rate: Some(1_000),
        };
        let result = run(&plan).await.unwrap();
        assert_eq!(result.whole.len(), 100);
        // The last of 100 is due after 99 ms; slower machines take longer, none may be faster.
        assert!(
            result.wall >= Duration::from_millis(99),
            "{:?}",
            result.wall
        );
    }

    #[tokio::test]
    async fn driver_and_mock_agree_on_what_happened() {
        let mock = Mock::start().await.unwrap();
        let whole = driven(&mock, false).await;
        assert_eq!(
            (whole.succeeded, whole.outcomes.get("200")),
            (100, Some(&100))
        );
        assert!(whole.first_us.is_none());
        let counts = mock.counts();
        assert_eq!((counts.requests, counts.answered), (100, 100));
        assert_eq!(counts.completion_tokens, 1_600);
        let streamed = driven(&mock, true).await;
        assert_eq!(streamed.outcomes.get("200"), Some(&100), "{streamed:?}");
        assert!(streamed.first_us.is_some());
        assert_eq!(mock.counts().answered, 200);
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = MockConfig {
            fail_ratio: 0.25,
            ..MockConfig::default()
        };
        let mock = Mock::start_with(any, config).await.unwrap();
        let summary = driven(&mock, false).await;
        assert_eq!(summary.outcomes.get("503"), Some(&25));
        assert_eq!((summary.succeeded, mock.counts().refused), (75, 25));
    }
}
