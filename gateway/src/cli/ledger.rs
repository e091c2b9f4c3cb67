//! `moegate ledger`: proves the books, closes and corrects them, and exports them.

mod books;
mod export_focus;
mod rerate;

use std::process::ExitCode;

pub(super) use books::ByArgs;
use clap::{Args, Subcommand};
use ledger_store::{LedgerStore, VerifyReport};

use super::{ConfigArgs, Table, runtime, say};
use crate::app::open_store;
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Prove that lines and idle time make up every pool's bill, and rollups their lines. Exits 1 where not.
    Verify,
    /// Write the charges of a span as a FOCUS 1.2 data set, for tools of cloud cost.
    ExportFocus(export_focus::ExportFocusArgs),
    /// List months, or open, soft-close or close one.
    Period(books::PeriodArgs),
    /// Take a line back, and say what stands in its place.
    Correct(books::CorrectArgs),
    /// Price again what was priced by the unit, at the price lists as they are now: what changed is corrected, line by line.
    Rerate(rerate::RerateArgs),
    /// Note what was billed for a pool or by a provider.
    Invoice(books::InvoiceArgs),
    /// Print the audit log, latest first.
    Audit(books::AuditArgs),
}

pub(super) fn run(args: &LedgerArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    match &args.command {
        LedgerCommand::Verify => verify(&config),
        LedgerCommand::ExportFocus(args) => export_focus::run(&config, args),
        LedgerCommand::Period(args) => books::period(&config, args),
        LedgerCommand::Correct(args) => books::correct(&config, args),
        LedgerCommand::Rerate(args) => rerate::run(&config, args),
        LedgerCommand::Invoice(args) => books::invoice(&config, args),
        LedgerCommand::Audit(args) => books::audit(&config, args),
    }
}

fn verify(config: &Config) -> anyhow::Result<ExitCode> {
    let report = runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        anyhow::Ok(store.verify().await?)
    })?;
    say(shown(&report));
    for broken in &report.breaks {
        say(format_args!("broken: {broken}"));
    }
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The report as a table.
pub fn shown(report: &VerifyReport) -> Table {
    let mut table = Table::new(&["books", ">"]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("requests", report.requests.to_string());
    row("attempts", report.attempts.to_string());
    row("  waiting for their window", report.pending.to_string());
    row("  without a request", report.orphans.to_string());
    row("lines", report.lines.to_string());
    row("  of unknown amount", report.unknown.to_string());
    row("pool windows", report.windows.to_string());
    row("pool cost", report.pool_cost.to_string());
    row("  used", report.pool_used.to_string());
    row("  idle", report.pool_idle.to_string());
    row(
        "holds",
        if report.holds() { "yes" } else { "NO" }.to_owned(),
    );
    table
}
