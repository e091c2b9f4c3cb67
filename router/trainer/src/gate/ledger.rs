//! `moegate-train gate retrain`: a candidate from a gateway's own outcomes, away from the gateway. The set holds features and
//! no texts, and of each request only the outcome of the expert that answered.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use gate_learn::folder;
use gate_learn::ledger_set::{self, LedgerRow};
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
    let (mut taught, mut held) = (Vec::new(), Vec::new());
    for (row, captured) in &rows {
        let lesson = lesson(row, captured).with_context(|| format!("request {}", row.request))?;
        let side = if row.split == "train" {
            &mut taught
        } else {
            &mut held
        };
        side.push(lesson);
    }
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
    let mean = |of: &[f64]| {
        of.iter().sum::<f64>() / f64::from(u32::try_from(of.len().max(1)).unwrap_or(1))
    };
    let line = json!({
        "set": "ledger", "seed": args.seed, "train": taught.len(), "dev": held.len(),
        "log_loss_before": mean(&before), "log_loss": mean(&after), "gain": gain,
        "figures": made.figures,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
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
    let tenant = TenantId::new("trainer")?;
    let unassigned = ScenarioId::unassigned();
    let mut scratch = Scratch::new();
    let mut losses = Vec::with_capacity(lessons.len());
    for lesson in lessons {
        let view = RequestView {
            scenario: Some(&lesson.scenario).filter(|id| **id != unassigned),
            ..RequestView::of_turns(&tenant, &[])
        };
        let reading = gate
            .recall(&lesson.features, &view, &mut scratch)
            .context("the set was captured with smaller tables than the gate's")?;
        let quality = reading.predict(&Candidate::new(&lesson.expert, "")).quality;
        let p = f64::from(quality).clamp(1e-4, 1.0 - 1e-4);
        let label = f64::from(lesson.quality);
        losses.push(-label * p.ln() - (1.0 - label) * (1.0 - p).ln());
    }
    Ok(losses)
}
