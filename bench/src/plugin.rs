//! What a call of a plugin costs: loading, one call after another, calls on two threads, and the memory of a live
//! instance, beside a bare instantiation and call with no limits in the same run.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use plugin_host::types::{Chat, Message, Role};
use plugin_host::{
    Boxed, Caller, CodeCache, CompileLimits, Compiler, Context as Clock, HostConfig, Limits,
    Metering, Plugin, PluginHost, PluginKind, Services,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use units::TenantId;

use crate::process::Family;

/// Calls before it is the other's turn.
const TURN: u32 = 1_000;

/// What is measured and how often.
#[derive(Debug, Clone)]
pub struct PluginPlan {
    /// The compiler's program.
    pub compiler: std::path::PathBuf,
    /// The guest: reads JSON, asks the host twice, answers JSON.
    pub guest: std::path::PathBuf,
    /// Calls of each measurement.
    pub calls: u32,
    /// Instances held alive for the memory of one.
    pub held: u32,
}

/// Times of many calls.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    /// Median, µs.
    pub p50_us: f64,
    /// 99th percentile, µs.
    pub p99_us: f64,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub struct PluginFigures {
    /// Bytes of the component.
    pub component_bytes: usize,
    /// Compiling, in its own process, ms.
    pub compile_ms: f64,
    /// Reading, checking the seal and loading the code.
    pub load: Times,
    /// One call after another: turn, instance, JSON, two host calls, drop.
    pub call: Times,
    /// The same by wasmtime alone in the same run, in turns with `call`: instance, JSON, two host calls, drop.
    pub bare: Times,
    /// CPU time of this process for such a call, µs, mean: what a gateway's CPU time for a plugin is to be compared with.
    pub call_cpu_us: f64,
    /// CPU time of the guest as booked, µs, median.
    pub booked_us: f64,
    /// Calls a second with eight in flight on two threads.
    pub per_second: f64,
    /// KiB of resident memory for each instance that waits in a host call.
    pub kib_per_instance: f64,
}

/// Two host calls: the clock, and the log of the host itself.
struct Now;

impl Clock for Now {
    fn who(&self) -> Caller {
        Caller {
            request_id: String::new(),
            user: None,
            locale: None,
            extra: String::new(),
        }
    }

    fn config(&self) -> String {
        "{}".to_owned()
    }

    fn now_ms(&self) -> u64 {
        1
    }

    fn random(&self, _count: u32) -> Vec<u8> {
        Vec::new()
    }
}

fn services() -> Services {
    Services {
        context: Some(Arc::new(Now)),
        ..Services::default()
    }
}

fn order() -> Chat {
    let lines: Vec<String> = (0..10)
        .map(|at| {
            format!(
                "{{\"name\":\"part {at}\",\"cents\":{},\"count\":{}}}",
                100 + at,
                1 + at % 4
            )
        })
        .collect();
    chat(format!("{{\"id\":7,\"lines\":[{}]}}", lines.join(",")))
}

fn chat(content: String) -> Chat {
    Chat {
        messages: vec![Message {
            role: Role::User,
            content,
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: String::new(),
        }],
        tools: Vec::new(),
        max_tokens: None,
        temperature: None,
        extra: String::new(),
    }
}

fn times(mut took: Vec<Duration>) -> Times {
    took.sort();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let place = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6)
    };
    Times {
        p50_us: at(0.5),
        p99_us: at(0.99),
    }
}

/// The same order as a request to a gateway.
pub(crate) fn request(model: &str) -> String {
    let content = order().messages.pop().map_or(String::new(), |m| m.content);
    serde_json::json!({"model": model, "messages": [{"role": "user", "content": content}]})
        .to_string()
}

/// Measures.
///
/// # Errors
/// The guest cannot be read, compiled, loaded or called.
pub async fn measure(plan: &PluginPlan) -> Result<PluginFigures> {
    let component = std::fs::read(&plan.guest).with_context(|| plan.guest.display().to_string())?;
    let dir = tempfile::tempdir()?;
    let began = Instant::now();
    let code = Compiler::new(&plan.compiler, CompileLimits::default())
        .compile(&component, Metering::Time)
        .await?;
    let compile_ms = began.elapsed().as_secs_f64() * 1e3;
    let host = Arc::new(PluginHost::start(HostConfig {
        threads: 2,
        per_plugin: usize::try_from(plan.held)?.max(64),
        per_tenant: usize::try_from(plan.held)?.max(64),
        ..HostConfig::default()
    })?);
    let of = Sha256::digest(&component).into();
    let cache = CodeCache::open(dir.path())?;
    cache.put(&of, Metering::Time, &code)?;
    let mut loads = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let loaded = cache.get(&host, &of)?.ok_or_else(|| anyhow!("no code"))?;
        loads.push(began.elapsed());
        drop(loaded);
    }
    let loaded = cache.get(&host, &of)?.ok_or_else(|| anyhow!("no code"))?;
    let plugin = Arc::new(Plugin::link(&host, &loaded, PluginKind::Expert)?);
    let tenant = TenantId::new("bench")?;
    let limits = Limits {
        wall: Duration::from_secs(30),
        ..Limits::PARTNER
    };
    let (mut calls, mut bare, mut booked) = (Vec::new(), Vec::new(), Vec::new());
    let own = Family {
        pid: std::process::id(),
    };
    let (mut cpu, mut since) = (Duration::ZERO, own.cpu()?);
    for at in 0..plan.calls {
        let asked = order();
        let began = Instant::now();
        let running = plugin.answer(&tenant, asked, limits, services());
        let meters = running.meters();
        running.await.map_err(|why| anyhow!("{why}"))?;
        calls.push(began.elapsed());
        booked.push(Duration::from_nanos(meters.cpu_ns()));
        // In turns of a thousand: one after the other, each would take the other's warm memory.
        if at % TURN == TURN - 1 {
            cpu += own.cpu()?.saturating_sub(since);
            for _ in 0..TURN {
                let asked = order();
                let began = Instant::now();
                let answered = plugin.answer_unbounded(&asked, services()).await;
                answered.map_err(|why| anyhow!("{why}"))?;
                bare.push(began.elapsed());
            }
            since = own.cpu()?;
        }
    }
    let per_second = throughput(&plugin, &tenant, limits, plan.calls).await?;
    let kib_per_instance = memory(&plugin, &tenant, limits, plan.held).await?;
    Ok(PluginFigures {
        component_bytes: component.len(),
        compile_ms,
        load: times(loads),
        call: times(calls),
        bare: times(bare),
        call_cpu_us: cpu.as_secs_f64() * 1e6 / f64::from((plan.calls / TURN * TURN).max(1)),
        booked_us: times(booked).p50_us,
        per_second,
        kib_per_instance,
    })
}

async fn throughput(
    plugin: &Arc<Plugin>,
    tenant: &TenantId,
    limits: Limits,
    calls: u32,
) -> Result<f64> {
    let mut clients = tokio::task::JoinSet::new();
    let began = Instant::now();
    for _ in 0..8 {
        let (plugin, tenant) = (Arc::clone(plugin), tenant.clone());
        let own = calls.div_euclid(8);
        clients.spawn(async move {
            for _ in 0..own {
                plugin.answer(&tenant, order(), limits, services()).await?;
            }
            Ok::<u32, plugin_host::CallError>(own)
        });
    }
    let mut done = 0_u32;
    while let Some(client) = clients.join_next().await {
        done = done.saturating_add(client?.map_err(|why| anyhow!("{why}"))?);
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}

/// An instance that waits: its clock never comes back.
struct Stuck(Arc<tokio::sync::Semaphore>);

impl plugin_host::Output for Stuck {
    fn emit(&self, _text: String) -> Boxed<'_, Result<(), plugin_host::types::Error>> {
        Box::pin(async {
            self.0.add_permits(1);
            std::future::pending().await
        })
    }
}

async fn memory(plugin: &Arc<Plugin>, tenant: &TenantId, limits: Limits, held: u32) -> Result<f64> {
    let before = resident_kib()?;
    // A call that is dropped at its start is no instance: those that run are counted by what they log.
    let mut running = Vec::new();
    let reached = Arc::new(tokio::sync::Semaphore::new(0));
    for _ in 0..held {
        let stuck = Services {
            output: Some(Arc::new(Stuck(Arc::clone(&reached)))),
            ..services()
        };
        running.push(plugin.answer(tenant, chat("{\"wait\":true}".to_owned()), limits, stuck));
    }
    let waiting = reached.acquire_many(held);
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .context("the instances do not wait")??
        .forget();
    let after = resident_kib()?;
    drop(running);
    Ok(f64::from(after.saturating_sub(before)) / f64::from(held.max(1)))
}

fn resident_kib() -> Result<u32> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
