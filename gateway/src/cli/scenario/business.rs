//! `moegate scenario case|verdict`: what people say of a scenario, joined with what was measured.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use ledger_store::Finance;
use serde_json::json;
use units::{Clock, ScenarioId, TenantId};

use super::super::ledger::ByArgs;
use super::super::{Table, runtime, say};
use crate::app::open_store;
use crate::business::{self, BusinessCase, Judge, Standing};
use crate::clock::SystemClock;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct CaseArgs {
    #[command(subcommand)]
    command: CaseCommand,
}

#[derive(Debug, Subcommand)]
enum CaseCommand {
    /// Put a new version of a case, out of a TOML file.
    Put(PutArgs),
    /// Print the last version of a case as JSON.
    Show {
        /// The tenant.
        #[arg(long)]
        tenant: TenantId,
        /// The scenario.
        #[arg(long)]
        scenario: ScenarioId,
    },
}

#[derive(Debug, Args)]
struct PutArgs {
    /// The tenant.
    #[arg(long)]
    tenant: TenantId,
    /// The scenario.
    #[arg(long)]
    scenario: ScenarioId,
    /// The case; `deploy/examples/case.toml` explains each line.
    #[arg(long)]
    file: PathBuf,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn case(config: &Config, args: &CaseArgs) -> anyhow::Result<ExitCode> {
    runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        match &args.command {
            CaseCommand::Put(put) => {
                known(config, &put.tenant)?;
                let text = std::fs::read_to_string(&put.file)
                    .with_context(|| put.file.display().to_string())?;
                let case = BusinessCase::from_toml(&text)?;
                let body = serde_json::to_string(&case)?;
                let (tenant, scenario) = (put.tenant.clone(), put.scenario.clone());
                let version = store
                    .put_case(tenant, scenario, body, put.by.author()?)
                    .await?;
                say(format_args!(
                    "case of {} is at version {version}",
                    put.scenario
                ));
            }
            CaseCommand::Show { tenant, scenario } => {
                let cases = store.cases(Some(tenant.clone())).await?;
                let found = cases.into_iter().find(|case| case.scenario == *scenario);
                say(found
                    .with_context(|| format!("scenario {scenario} has no case"))?
                    .body);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn known(config: &Config, tenant: &TenantId) -> anyhow::Result<()> {
    let known = config.tenants.iter().any(|one| one.id == *tenant);
    ensure!(known, "the configuration has no tenant {tenant}");
    Ok(())
}

#[derive(Debug, Args)]
pub(super) struct VerdictArgs {
    /// The tenant.
    #[arg(long)]
    tenant: TenantId,
    /// One scenario only.
    #[arg(long)]
    scenario: Option<ScenarioId>,
    /// Keep the verdicts, with --reason; nobody changes them afterwards.
    #[arg(long, requires = "reason")]
    record: bool,
    /// Who does it; the user of this machine where it is absent.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why it is recorded now.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// `table` or `json`.
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
}

pub(super) fn verdict(config: &Config, args: &VerdictArgs) -> anyhow::Result<ExitCode> {
    known(config, &args.tenant)?;
    let configured = business::configured(config, &args.tenant);
    let now = SystemClock::new().now();
    runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        let judge = Judge::default();
        let mut all =
            business::standings(&judge, store.as_ref(), &args.tenant, &configured, now).await?;
        all.retain(|one| args.scenario.as_ref().is_none_or(|id| one.scenario == *id));
        ensure!(!all.is_empty(), "there is no such scenario");
        if args.record {
            let by =
                ByArgs::new(args.by.clone(), args.reason.clone().unwrap_or_default()).author()?;
            for one in all.iter().filter(|one| one.judged.is_some()) {
                match business::record(store.as_ref(), one, by.clone()).await? {
                    Some(kept) => say(format_args!(
                        "{}: {} is verdict {}",
                        one.scenario, kept.verdict, kept.number
                    )),
                    None => say(format_args!(
                        "{}: recorded before from the same numbers",
                        one.scenario
                    )),
                }
            }
            return Ok(ExitCode::SUCCESS);
        }
        if args.format == "json" {
            let rows: Vec<_> = all.iter().map(as_json).collect();
            say(serde_json::to_string_pretty(&json!({"scenarios": rows}))?);
        } else {
            say(shown(&all));
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn as_json(one: &Standing) -> serde_json::Value {
    json!({
        "id": one.scenario,
        "verdict": one.judged.as_ref().map(|judged| judged.assessment.judgement.verdict),
        "judged": one.judged.as_deref(),
        "case_version": one.case.as_ref().map(|(record, _)| record.version),
        "cost_per_task": one.measured.cost_per_task,
        "known_cost": one.measured.known_cost,
        "quality": one.measured.judged.map(|judged| json!({
            "source": judged.source.as_str(), "cases": judged.count, "accepted": judged.accepted,
        })),
        "recorded": one.verdicts.last().map(|last| json!({"number": last.number, "verdict": last.verdict})),
    })
}

fn shown(all: &[Standing]) -> Table {
    let mut table = Table::new(&[
        "scenario",
        "verdict",
        ">P(NPV > 0)",
        ">a month",
        ">NPV",
        ">judged",
        ">recorded",
    ]);
    for one in all {
        let judged = one.judged.as_ref();
        let figure = |f: fn(&economics::case::Assessment) -> f64| {
            judged.map_or("unknown".to_owned(), |judged| {
                format!("{:.2}", f(&judged.assessment))
            })
        };
        table.row(vec![
            one.scenario.to_string(),
            judged
                .map_or("no case", |judged| {
                    business::word(judged.assessment.judgement.verdict)
                })
                .to_owned(),
            figure(|found| found.forecast.positive),
            figure(|found| found.monthly_benefit),
            figure(|found| found.npv),
            one.measured
                .judged
                .map_or(0, |judged| judged.count)
                .to_string(),
            one.verdicts
                .last()
                .map_or("none".to_owned(), |last| last.verdict.clone()),
        ]);
    }
    table
}
