//! An hour of traffic with everything that goes wrong in one: clients that leave, upstreams that refuse, retries and
//! fallbacks. At its end the ledger must hold the tokens that the upstreams counted, to the token.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ledger::{Meter, RateBook};
use ledger_store::{Details, LedgerStore, Pricing, Reports, Span, SqlStore};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use units::{Bucket, Currency};

use crate::gateway::{GatewayPlan, moegate};
use crate::load::{Client, chat_request};
use crate::mock::{Counts, Mock, MockConfig};

/// The path of a request.
const PATH: &str = "/v1/chat/completions";
/// What the gateway reads on of an answer that nobody waits for, and some.
const DRAIN: Duration = Duration::from_secs(7);

/// What is sent, and what goes wrong.
#[derive(Debug, Clone)]
pub struct ReplayPlan {
    /// How the gateway is started.
    pub gateway: GatewayPlan,
    /// Requests in all.
    pub requests: u64,
    /// Requests a second.
    pub rate: u32,
    /// Connections, each with one request at a time.
    pub connections: u32,
    /// Share of the clients that leave before their answer is whole.
    pub aborts: f64,
    /// Share of the requests that each upstream refuses.
    pub refusals: [f64; 2],
}

/// Tokens of whole answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Input.
    pub input: u64,
    /// Output.
    pub output: u64,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// Requests sent.
    pub requests: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Answers by what they were; `left` are clients that did not wait.
    pub outcomes: BTreeMap<String, u64>,
    /// Requests in the ledger.
    pub booked_requests: u64,
    /// Attempts in the ledger: more than requests, by retries and fallbacks.
    pub booked_attempts: u64,
    /// Attempts that the upstreams refused.
    pub refused: u64,
    /// Streams that the upstreams saw break off.
    pub broken: u64,
    /// What the upstreams counted.
    pub upstream: Counted,
    /// What the ledger holds.
    pub ledger: Counted,
    /// Are they the same?
    pub equal: bool,
    /// What the proof of the books found.
    pub breaks: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// The gateway does not start, or its books cannot be read. Differences are figures, not errors.
pub async fn run(plan: &ReplayPlan) -> Result<Replayed> {
    ensure!(plan.rate > 0 && plan.requests > 0, "nothing is to be sent");
    let folder = tempfile::tempdir().context("a folder for the gateway")?;
    let mut mocks = Vec::with_capacity(plan.refusals.len());
    for fail_ratio in plan.refusals {
        let config = MockConfig {
            delay: Duration::from_millis(1),
            first_token: Duration::from_millis(1),
            token: Duration::from_millis(1),
            tokens: 6,
            fail_ratio,
        };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        mocks.push(Mock::start_with(any, config).await?);
    }
    let addresses: Vec<SocketAddr> = mocks.iter().map(Mock::address).collect();
    let (gateway, key) = moegate::start(&plan.gateway, folder.path(), &addresses).await?;
    let begun = Instant::now();
    let outcomes = send(plan, gateway.address, &key).await?;
    let seconds = begun.elapsed().as_secs_f64();
    tokio::time::sleep(DRAIN).await;
    gateway.stop().await?;
    let counts: Vec<Counts> = mocks.iter().map(Mock::counts).collect();
    let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum::<u64>();
    let upstream = Counted {
        input: sum(|c| c.prompt_tokens),
        output: sum(|c| c.completion_tokens),
    };
    let books = Books::read(folder.path()).await?;
    Ok(Replayed {
        requests: plan.requests,
        seconds,
        outcomes,
        booked_requests: books.requests,
        booked_attempts: books.attempts,
        refused: sum(|c| c.refused),
        broken: sum(|c| c.aborted),
        upstream,
        ledger: books.counted,
        equal: upstream == books.counted,
        breaks: books.breaks,
    })
}

/// What the ledger holds after the gateway has ended.
struct Books {
    requests: u64,
    attempts: u64,
    counted: Counted,
    breaks: Vec<String>,
}

impl Books {
    async fn read(folder: &Path) -> Result<Self> {
        let pricing = Pricing {
            rates: RateBook::new(Currency::USD, [])?,
            idle: BTreeMap::new(),
        };
        let file = folder.join("var/moegate.sqlite");
        let store = SqlStore::open(&file, pricing).await?;
        let always = Span {
            from: Bucket::from_index(0),
            to: Bucket::from_index(10_000_000),
        };
        let inputs = BTreeSet::from([Meter::InputUncached, Meter::CacheRead, Meter::CacheWrite]);
        let outputs = BTreeSet::from([Meter::OutputText, Meter::OutputReasoning]);
        let mut counted = Counted::default();
        for cell in store.costs(None, always, 96).await? {
            let tokens = u64::try_from(cell.quantity.get())?;
            if inputs.contains(&cell.meter) {
                counted.input += tokens;
            } else if outputs.contains(&cell.meter) {
                counted.output += tokens;
            }
        }
        let summaries = store.scenario_summaries(None, always).await?;
        let proof = store.verify().await?;
        let books = Self {
            requests: summaries.iter().map(|one| one.requests).sum(),
            attempts: summaries.iter().map(|one| one.attempts).sum(),
            counted,
            breaks: proof.breaks,
        };
        store.close().await?;
        Ok(books)
    }
}

async fn send(plan: &ReplayPlan, gateway: SocketAddr, key: &str) -> Result<BTreeMap<String, u64>> {
    let host = gateway.to_string();
    let body = &plan.gateway.body;
    let request = |stream| chat_request(&host, PATH, Some(key), body, stream);
    let requests = [request(false)?, request(true)?];
    let (next, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut drivers = JoinSet::new();
    for _ in 0..plan.connections {
        let driver = Driver {
            gateway,
            requests: requests.clone(),
            plan: plan.clone(),
            begun,
        };
        drivers.spawn(driver.run(Arc::clone(&next)));
    }
    let mut all = BTreeMap::new();
    while let Some(driven) = drivers.join_next().await {
        for (outcome, count) in driven? {
            *all.entry(outcome).or_default() += count;
        }
    }
    Ok(all)
}

/// One connection's worth of clients.
struct Driver {
    gateway: SocketAddr,
    /// A whole answer, and a stream.
    requests: [Arc<[u8]>; 2],
    plan: ReplayPlan,
    begun: Instant,
}

impl Driver {
    async fn run(self, next: Arc<AtomicU64>) -> BTreeMap<String, u64> {
        let mut outcomes = BTreeMap::new();
        let mut client = Client::new(self.gateway);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.plan.requests {
                return outcomes;
            }
            let due = self.begun + Duration::from_secs(number) / self.plan.rate.max(1);
            tokio::time::sleep_until(due.into()).await;
            let request = if unit(number, 1) < 0.5 {
                &self.requests[0]
            } else {
                &self.requests[1]
            };
            let outcome = if unit(number, 2) < self.plan.aborts {
                match self.leave(request, number).await {
                    Ok(()) => "left".to_owned(),
                    Err(_refused) => "connection".to_owned(),
                }
            } else {
                match client.exchange(request).await {
                    Ok(reply) => reply.outcome(),
                    Err(_broken) => "connection".to_owned(),
                }
            };
            *outcomes.entry(outcome).or_default() += 1;
        }
    }

    /// Sends a request on a connection of its own and closes it some time before the answer is whole, or just after.
    async fn leave(&self, request: &[u8], number: u64) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.gateway).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request).await?;
        let patience = Duration::from_secs_f64(unit(number, 3) * 0.012);
        let mut buffer = [0; 4_096];
        // Whatever comes until then is read, as a client would that leaves in the middle.
        let reading = async {
            while stream.read(&mut buffer).await? > 0 {}
            std::io::Result::Ok(())
        };
        match tokio::time::timeout(patience, reading).await {
            Ok(read) => read,
            Err(_left) => Ok(()),
        }
    }
}

/// A number from 0 up to 1 that a request draws for one purpose: the same in every run (Steele et al. 2014, splitmix64).
fn unit(number: u64, purpose: u64) -> f64 {
    let seed = number.wrapping_mul(8).wrapping_add(purpose);
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are left")]
    let share = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn draws_are_spread_and_repeat() {
        let few = (0..10_000).filter(|n| unit(*n, 2) < 0.1).count();
        assert!((900..1_100).contains(&few), "{few}");
        assert!((unit(7, 1) - unit(7, 1)).abs() < f64::EPSILON);
        assert!((unit(7, 1) - unit(7, 2)).abs() > f64::EPSILON);
    }
}
