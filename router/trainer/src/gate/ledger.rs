//! `moegate-train gate retrain`: a candidate from a gateway's own outcomes, away from the gateway. The set holds features and
//! no texts, and of each request only the outcome of the expert that answered.

pub(super) mod bench;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use gate_learn::folder;
use gate_learn::ledger_set::{self, LedgerRow};
use gate_learn::metrics;
use gate_learn::off_policy::Interval;
use gate_learn::resample;
use gate_learn::retrain::{Lesson, Options, retrain};
use router::{Candidate, Captured, Gate, Package, RequestView, Scratch};
use serde_json::json;
use units::{ExpertId, ScenarioId, TenantId};

/// Arguments of `moegate-train gate retrain`.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct RetrainArgs {
    /// The folder of the gate to start from.
    #[arg(long)]
    pub(super) gate: PathBuf,
    /// The folder that `moegate gate export` wrote. Its `train` rows are learned from, its `dev` rows judge.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// The folder to write the gate into.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 20_261_125)]
    pub(super) seed: u64,
    /// Version written into the package.
    #[arg(long)]
    pub(super) version: String,
}

/// Runs `gate retrain`: prints the figures on `dev` as lines and one JSON line.
pub(super) fn run(args: &RetrainArgs) -> Result<()> {
    let (live, _) = Package::read(&args.gate)?;
    let rows = ledger_set::read(&args.data)?;
    let (taught, held) = rows.iter().partition(|(row, _)| is_taught(row));
    let (taught, held) = (lessons(taught)?, lessons(held)?);
    let options = Options {
        seed: args.seed,
        version: args.version.clone(),
        domains: BTreeMap::new(),
    };
    let made = retrain(&live, &taught, &options)?;
    let before = losses(&live, &held)?;
    let after = losses(&made.package, &held)?;
    let gains: Vec<f64> = before.iter().zip(&after).map(|(a, b)| a - b).collect();
    let gain = resample::mean(&gains, 2_000, 0.95, args.seed);
    crate::say(&format!(
        "{} outcomes learned from, {} kept to judge; {} passes, weight of learning {:.2}",
        taught.len(),
        held.len(),
        made.figures.passes,
        made.figures.head_weight
    ));
    if let Some(Interval { value, low, high }) = gain {
        crate::say(&format!(
            "log loss on dev: {value:+.4} less than the gate before, {low:+.4} to {high:+.4}"
        ));
    }
    folder::write(&made.package, &[], &args.out)?;
    let line = json!({
        "set": "ledger", "seed": args.seed, "train": taught.len(), "dev": held.len(),
        "log_loss_before": mean(&before), "log_loss": mean(&after), "gain": gain,
        "figures": made.figures,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// A row of the set.
type Known = (LedgerRow, Captured);

fn is_taught(row: &LedgerRow) -> bool {
    row.split == "train"
}

fn lessons(rows: Vec<&Known>) -> Result<Vec<Lesson>> {
    let one = |(row, captured): &Known| {
        lesson(row, captured).with_context(|| format!("request {}", row.request))
    };
    rows.into_iter().map(one).collect()
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / metrics::count(of.len().max(1))
}

fn lesson(row: &LedgerRow, captured: &Captured) -> Result<Lesson> {
    #[expect(clippy::cast_possible_truncation, reason = "a score needs no 64 bits")]
    let quality = row.quality as f32;
    let candidates = row.candidates.iter();
    Ok(Lesson {
        features: captured.clone(),
        scenario: ScenarioId::new(&row.scenario)?,
        expert: ExpertId::new(&row.expert)?,
        quality,
        output_tokens: row.output_tokens,
        candidates: candidates
            .map(|one| ExpertId::new(&one.expert))
            .collect::<Result<_, _>>()?,
    })
}

/// Log loss of each outcome by a package; experts it does not know count as even.
fn losses(package: &Package, lessons: &[Lesson]) -> Result<Vec<f64>> {
    let gate = Gate::from_package(package)?;
    let mut scratch = Scratch::new();
    let one = |lesson: &Lesson| {
        let said = qualities(
            &gate,
            lesson,
            std::slice::from_ref(&lesson.expert),
            &mut scratch,
        )?;
        Ok(log_loss(said.first().copied().unwrap_or(0.5), lesson))
    };
    lessons.iter().map(one).collect()
}

fn log_loss(quality: f32, lesson: &Lesson) -> f64 {
    let p = f64::from(quality).clamp(1e-4, 1.0 - 1e-4);
    let label = f64::from(lesson.quality);
    -label * p.ln() - (1.0 - label) * (1.0 - p).ln()
}

/// The quality that a gate predicts of each of these experts on a request.
fn qualities(
    gate: &Gate,
    lesson: &Lesson,
    experts: &[ExpertId],
    scratch: &mut Scratch,
) -> Result<Vec<f32>> {
    let tenant = TenantId::new("trainer")?;
    let unassigned = ScenarioId::unassigned();
    let view = RequestView {
        scenario: Some(&lesson.scenario).filter(|id| **id != unassigned),
        ..RequestView::of_turns(&tenant, &[])
    };
    let reading = gate
        .recall(&lesson.features, &view, scratch)
        .context("the set was captured with smaller tables than the gate's")?;
    let predict = |expert| reading.predict(&Candidate::new(expert, "")).quality;
    Ok(experts.iter().map(predict).collect())
}
