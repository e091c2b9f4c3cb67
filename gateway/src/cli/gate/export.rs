//! `moegate gate export`: judged requests as a data set for the trainer.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use gate_learn::ledger_set::{self, LedgerCandidate, LedgerFeatures, LedgerRow};
use units::{TenantId, Timestamp};

use super::{Opened, instant, wait};
use crate::cli::{ConfigArgs, say};
use crate::evidence::{self, Evidence};
use crate::gates::kept_out;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The folder to make; it must not be there.
    #[arg(long)]
    out: PathBuf,
    /// Of this tenant; may be given again. All that agree where none is given.
    #[arg(long = "tenant")]
    tenants: Vec<TenantId>,
    /// Requests from this instant on, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// Seed of the split, as in `moegate gate retrain`.
    #[arg(long, default_value_t = 20_261_125)]
    seed: u64,
}

pub(super) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let found = wait(async {
        let opened = Opened::open(config).await?;
        let since = args.since.unwrap_or_default();
        let (store, captures) = (opened.store.as_ref(), &opened.captures);
        Ok(evidence::read(store, captures, &args.tenants, since).await?)
    })?;
    let rows: Vec<LedgerRow> = found
        .evidence
        .iter()
        .map(|one| row(one, args.seed))
        .collect();
    ledger_set::write(&args.out, &rows)?;
    say(format_args!(
        "{} judged requests in {}; {} without features and {} unreadable ones are left out",
        rows.len(),
        args.out.display(),
        found.without_features,
        found.unreadable,
    ));
    Ok(ExitCode::SUCCESS)
}

fn row(one: &Evidence, seed: u64) -> LedgerRow {
    let judged = &one.judged;
    let held = kept_out(one.features.digest, seed);
    let share = |ppm: ledger::Ppm| f64::from(ppm.get()) / 1e6;
    let candidates = judged.decision.candidates.iter();
    LedgerRow {
        request: judged.request.to_string(),
        at: judged.started.unix_nanos(),
        tenant: judged.tenant.to_string(),
        scenario: judged.scenario.to_string(),
        split: if held { "dev" } else { "train" }.to_owned(),
        expert: judged.answered_by.to_string(),
        quality: one.score(),
        source: one.verdict.source.as_str().to_owned(),
        gate: judged.decision.gate_version.to_string(),
        reason: judged.decision.reason.to_string(),
        candidates: candidates
            .map(|row| LedgerCandidate {
                expert: row.expert.to_string(),
                quality: share(row.quality),
                propensity: share(row.propensity),
                cost_pico: row.cost.and_then(|cost| i64::try_from(cost.get()).ok()),
                latency_ns: row.latency.map(units::Nanos::get),
            })
            .collect(),
        output_tokens: judged.output_tokens.map(units::Tokens::get),
        latency_ns: judged.latency.map(units::Nanos::get),
        features: LedgerFeatures::of(&one.features),
    }
}
