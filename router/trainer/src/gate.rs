//! `moegate-train gate`: the command line of the gate's learning, which is a crate of its own (`gate-learn`).

mod answers;
mod ledger;
mod stream;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, Subcommand};
use gate_learn::bench::{self, Task};
use gate_learn::fit::{self, FitOptions};
use gate_learn::join::{self, Newcomer};
use gate_learn::score::Score;
use gate_learn::sets::{self, SetName};
use gate_learn::table::Fold;
use gate_learn::{folder, shipped, summary};
use router::Package;
use units::ExpertId;

use crate::chart::{Axis, Chart, Series};
use crate::watch::Bar;

/// The set that a gateway exports.
const LEDGER: &str = "ledger";
/// Where a checkout keeps the gate that it ships.
const SHIPPED_GATE: &str = "deploy/gate";

/// Arguments of `moegate-train gate`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a gate and write its package and report: the shipped one from labelled data sets and experts' outcomes, or
    /// one from a public set of outcomes.
    Fit(FitArgs),
    /// Train a gate on a public set of outcomes and measure it beside its baselines; prints one JSON line.
    Bench(BenchArgs),
    /// Add an expert to a gate from 50 to 100 of its answers, without training the gate again.
    Join(JoinArgs),
    /// Make a candidate from the outcomes that a gateway has exported.
    Retrain(ledger::RetrainArgs),
    /// Replay a public set as a stream with late, missing and wrong judgements, and again with shuffled outcomes.
    Simulate(stream::SimulateArgs),
    /// Check off-policy estimates against the truth of a public set.
    OffPolicy(stream::OffPolicyArgs),
}

/// Arguments of `moegate-train gate fit`.
#[derive(Debug, Clone, ClapArgs)]
pub struct FitArgs {
    /// `demo`, the shipped gate; `ledger`, what a gateway has exported; or the name of a public set: routellm-mmlu,
    /// routellm-gsm8k, medagents-routing, llmrouter-9open, financemath-routing.
    #[arg(long, default_value = "demo")]
    pub set: String,
    /// The folder of data sets, one folder each; for a public set, its own folder.
    #[arg(long)]
    pub data: PathBuf,
    /// The folder of outcomes, one `<expert>.jsonl` each; experts without one are taken at their card's word. Only for
    /// `demo`.
    #[arg(long, required_if_eq("set", "demo"))]
    pub outcomes: Option<PathBuf>,
    /// The folder of expert packages, for the cards. Only for `demo`.
    #[arg(long)]
    pub experts: Option<PathBuf>,
    /// More labelled prompts, as JSON lines. Only for `demo`.
    #[arg(long, default_value = shipped::SUPPLEMENT)]
    pub supplement: PathBuf,
    /// The gate to start from. Only for `ledger`.
    #[arg(long, default_value = SHIPPED_GATE)]
    pub gate: PathBuf,
    /// The folder to write `gate.json`, `gate.safetensors` and `report.json` into.
    #[arg(long)]
    pub out: PathBuf,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 20_261_123)]
    pub seed: u64,
    /// Passes of the network over the data at most; training stops early when unseen rows no longer improve.
    #[arg(long)]
    pub epochs: Option<u32>,
    /// Version written into the package.
    #[arg(long, default_value = "0.1.0")]
    pub version: String,
}

/// Arguments of `moegate-train gate bench`.
#[derive(Debug, Clone, ClapArgs)]
pub struct BenchArgs {
    /// Name of the public set, or `ledger`, what a gateway has exported.
    #[arg(long)]
    pub set: String,
    /// The gate to start from. Only for `ledger`.
    #[arg(long, default_value = SHIPPED_GATE)]
    pub gate: PathBuf,
    /// Its folder: rows with split train are fitted to, rows with split dev are tuned on.
    #[arg(long)]
    pub train: PathBuf,
    /// A folder whose rows are all reported on; without it the dev rows are, and tuning uses folds of the train rows.
    #[arg(long)]
    pub test: Option<PathBuf>,
    /// The JSON file to write the report into; the picture goes beside it, with the ending `svg`.
    #[arg(long)]
    pub report: PathBuf,
    /// Seeds to fit with; the first is reported in full.
    #[arg(long, default_value_t = 1)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Leave out the learning curve and the stress tests, which fit the gate many times.
    #[arg(long)]
    pub quick: bool,
}

/// Arguments of `moegate-train gate join`.
#[derive(Debug, Clone, ClapArgs)]
pub struct JoinArgs {
    /// The folder of the gate.
    #[arg(long)]
    pub gate: PathBuf,
    /// Id of the expert that joins.
    #[arg(long)]
    pub expert: String,
    /// Its domain, one of the gate's.
    #[arg(long)]
    pub domain: String,
    /// Its answers, a JSON line each: `text`, `quality` from 0 to 1 (or `correct`), and where known `domain`,
    /// `output_tokens` and `latency_ns`.
    #[arg(long)]
    pub answers: PathBuf,
    /// The folder to write the gate into.
    #[arg(long)]
    pub out: PathBuf,
    /// Version written into the package.
    #[arg(long)]
    pub version: String,
}

/// Runs `moegate-train gate`.
pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Fit(args) if args.set == "demo" => fit_shipped(args),
        Command::Fit(args) if args.set == LEDGER => ledger::run(&ledger::RetrainArgs {
            gate: args.gate.clone(),
            data: args.data.clone(),
            out: args.out.clone(),
            seed: args.seed,
            version: args.version.clone(),
        }),
        Command::Fit(args) => fit_set(args),
        Command::Bench(args) if args.set == LEDGER => bench_ledger(args),
        Command::Bench(args) => run_bench(args),
        Command::Join(args) => run_join(args),
        Command::Retrain(args) => ledger::run(args),
        Command::Simulate(args) => stream::simulate(args),
        Command::OffPolicy(args) => stream::off_policy(args),
    }
}

fn fit_shipped(args: &FitArgs) -> Result<()> {
    let options = shipped::Options {
        data: args.data.clone(),
        outcomes: args
            .outcomes
            .clone()
            .context("--outcomes is needed for the set demo")?,
        experts: args.experts.clone(),
        supplement: args.supplement.clone(),
        out: args.out.clone(),
        seed: args.seed,
        epochs: args.epochs.unwrap_or(14),
        version: args.version.clone(),
    };
    let (figures, time) = shipped::fit(&options, &Bar::default())?;
    for line in shipped::report::table(&figures, time) {
        crate::say(&line);
    }
    print(&serde_json::to_string(&figures)?)
}

fn fit_set(args: &FitArgs) -> Result<()> {
    let set: SetName = args.set.parse().map_err(anyhow::Error::msg)?;
    let table = sets::read(set, &args.data)?;
    let mut options = FitOptions {
        version: args.version.clone(),
        ..FitOptions::for_table(&table, args.seed)
    };
    if let Some(epochs) = args.epochs {
        options.parts.network.epochs = epochs;
    }
    let fitted = fit::fit(&table, &options, &Bar::default())?;
    let report = serde_json::json!({
        "set": args.set,
        "version": args.version,
        "seed": args.seed,
        "rows": table.fold(Fold::Train).count(),
        "mix": format!("{:?}", fitted.mix),
        "losses": fitted.curve,
        "money": table.money,
    });
    let text = format!("{}\n", serde_json::to_string_pretty(&report)?);
    folder::write(
        &fitted.package,
        &[("report.json", text.as_bytes())],
        &args.out,
    )?;
    print(&serde_json::to_string(&report)?)
}

fn bench_ledger(args: &BenchArgs) -> Result<()> {
    let task = |seed| ledger::bench::Task {
        gate: &args.gate,
        train: &args.train,
        test: args.test.as_deref(),
        seed,
    };
    let seeds = args.seed..args.seed.saturating_add(args.seeds);
    let reports = seeds.map(|seed| ledger::bench::run(&task(seed)));
    let reports = reports.collect::<Result<Vec<_>>>()?;
    let first = reports.first().context("--seeds must be at least 1")?;
    for line in first.lines() {
        crate::say(&line);
    }
    write(
        &args.report,
        &format!("{}\n", serde_json::to_string_pretty(&reports)?),
    )?;
    print(&serde_json::to_string(first)?)
}

fn run_bench(args: &BenchArgs) -> Result<()> {
    if args.seeds == 0 {
        bail!("--seeds must be at least 1");
    }
    let set: SetName = args.set.parse().map_err(anyhow::Error::msg)?;
    let learned = sets::read(set, &args.train)?;
    let report = match &args.test {
        Some(test) => sets::align(&learned, &sets::read_for_report(set, test)?)?,
        None => learned.with_rows(learned.fold(Fold::Tune).cloned().collect()),
    };
    let task = Task {
        learned: &learned,
        report: &report,
        tune_fold: args.test.is_some(),
        seeds: (args.seed..args.seed.saturating_add(args.seeds)).collect(),
        stress: !args.quick,
    };
    let (report, _) = bench::run(&task, &Bar::default())?;
    for line in summary::lines(&report) {
        crate::say(&line);
    }
    write(
        &args.report,
        &format!("{}\n", serde_json::to_string_pretty(&report)?),
    )?;
    if let Some(chart) = chart(&report.set, &report.routers) {
        write(&args.report.with_extension("svg"), &chart.svg()?)?;
    }
    print(&serde_json::to_string(&summary::figures(&report))?)
}

fn run_join(args: &JoinArgs) -> Result<()> {
    let (package, _) = Package::read(&args.gate)?;
    let answers = answers::read(&args.answers, &package.manifest.domains)?;
    let newcomer = Newcomer {
        id: ExpertId::new(&args.expert)?,
        domain: args.domain.clone(),
    };
    let mut joined = join::join(&package, &newcomer, &answers)?;
    joined.manifest.version.clone_from(&args.version);
    folder::write(&joined, &[], &args.out)?;
    let line = serde_json::json!({"expert": args.expert, "answers": answers.len(), "experts": joined.manifest.experts.len()});
    print(&line.to_string())
}

/// Writes a file beside and renames it, so that it is never half there.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut name = path
        .file_name()
        .context("the report has no file name")?
        .to_os_string();
    name.push(".new");
    let fresh = path.with_file_name(name);
    std::fs::write(&fresh, text).with_context(|| fresh.display().to_string())?;
    std::fs::rename(&fresh, path).with_context(|| path.display().to_string())
}

fn print(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Quality over cost: a line for each router that trades them, a dot for each that does not. `None` where no cost is known.
fn chart(set: &str, scores: &[Score]) -> Option<Chart> {
    let series: Vec<Series> = scores
        .iter()
        .filter_map(|score| {
            let mut points: Vec<(f64, f64)> = score
                .curve
                .iter()
                .copied()
                .filter(|point| point.0 > 0.0)
                .collect();
            points.dedup();
            match points.len() {
                0 => None,
                1 => Some(Series::dots(&score.router, points)),
                _ => Some(Series::line(&score.router, points)),
            }
        })
        .collect();
    (!series.is_empty()).then(|| Chart {
        title: format!("{set}: quality over cost"),
        x: Axis::log("cost of 1,000 requests"),
        y: Axis::linear("mean quality"),
        series,
    })
}

#[cfg(test)]
mod tests;
