//! The gate that is shipped: fitted to the demo's data sets and to what the shipped experts did on their dev rows.

pub mod corpus;
pub mod labels;
pub mod measure;
pub mod outcomes;
pub mod report;
pub mod sources;

use std::path::PathBuf;

use anyhow::{Result, bail};
use router::Gate;

use crate::encode::BUCKET_BITS;
use crate::evaluate::Quantiles;
use crate::fit::{FitOptions, Fitted};
use crate::parts::PartOptions;
use crate::table::{Fold, OutcomeTable};
use crate::train::{NetworkOptions, Stop};
use crate::{Watch, fit};
use corpus::Corpus;
use labels::Labelled;
use measure::Figures;
use report::Report;

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
    let mut table = corpus.table(&experts, &outcomes)?;
    table.sources.extend(labelled.sources());
    let fitted = learn(&corpus, &table, &labelled, options, watch)?;
    let mut package = fitted.package;
    let figures = measure::measure(&package, &corpus, options.seed)?;
    let serde_json::Value::Object(map) = serde_json::to_value(&figures)? else {
        bail!("figures are no object");
    };
    package.manifest.metrics = map;
    let time = measure::latency(&package, &corpus)?;
    let report = Report::new(&package, &corpus, &fitted.curve, &figures, time);
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    crate::folder::write(&package, &[("report.json", text.as_bytes())], &options.out)?;
    Ok((figures, time))
}

/// The fit itself: the network alone, which the many labels without an outcome suit, and the threshold of what is
/// outside.
pub fn learn(
    corpus: &Corpus,
    table: &OutcomeTable,
    labelled: &Labelled,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Fitted> {
    let fit_options = FitOptions {
        name: "demo".to_owned(),
        version: options.version.clone(),
        labels: labelled.origin.clone(),
        parts: PartOptions {
            network: NetworkOptions {
                bits: BUCKET_BITS,
                epochs: options.epochs,
                seed: options.seed,
                stop: Stop::All,
            },
            wide: None,
        },
        folds: 0,
        tune_fold: true,
    };
    let mut fitted = fit::fit(table, &fit_options, watch)?;
    let gate = Gate::from_package(&fitted.package)?;
    fitted.package.manifest.ood_threshold = threshold(&gate, corpus)?;
    Ok(fitted)
}

/// Share of inside texts that may be taken for outside ones.
const FALSE_ALARMS: f32 = 0.015;
/// Texts of tomorrow differ more from those of training than the tune fold does: a lower threshold would turn many away.
const LEAST_THRESHOLD: f32 = 0.3;

/// The probability above which `FALSE_ALARMS` of the inside texts lie, at most where the outside ones are best parted.
fn threshold(gate: &Gate, corpus: &Corpus) -> Result<f32> {
    let mut inside = Vec::new();
    measure::each_reading(gate, corpus, Fold::Tune, |row, reading| {
        if !row.outside {
            inside.push(reading.out_of_distribution());
        }
    })?;
    inside.sort_by(f32::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (inside.len() as f32 * (1.0 - FALSE_ALARMS)) as usize;
    let found = inside.get(place).copied().unwrap_or(0.5);
    Ok(found.clamp(LEAST_THRESHOLD, 0.95))
}
