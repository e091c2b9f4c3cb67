//! `moegate-train gate`: the command line of the gate's learning, which is a crate of its own (`gate-learn`).

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use gate_learn::{report, shipped};

use crate::watch::Bar;

/// Arguments of `moegate-train gate`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a gate on domain and scenario labels and on experts' outcomes, and write its package and report.
    Fit(FitArgs),
}

/// Arguments of `moegate-train gate fit`.
#[derive(Debug, Clone, ClapArgs)]
pub struct FitArgs {
    /// The folder of data sets, one folder each.
    #[arg(long)]
    pub data: PathBuf,
    /// The folder of outcomes, one `<expert>.jsonl` each; experts without one are taken at their card's word.
    #[arg(long)]
    pub outcomes: PathBuf,
    /// The folder of expert packages, for the cards.
    #[arg(long)]
    pub experts: Option<PathBuf>,
    /// More labelled prompts, as JSON lines.
    #[arg(long, default_value = shipped::SUPPLEMENT)]
    pub supplement: PathBuf,
    /// The folder to write `gate.json`, `gate.safetensors` and `report.json` into.
    #[arg(long)]
    pub out: PathBuf,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 20_261_123)]
    pub seed: u64,
    /// Passes over the data at most; training stops early when the tune fold no longer improves.
    #[arg(long, default_value_t = 14)]
    pub epochs: u32,
    /// Version written into the package.
    #[arg(long, default_value = "0.1.0")]
    pub version: String,
}

/// Runs `moegate-train gate`.
pub fn run(args: &Args) -> Result<()> {
    match &args.command {
        Command::Fit(fit) => run_fit(fit.clone()),
    }
}

fn run_fit(args: FitArgs) -> Result<()> {
    let options = shipped::Options {
        data: args.data,
        outcomes: args.outcomes,
        experts: args.experts,
        supplement: args.supplement,
        out: args.out,
        seed: args.seed,
        epochs: args.epochs,
        version: args.version,
    };
    let (figures, time) = shipped::fit(&options, &Bar::default())?;
    for line in report::table(&figures, time) {
        crate::say(&line);
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&figures)?)?;
    Ok(())
}
