//! `moegate scenario`: cost, latency and quality of each scenario, its case, and the verdict on it.

mod business;
mod examples;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use economics::verdict::Policy;
use ledger_store::{Reports, ScenarioSummary, Span};
use serde_json::json;
use units::{Bucket, Clock, Nanos, Pico, ScenarioId, TenantId, Timestamp};

use super::{ConfigArgs, Table, runtime, say};
use crate::app::open_store;
use crate::clock::SystemClock;

#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: ScenarioCommand,
}

#[derive(Debug, Subcommand)]
enum ScenarioCommand {
    /// Cost, latency and quality of each scenario.
    Report(ReportArgs),
    /// Put or show what a scenario is assumed to save and to cost.
    Case(business::CaseArgs),
    /// Judge scenarios that have a case, and record the verdict.
    Verdict(business::VerdictArgs),
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// One tenant only.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// One scenario only.
    #[arg(long)]
    scenario: Option<ScenarioId>,
    /// How many days back.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    days: u16,
    /// Judge the shipped examples instead, whose answers are known. Needs no configuration.
    #[arg(long, conflicts_with_all = ["tenant", "scenario"])]
    examples: bool,
    /// `table` or `json`.
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
}

pub(super) fn run(args: &ScenarioArgs) -> anyhow::Result<ExitCode> {
    let report = match &args.command {
        ScenarioCommand::Report(report) => report,
        ScenarioCommand::Case(case) => return business::case(&args.config.load()?, case),
        ScenarioCommand::Verdict(asked) => return business::verdict(&args.config.load()?, asked),
    };
    if report.examples {
        return judge_examples(report);
    }
    let config = args.config.load()?;
    let mut rows = runtime(Some(1))?.block_on(async {
        let store = open_store(&config).await?;
        let span = last_days(SystemClock::new().now(), report.days);
        anyhow::Ok(
            store
                .scenario_summaries(report.tenant.clone(), span)
                .await?,
        )
    })?;
    rows.retain(|row| {
        report
            .scenario
            .as_ref()
            .is_none_or(|wanted| row.scenario == *wanted)
    });
    if report.format == "json" {
        let rows: Vec<_> = rows.iter().map(as_json).collect();
        say(serde_json::to_string_pretty(&json!({"scenarios": rows}))?);
    } else {
        say(shown(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn judge_examples(report: &ReportArgs) -> anyhow::Result<ExitCode> {
    let policy = Policy::default();
    let judged = examples::all(&policy)?;
    if report.format == "json" {
        let report = examples::as_json(&judged, &policy);
        say(serde_json::to_string_pretty(&report)?);
    } else {
        say(examples::shown(&judged));
    }
    Ok(ExitCode::SUCCESS)
}

/// The span of the last days, the running bucket included.
pub fn last_days(now: Timestamp, days: u16) -> Span {
    let to = Bucket::of(now).next();
    let back = i64::from(days).saturating_mul(96);
    Span {
        from: Bucket::from_index(to.index().saturating_sub(back)),
        to,
    }
}

/// One row per tenant and scenario.
pub fn shown(rows: &[ScenarioSummary]) -> Table {
    let mut table = Table::new(&[
        "tenant",
        "scenario",
        ">requests",
        ">errors",
        "experts",
        ">cost/request",
        ">loaded/request",
        ">p50 ms",
        ">p99 ms",
        ">quality",
        ">judged",
        ">cost known",
    ]);
    for row in rows {
        let experts: Vec<String> = row
            .experts
            .iter()
            .map(|e| {
                let name = e.expert.as_ref().map_or("nobody", |id| id.as_str());
                format!("{name} {}", e.requests)
            })
            .collect();
        let quality = quality(row);
        table.row(vec![
            row.tenant.to_string(),
            row.scenario.to_string(),
            row.requests.to_string(),
            row.errors.to_string(),
            experts.join(", "),
            per_request(row.cost.marginal, row),
            per_request(row.cost.loaded, row),
            ms(row.p50),
            ms(row.p99),
            quality.map_or("unknown".to_owned(), |(mean, _)| format!("{mean:.3}")),
            quality.map_or("0".to_owned(), |(_, n)| n.to_string()),
            known_share(row).map_or("unknown".to_owned(), |share| {
                format!("{:.1} %", share * 100.0)
            }),
        ]);
    }
    table
}

/// Share of attempts whose cost is posted; `None` where nothing was tried or all wait.
pub fn known_share(row: &ScenarioSummary) -> Option<f64> {
    let settled = row.cost.known.saturating_add(row.cost.unknown);
    (settled > 0).then(|| ratio(row.cost.known, settled))
}

/// Mean score over all sources with the number of judgements.
pub fn quality(row: &ScenarioSummary) -> Option<(f64, u64)> {
    let count: u64 = row.quality.iter().map(|q| q.count).sum();
    let sum: u64 = row
        .quality
        .iter()
        .map(|q| u64::from(q.mean.get()).saturating_mul(q.count))
        .sum();
    (count > 0).then(|| (ratio(sum, count) / 1e6, count))
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shares are shown, not booked")]
    let share = part as f64 / whole as f64;
    share
}

/// Cost of one request with three significant digits; `unknown` where none is settled.
fn per_request(cost: Pico, row: &ScenarioSummary) -> String {
    if row.cost.known == 0 {
        return "unknown".to_owned();
    }
    dashboard::money_each(cost, row.requests).unwrap_or_else(|| "unknown".to_owned())
}

fn ms(time: Option<Nanos>) -> String {
    time.map_or("unknown".to_owned(), |t| {
        format!("{:.1}", t.to_duration().as_secs_f64() * 1e3)
    })
}

fn as_json(row: &ScenarioSummary) -> serde_json::Value {
    json!({
        "tenant": row.tenant,
        "scenario": row.scenario,
        "requests": row.requests,
        "errors": row.errors,
        "attempts": row.attempts,
        "experts": row.experts.iter().map(|e| json!({"expert": e.expert, "requests": e.requests}))
            .collect::<Vec<_>>(),
        "cost": {
            "unit": "1e-12",
            "marginal": row.cost.marginal,
            "loaded": row.cost.loaded,
            "attempts_known": row.cost.known,
            "attempts_unknown": row.cost.unknown,
            "attempts_pending": row.cost.pending,
        },
        "latency_ns": {"p50": row.p50, "p99": row.p99},
        "quality": row.quality.iter().map(|q| json!({
            "source": q.source.as_str(), "count": q.count, "mean_ppm": q.mean.get(),
        })).collect::<Vec<_>>(),
    })
}
