//! The gate that is shipped: fitted to the demo's data sets and to what the shipped experts did on their dev rows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use router::Package;

use crate::measure::{Figures, Quantiles};
use crate::report::Report;
use crate::{Watch, corpus, labels, measure, outcomes, pack, train, tune};

/// The labelled prompts that come with this crate.
pub const SUPPLEMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/gate-supplement.jsonl");

/// What the shipped gate is fitted to, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of data sets, one folder each.
    pub data: PathBuf,
    /// The folder of outcomes, one `<expert>.jsonl` each; experts without one are taken at their card's word.
    pub outcomes: PathBuf,
    /// The folder of expert packages, for the cards.
    pub experts: Option<PathBuf>,
    /// More labelled prompts, as JSON lines.
    pub supplement: PathBuf,
    /// The folder to write `gate.json`, `gate.safetensors` and `report.json` into.
    pub out: PathBuf,
    /// Seed of every random choice.
    pub seed: u64,
    /// Passes over the data at most; training stops early when the tune fold no longer improves.
    pub epochs: u32,
    /// Version written into the package.
    pub version: String,
}

/// Fits, tunes and measures the gate, and writes it with its report.
pub fn fit(options: &Options, watch: &dyn Watch) -> Result<(Figures, Quantiles)> {
    let mut corpus = corpus::read(&options.data, &options.supplement)?;
    let experts = labels::experts(options.experts.as_deref())?;
    let outcomes = outcomes::read(&options.outcomes, &experts)?;
    let labelled = labels::join(&mut corpus, &experts, &outcomes);
    let trained = train::fit(&corpus, experts.len(), options, watch)?;
    let mut package = pack::package(&trained, &corpus, &experts, &labelled, options);
    tune::tune(&mut package, &corpus, watch)?;
    let figures = measure::measure(&package, &corpus, options.seed)?;
    pack::record(&mut package, &figures)?;
    let time = measure::latency(&package, &corpus)?;
    let report = Report::new(&package, &corpus, &trained, &figures, time);
    write(&package, &report, &options.out)?;
    Ok((figures, time))
}

/// Writes the package and the report into a folder beside `out` and renames it, so that none is ever half there.
fn write(package: &Package, report: &Report<'_>, out: &Path) -> Result<()> {
    let name = out
        .file_name()
        .context("the folder to write into has no name")?
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
