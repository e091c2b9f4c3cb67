//! The subcommands and their arguments.

mod replay;
mod worker;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bench::gateway::{GatewayPlan, compare};
use bench::ledger::LedgerPlan;
use bench::load::{self, LoadPlan, chat_request};
use bench::machine::Circumstances;
use bench::mock::{Mock, MockConfig};
use bench::plugin::PluginPlan;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

/// Measures Moegate. Every result is written with its command, commit and machine.
#[derive(Debug, Parser)]
#[command(name = "bench", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve as an OpenAI-compatible upstream until SIGTERM or Ctrl-C.
    Mock(MockArgs),
    /// Send requests and tell the times.
    Load(LoadArgs),
    /// Measure the gateway beside a plain proxy on the same mock, in turns.
    Gateway(GatewayArgs),
    /// Measure what a call of a plugin costs.
    Plugin(PluginArgs),
    /// Send an hour of traffic in which clients leave and upstreams refuse, and compare the ledger's tokens with theirs.
    Replay(replay::ReplayArgs),
    /// Measure how fast a worker writes, beside `transformers` and what the machine allows.
    Worker(worker::WorkerArgs),
    /// Measure the books: posting, settling, size, and every question of a page.
    Ledger(LedgerArgs),
}

#[derive(Debug, Args)]
struct LedgerArgs {
    /// Requests, spread over thirty days.
    #[arg(long, default_value_t = 10_000_000)]
    requests: u64,
    /// Folder of the file, which is removed at the end; a temporary one if absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Also prove the books.
    #[arg(long)]
    verify: bool,
    /// Where the result is written; nowhere if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PluginArgs {
    /// The compiler; absent: beside this program.
    #[arg(long)]
    compiler: Option<PathBuf>,
    /// The guest.
    #[arg(long, default_value = "plugins/prebuilt/bench-echo.wasm")]
    guest: PathBuf,
    /// Calls of each measurement.
    #[arg(long, default_value_t = 20_000)]
    calls: u32,
    /// Instances held alive.
    #[arg(long, default_value_t = 500)]
    held: u32,
    /// Where the result is written; nowhere if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct MockArgs {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9400")]
    listen: SocketAddr,
    /// Milliseconds before an answer that is not streamed.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Milliseconds before the first token of a stream.
    #[arg(long, default_value_t = 0)]
    ttft_ms: u64,
    /// Milliseconds before each later token.
    #[arg(long, default_value_t = 0)]
    token_ms: u64,
    /// Tokens of an answer.
    #[arg(long, default_value_t = 16)]
    tokens: u32,
    /// Share of requests that are refused with 503.
    #[arg(long, default_value_t = 0.0)]
    fail_ratio: f64,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// Where to send, such as `http://127.0.0.1:8080/v1/chat/completions`.
    #[arg(long)]
    url: String,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    concurrency: u32,
    /// Requests in all.
    #[arg(long, default_value_t = 10_000)]
    requests: u64,
    /// Requests a second over all connections; as fast as answers come where none is given.
    #[arg(long)]
    rate: Option<u32>,
    /// Ask for streams.
    #[arg(long)]
    stream: bool,
    /// A file with the JSON body; a body of 2 kB where none is given.
    #[arg(long)]
    body: Option<PathBuf>,
    /// The API key.
    #[arg(long, env = "MOEGATE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Where the result is written; nowhere if absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct GatewayArgs {
    /// What the gateway is measured against.
    #[arg(long, value_enum, default_value = "nginx")]
    against: Peer,
    /// The gateway's release binary.
    #[arg(long, default_value = "target/release/moegate")]
    moegate_bin: PathBuf,
    /// The nginx binary.
    #[arg(long, default_value = "nginx")]
    nginx_bin: PathBuf,
    /// The gate package.
    #[arg(long, default_value = "deploy/gate")]
    gate: PathBuf,
    /// Runtime threads of the gateway; nginx has one worker.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Rounds; each measures every server once.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Requests of a round and server.
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// Connections under load.
    #[arg(long, default_value_t = 16)]
    concurrency: u32,
    /// Requests a second at which the CPU time of both is compared.
    #[arg(long, default_value_t = 4_000)]
    rate: u32,
    /// Requests of a round and server one at a time, for latency.
    #[arg(long, default_value_t = 3_000)]
    singles: u64,
    /// Measure requests that an expert plugin answers, in turns with a remote, and not nginx. Its component.
    #[arg(long, value_name = "COMPONENT", num_args = 0..=1, default_missing_value = "plugins/prebuilt/bench-echo.wasm")]
    plugin: Option<PathBuf>,
    /// Ask for streams.
    #[arg(long)]
    stream: bool,
    /// A file with the JSON body; a body of 2 kB where none is given.
    #[arg(long)]
    body: Option<PathBuf>,
    /// Where the result is written.
    #[arg(long, default_value = "bench/results/gateway.json")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Peer {
    /// nginx as a plain reverse proxy with one worker.
    Nginx,
}

#[derive(Serialize)]
struct Written<T> {
    circumstances: Circumstances,
    result: T,
}

impl Cli {
    /// The mock and the driver need one thread: more would only disturb what is measured.
    pub(crate) fn runtime(&self) -> std::io::Result<Runtime> {
        Builder::new_current_thread().enable_all().build()
    }

    /// Runs the command and gives what is to be printed.
    pub(crate) async fn run(self) -> anyhow::Result<String> {
        match self.command {
            Command::Mock(args) => mock(&args).await,
            Command::Load(args) => drive(&args).await,
            Command::Gateway(args) => gateway(&args).await,
            Command::Plugin(args) => plugin(&args).await,
            Command::Replay(args) => replay::run(&args).await,
            Command::Worker(args) => worker::run(args).await,
            Command::Ledger(args) => books(&args).await,
        }
    }
}

async fn mock(args: &MockArgs) -> anyhow::Result<String> {
    let config = MockConfig {
        delay: Duration::from_millis(args.delay_ms),
        first_token: Duration::from_millis(args.ttft_ms),
        token: Duration::from_millis(args.token_ms),
        tokens: args.tokens,
        fail_ratio: args.fail_ratio,
    };
    let mock = Mock::start_with(args.listen, config).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::json!({"listening": mock.address()}))?;
    out.flush()?;
    let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = ended.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(format!("{}\n", serde_json::to_string(&mock.counts())?))
}

async fn plugin(args: &PluginArgs) -> anyhow::Result<String> {
    let circumstances = Circumstances::now();
    let beside = std::env::current_exe()?.with_file_name("moegate-plugin-compiler");
    let plan = PluginPlan {
        compiler: args.compiler.clone().unwrap_or(beside),
        guest: args.guest.clone(),
        calls: args.calls,
        held: args.held,
    };
    let figures = bench::plugin::measure(&plan).await?;
    let said = serde_json::to_string_pretty(&figures)?;
    if let Some(out) = &args.out {
        write(out, circumstances, figures)?;
    }
    Ok(format!("{said}\n"))
}

async fn books(args: &LedgerArgs) -> anyhow::Result<String> {
    let circumstances = Circumstances::now();
    let place = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }?;
    let plan = LedgerPlan {
        requests: args.requests,
        verify: args.verify,
    };
    let figures = bench::ledger::measure(&place.path().join("books.sqlite"), &plan).await?;
    let said = serde_json::to_string(&figures)?;
    if let Some(out) = &args.out {
        write(out, circumstances, figures)?;
    }
    Ok(format!("{said}\n"))
}

async fn drive(args: &LoadArgs) -> anyhow::Result<String> {
    let rest = args
        .url
        .strip_prefix("http://")
        .context("the url must start with http://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() {
        "/v1/chat/completions"
    } else {
        path
    };
    let address = tokio::net::lookup_host(host)
        .await?
        .next()
        .with_context(|| format!("{host} has no address"))?;
    let body = body(args.body.as_deref())?;
    let request = chat_request(host, path, args.key.as_deref(), &body, args.stream)?;
    let plan = LoadPlan {
        address,
        request,
        concurrency: args.concurrency,
        requests: args.requests,
        rate: args.rate,
    };
    let circumstances = Circumstances::now();
    let result = load::run(&plan).await?.summary();
    if let Some(out) = &args.out {
        write(out, circumstances, &result)?;
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&result)?))
}

async fn gateway(args: &GatewayArgs) -> anyhow::Result<String> {
    let Peer::Nginx = args.against;
    if args.rounds == 0 || args.requests == 0 || args.singles == 0 {
        bail!("rounds, requests and singles must be at least 1");
    }
    let plan = GatewayPlan {
        moegate: args.moegate_bin.clone(),
        bench: std::env::current_exe()?,
        nginx: args.nginx_bin.clone(),
        gate: args.gate.clone(),
        threads: args.threads,
        rounds: args.rounds,
        requests: args.requests,
        concurrency: args.concurrency,
        rate: args.rate,
        singles: args.singles,
        body: body(args.body.as_deref())?,
        stream: args.stream,
    };
    if let Some(guest) = &args.plugin {
        let found = bench::gateway::with_plugin(&plan, guest).await?;
        return Ok(format!("{}\n", serde_json::to_string_pretty(&found)?));
    }
    let circumstances = Circumstances::now();
    let comparison = compare(&plan).await?;
    write(&args.out, circumstances, &comparison)?;
    Ok(format!(
        "{}written to {}\n",
        comparison.table(),
        args.out.display()
    ))
}

/// The body of a request: a file's, or a customer's message of about 2 kB.
fn body(file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        }
        None => Ok(include_str!("../bodies/message.json").to_owned()),
    }
}

fn write<T: Serialize>(out: &Path, circumstances: Circumstances, result: T) -> anyhow::Result<()> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let written = Written {
        circumstances,
        result,
    };
    let mut text = serde_json::to_string_pretty(&written)?;
    text.push('\n');
    std::fs::write(out, text).with_context(|| format!("cannot write {}", out.display()))
}
