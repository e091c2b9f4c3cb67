//! `moegate-train gate`: learns the gate from labelled text and from experts' outcomes, and measures it.
//!
//! `gate fit` goes down this list: [`corpus`] reads the data sets, [`outcomes`] what the experts did on them,
//! [`labels`] joins both, [`train`] fits the network on noisy copies ([`noise`]), [`pack`] turns it into a package,
//! [`tune`] mixes it with the lookup prior and calibrates it, [`measure`] reports it.

pub mod corpus;
pub mod encode;
pub mod labels;
pub mod measure;
pub mod network;
pub mod noise;
pub mod outcomes;
pub mod pack;
mod report;
pub mod sources;
pub mod train;
pub mod tune;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand};

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
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/data/gate-supplement.jsonl"))]
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
        Command::Fit(fit) => run_fit(fit),
    }
}

fn run_fit(args: &FitArgs) -> Result<()> {
    let mut corpus = corpus::read(&args.data, &args.supplement)?;
    let experts = labels::experts(args.experts.as_deref())?;
    let outcomes = outcomes::read(&args.outcomes, &experts)?;
    let labelled = labels::join(&mut corpus, &experts, &outcomes);
    let trained = train::fit(&corpus, experts.len(), args)?;
    let mut package = pack::package(&trained, &corpus, &experts, &labelled, args);
    tune::tune(&mut package, &corpus)?;
    let figures = measure::measure(&package, &corpus, args.seed)?;
    pack::record(&mut package, &figures)?;
    let time = measure::latency(&package, &corpus)?;
    let report = report::Report::new(&package, &corpus, &trained, &figures, time);
    write(&package, &report, &args.out)?;
    report::print(&figures, time)
}

/// Writes the package and the report into a folder beside `out` and renames it, so that none is ever half there.
fn write(package: &router::Package, report: &report::Report<'_>, out: &Path) -> Result<()> {
    let name = out
        .file_name()
        .context("--out names no folder")?
        .to_string_lossy();
    let fresh = out.with_file_name(format!(".{name}.new"));
    let old = out.with_file_name(format!(".{name}.old"));
    for stale in [&fresh, &old] {
        if stale.exists() {
            std::fs::remove_dir_all(stale).with_context(|| stale.display().to_string())?;
        }
    }
    std::fs::create_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    package.write(&fresh)?;
    let path = fresh.join("report.json");
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    if out.exists() {
        std::fs::rename(out, &old).with_context(|| out.display().to_string())?;
    }
    std::fs::rename(&fresh, out).with_context(|| out.display().to_string())?;
    if old.exists() {
        std::fs::remove_dir_all(&old).with_context(|| old.display().to_string())?;
    }
    Ok(())
}
