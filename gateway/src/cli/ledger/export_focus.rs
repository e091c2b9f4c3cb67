//! `moegate ledger export-focus`: the charges of a span as a FOCUS data set.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use focus::{Export, Format, Issuer, Summary};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use ledger::Month;
use ledger_store::{Finance, PeriodState, Reports, Span};
use units::{Bucket, TenantId, Timestamp};

use super::super::{runtime, say};
use crate::app::open_store;
use crate::config::Config;
use crate::rates;

/// Options of `moegate ledger export-focus`.
#[derive(Debug, Args)]
pub(super) struct ExportFocusArgs {
    /// First day, UTC, such as 2026-11-01.
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// First day after, UTC.
    #[arg(long, value_name = "DATE")]
    to: Date,
    /// How long a row's charge period is.
    #[arg(long, value_enum, default_value = "day")]
    period: Period,
    /// Charges of this tenant alone; without it everybody's, and what nobody carries.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The form of the file.
    #[arg(long, value_enum, default_value = "csv")]
    format: FileFormat,
    /// The file; replaced once the new one is whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Id of the billing account: the organisation that runs the gateway.
    #[arg(long, default_value = "moegate", value_name = "ID")]
    account: String,
    /// Its name; the id where it is absent.
    #[arg(long, value_name = "NAME")]
    account_name: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Period {
    /// 24 hours of UTC.
    Day,
    /// 15 minutes, the grain of the books.
    QuarterHour,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    Csv,
    Parquet,
}

pub(super) fn run(config: &Config, args: &ExportFocusArgs) -> anyhow::Result<ExitCode> {
    let span = days(args.from, args.to)?;
    let step = match args.period {
        Period::Day => 96,
        Period::QuarterHour => 1,
    };
    let issuer = Issuer {
        account: args.account.clone(),
        name: args.account_name.as_ref().unwrap_or(&args.account).clone(),
        currency: rates::book(config)?.currency(),
        closed: runtime(Some(1))?.block_on(closed(config))?,
    };
    let format = match args.format {
        FileFormat::Csv => Format::Csv,
        FileFormat::Parquet => Format::Parquet,
    };
    let mut export = Export::begin(&args.out, format, issuer)?;
    let mut failed = Ok(());
    let mut take = |charge| match export.take(charge) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => {
            failed = Err(why);
            ControlFlow::Break(())
        }
    };
    runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        let charges = store.charges(args.tenant.clone(), span, step, &mut take);
        charges.await.context("the books cannot be read")
    })?;
    failed?;
    let summary = export.finish()?;
    say(format_args!("{}: {}", args.out.display(), told(&summary)));
    Ok(ExitCode::SUCCESS)
}

/// Months whose books are closed.
async fn closed(config: &Config) -> anyhow::Result<BTreeSet<Month>> {
    let periods = open_store(config).await?.periods().await?;
    let closed = periods.into_iter();
    let closed = closed.filter(|one| one.state == PeriodState::Closed);
    Ok(closed.map(|one| one.month).collect())
}

/// Days of UTC, the last excluded.
pub(super) fn days(from: Date, to: Date) -> anyhow::Result<Span> {
    ensure!(from < to, "--to {to}: expected a day after --from {from}");
    Ok(Span {
        from: first(from)?,
        to: first(to)?,
    })
}

fn first(day: Date) -> anyhow::Result<Bucket> {
    let midnight = TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight()))?;
    Ok(Bucket::of(Timestamp::from_unix_seconds(
        midnight.as_second(),
    )))
}

fn told(summary: &Summary) -> String {
    let billed: Vec<String> = summary
        .billed
        .iter()
        .map(|(currency, amount)| format!("{amount} {currency}"))
        .collect();
    let billed = if billed.is_empty() {
        "nothing".to_owned()
    } else {
        billed.join(", ")
    };
    format!(
        "{} rows of {} lines, {billed} billed; {} lines of unknown amount",
        summary.rows, summary.lines, summary.unknown
    )
}
