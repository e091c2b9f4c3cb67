//! `bench replay`.

use std::path::PathBuf;

use bench::gateway::GatewayPlan;
use bench::machine::Circumstances;
use bench::replay::ReplayPlan;
use clap::Args;

use super::{body, write};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The gateway's release binary.
    #[arg(long, default_value = "target/release/moegate")]
    moegate_bin: PathBuf,
    /// The gate package.
    #[arg(long, default_value = "deploy/gate")]
    gate: PathBuf,
    /// Seconds of traffic.
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// Requests a second of it.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// How many times faster than that it is sent.
    #[arg(long, default_value_t = 1)]
    speed: u32,
    /// Share of the clients that leave before their answer is whole.
    #[arg(long, default_value_t = 0.1)]
    aborts: f64,
    /// Where the result is written; nowhere if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: &ReplayArgs) -> anyhow::Result<String> {
    let circumstances = Circumstances::now();
    let gateway = GatewayPlan {
        moegate: args.moegate_bin.clone(),
        bench: std::env::current_exe()?,
        nginx: PathBuf::new(),
        gate: args.gate.clone(),
        threads: 1,
        rounds: 0,
        requests: 0,
        concurrency: 0,
        rate: 0,
        singles: 0,
        body: body(None)?,
        stream: false,
    };
    let plan = ReplayPlan {
        gateway,
        requests: args.seconds.saturating_mul(args.rate.into()),
        rate: args.rate.saturating_mul(args.speed.max(1)),
        connections: 64,
        aborts: args.aborts,
        refusals: [0.08, 0.02],
    };
    let found = bench::replay::run(&plan).await?;
    let said = serde_json::to_string_pretty(&found)?;
    let holds = found.equal && found.breaks.is_empty();
    if let Some(out) = &args.out {
        write(out, circumstances, found)?;
    }
    anyhow::ensure!(
        holds,
        "the ledger is not what the upstreams counted: {said}"
    );
    Ok(format!("{said}\n"))
}
