//! What a plugin costs through the gateway: its CPU time for a request that an expert plugin answers, in turns with the same
//! request answered by a remote.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::server::Server;
use super::{GatewayPlan, Line, Way, drive, line, metered, moegate, per_request, settle};
use crate::plugin;

/// The figures, each a median over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct PluginThrough {
    /// Requests of a round and kind.
    pub requests: u64,
    /// Rounds.
    pub rounds: u32,
    /// CPU time of the gateway for a request that a plugin answers, the guest and the booking included, µs.
    pub plugin_cpu_us: f64,
    /// The same for one that a remote answers, µs.
    pub remote_cpu_us: f64,
    /// What the ledger says after the load.
    pub booked: String,
}

/// Measures.
///
/// # Errors
/// A server does not start, the plugin cannot be installed, or a request fails.
pub async fn measure(plan: &GatewayPlan, guest: &Path) -> anyhow::Result<PluginThrough> {
    let folder = tempfile::tempdir().context("a folder for the servers")?;
    let mock = Server::mock(&plan.bench).await?;
    moegate::configure(plan, folder.path(), &[mock.address])?;
    moegate::install(plan, folder.path(), guest).await?;
    let (gateway, key) = moegate::start(plan, folder.path(), &[mock.address]).await?;
    let asked = |model: &str| {
        let body = plugin::request(model);
        let plan = GatewayPlan {
            body,
            ..plan.clone()
        };
        line(
            &plan,
            Way::Moegate,
            gateway.address,
            Some(&key),
            Some(gateway.family()),
        )
    };
    let remote = moegate::first_expert(&plan.gate)?;
    let lines = [asked("bench.echo")?, asked(&remote)?];
    for line in &lines {
        drive(line, plan.concurrency, plan.requests / 10 + 1, None).await?;
        settle(line).await?;
    }
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..plan.rounds {
        for (line, found) in lines.iter().zip(&mut found) {
            found.push(cpu(plan, line).await?);
        }
    }
    let booked = moegate::booked(plan, folder.path()).await?;
    for server in [gateway, mock] {
        server.stop().await?;
    }
    let [plugin_cpu_us, remote_cpu_us] = found.map(median);
    Ok(PluginThrough {
        requests: plan.requests,
        rounds: plan.rounds,
        plugin_cpu_us,
        remote_cpu_us,
        booked,
    })
}

async fn cpu(plan: &GatewayPlan, line: &Line) -> anyhow::Result<f64> {
    let (load, cpu) = metered(line, plan, None).await?;
    per_request(cpu, &load).context("the CPU time is not known")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
