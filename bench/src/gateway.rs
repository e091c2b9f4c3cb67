//! The gateway beside nginx: the same mock, the same load, in turns within one run, so that only
//! ratios are read and noise hits both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::load::{self, LoadPlan, LoadResult, chat_request};
use crate::process::Family;

pub(crate) mod moegate;
mod nginx;
mod plugin;
mod report;
pub(crate) mod server;

pub use plugin::{PluginThrough, measure as with_plugin};
pub use report::{Comparison, Round};

use server::Server;

/// What is compared and how long.
#[derive(Debug, Clone)]
pub struct GatewayPlan {
    /// The gateway's release binary.
    pub moegate: PathBuf,
    /// This program, for the mock in a process of its own.
    pub bench: PathBuf,
    /// The nginx binary.
    pub nginx: PathBuf,
    /// The gate package.
    pub gate: PathBuf,
    /// Runtime threads of the gateway; nginx has one worker.
    pub threads: u32,
    /// Rounds; each measures every server once.
    pub rounds: u32,
    /// Requests of a round and server.
    pub requests: u64,
    /// Connections under load.
    pub concurrency: u32,
    /// Requests a second at which the CPU time of both is compared.
    pub rate: u32,
    /// Requests of a round and server one at a time, for latency.
    pub singles: u64,
    /// The body of a request, with `model` set to `auto`.
    pub body: String,
    /// Whole answers or streams.
    pub stream: bool,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Straight to the mock.
    Direct,
    /// Through nginx as a plain reverse proxy.
    Nginx,
    /// Through the gateway.
    Moegate,
}

/// One way to the mock.
struct Line {
    way: Way,
    address: SocketAddr,
    request: Arc<[u8]>,
    family: Option<Family>,
}

/// Runs the comparison.
///
/// # Errors
/// A server does not start, or a request fails: figures of failing servers are worth nothing.
pub async fn compare(plan: &GatewayPlan) -> anyhow::Result<Comparison> {
    let folder = tempfile::tempdir().context("a folder for the servers")?;
    let mock = Server::mock(&plan.bench).await?;
    let nginx = nginx::start(&plan.nginx, folder.path(), mock.address).await?;
    let (gateway, key) = moegate::start(plan, folder.path(), &[mock.address]).await?;
    let lines = [
        line(plan, Way::Direct, mock.address, None, None)?,
        line(plan, Way::Nginx, nginx.address, None, Some(nginx.family()))?,
        line(
            plan,
            Way::Moegate,
            gateway.address,
            Some(&key),
            Some(gateway.family()),
        )?,
    ];
    let idle = gateway.family().resident()?;
    let mut comparison = Comparison::new(plan, idle);
    for line in &lines {
        // Connections, caches and allocators are filled before anything counts.
        drive(line, plan.concurrency, plan.requests / 10 + 1, None).await?;
        settle(line).await?;
    }
    for number in 0..plan.rounds {
        for line in turn(&lines, number) {
            let round = round(plan, line).await?;
            comparison.add(line.way, round);
        }
    }
    comparison.resident_loaded = gateway.family().resident()?;
    comparison.booked = moegate::booked(plan, folder.path()).await?;
    for server in [gateway, nginx, mock] {
        server.stop().await?;
    }
    Ok(comparison)
}

fn line(
    plan: &GatewayPlan,
    way: Way,
    address: SocketAddr,
    key: Option<&str>,
    family: Option<Family>,
) -> anyhow::Result<Line> {
    let host = address.to_string();
    let path = "/v1/chat/completions";
    let request = chat_request(&host, path, key, &plan.body, plan.stream)?;
    Ok(Line {
        way,
        address,
        request,
        family,
    })
}

/// The lines in an order that changes from round to round, so that none is always first.
fn turn(lines: &[Line; 3], number: u32) -> impl Iterator<Item = &Line> {
    let from = usize::try_from(number).unwrap_or(0) % lines.len();
    lines.iter().cycle().skip(from).take(lines.len())
}

async fn round(plan: &GatewayPlan, line: &Line) -> anyhow::Result<Round> {
    let (loaded, cpu) = metered(line, plan, None).await?;
    let (paced, paced_cpu) = metered(line, plan, Some(plan.rate)).await?;
    let single = drive(line, 1, plan.singles, None).await?;
    settle(line).await?;
    Ok(Round {
        cpu_us: per_request(cpu, &loaded),
        paced_cpu_us: per_request(paced_cpu, &paced),
        loaded: loaded.summary(),
        paced: paced.summary(),
        single: single.summary(),
    })
}

/// A load and the CPU time that it cost the server, what it put off included.
async fn metered(
    line: &Line,
    plan: &GatewayPlan,
    rate: Option<u32>,
) -> anyhow::Result<(LoadResult, Option<Duration>)> {
    let before = line.family.map(Family::cpu).transpose()?;
    let requests = match rate {
        Some(_) => plan.requests / 2 + 1,
        None => plan.requests,
    };
    let loaded = drive(line, plan.concurrency, requests, rate).await?;
    settle(line).await?;
    let after = line.family.map(Family::cpu).transpose()?;
    let cpu = after.zip(before);
    Ok((
        loaded,
        cpu.map(|(after, before)| after.saturating_sub(before)),
    ))
}

fn per_request(cpu: Option<Duration>, load: &LoadResult) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of requests, far below 2^52"
    )]
    let requests = load.whole.len().max(1) as f64;
    cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / requests)
}

async fn drive(
    line: &Line,
    concurrency: u32,
    requests: u64,
    rate: Option<u32>,
) -> anyhow::Result<LoadResult> {
    let plan = LoadPlan {
        address: line.address,
        request: Arc::clone(&line.request),
        concurrency,
        requests,
        rate,
    };
    let result = load::run(&plan).await?;
    ensure!(
        result.whole.len() == requests,
        "{:?}: only {} of {requests} requests succeeded: {:?}",
        line.way,
        result.whole.len(),
        result.outcomes
    );
    Ok(result)
}

/// Waits until the server has done what it puts off, such as booking: it counts too.
async fn settle(line: &Line) -> anyhow::Result<()> {
    let Some(family) = line.family else {
        return Ok(());
    };
    let mut last = family.cpu()?;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = family.cpu()?;
        if now.saturating_sub(last) < Duration::from_millis(2) {
            return Ok(());
        }
        last = now;
    }
    Ok(())
}

/// A path as text for a configuration file.
fn quoted(path: &Path) -> anyhow::Result<String> {
    let path = std::path::absolute(path)?;
    let text = path.to_str().context("a path that is no text")?;
    ensure!(!text.contains(['"', '\\']), "{text} cannot be quoted");
    Ok(format!("\"{text}\""))
}
