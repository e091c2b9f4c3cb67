//! `moegate ledger period|correct|invoice|audit`: what finance people do with the books, each with who and why.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use ledger::{LineId, Month, RateSubject};
use ledger_store::{
    AuditOf, Author, Correction, Finance, Instead, Invoice, PeriodRecord, PeriodState,
};
use units::{Clock, Pico, ScenarioId, TenantId};

use super::super::{Table, noting, runtime, say};
use crate::app::open_store;
use crate::clock::SystemClock;
use crate::config::Config;

/// Who does it, and why.
#[derive(Debug, Args)]
pub(in crate::cli) struct ByArgs {
    /// Who does it; the user of this machine where it is absent.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl ByArgs {
    /// Out of flags that are optional elsewhere.
    pub(in crate::cli) const fn new(by: Option<String>, reason: String) -> Self {
        Self { by, reason }
    }

    /// For the audit log.
    pub(in crate::cli) fn author(&self) -> anyhow::Result<Author> {
        let actor = self.by.clone().unwrap_or_else(noting::user);
        let reason = self.reason.trim().to_owned();
        ensure!(!reason.is_empty(), "--reason: say why");
        ensure!(reason.len() <= 2_000, "--reason: at most 2000 bytes");
        Ok(Author {
            actor: format!("cli:{actor}"),
            at: SystemClock::new().now(),
            reason,
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct PeriodArgs {
    /// The month, such as 2026-11; without it, all that were ever changed are listed.
    #[arg(requires = "state")]
    month: Option<Month>,
    /// What it shall be. A month that is closed stays closed.
    #[arg(value_enum, requires = "reason")]
    state: Option<State>,
    /// Who does it; the user of this machine where it is absent.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// Everything is posted to it.
    Open,
    /// Under review.
    SoftClosed,
    /// Final.
    Closed,
}

pub(super) fn period(config: &Config, args: &PeriodArgs) -> anyhow::Result<ExitCode> {
    runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        if let (Some(month), Some(state)) = (args.month, args.state) {
            let by = ByArgs::new(args.by.clone(), args.reason.clone().unwrap_or_default());
            let state = match state {
                State::Open => PeriodState::Open,
                State::SoftClosed => PeriodState::SoftClosed,
                State::Closed => PeriodState::Closed,
            };
            store.set_period(month, state, by.author()?).await?;
        }
        say(months(&store.periods().await?));
        Ok(ExitCode::SUCCESS)
    })
}

fn months(periods: &[PeriodRecord]) -> Table {
    let mut table = Table::new(&[
        "month", "state", ">lines", ">unknown", ">waiting", ">sum", "hash",
    ]);
    for one in periods {
        let hash = one.hash.map(hex::encode).unwrap_or_default();
        table.row(vec![
            one.month.to_string(),
            one.state.as_str().to_owned(),
            one.lines.to_string(),
            one.unknown.to_string(),
            one.pending.to_string(),
            one.amount.to_string(),
            hash.get(..16).unwrap_or_default().to_owned(),
        ]);
    }
    table
}

#[derive(Debug, Args)]
pub(super) struct CorrectArgs {
    /// The line, as the page of its request shows it: 32 hexadecimal digits.
    line: LineId,
    /// The tenant that carries the amount instead, with --scenario.
    #[arg(long, requires = "scenario", conflicts_with = "amount")]
    tenant: Option<TenantId>,
    /// The scenario that carries the amount instead.
    #[arg(long, requires = "tenant")]
    scenario: Option<ScenarioId>,
    /// The amount that is right, for what is priced by the unit. Without it and --tenant, the platform carries the amount.
    #[arg(long)]
    amount: Option<Pico>,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn correct(config: &Config, args: &CorrectArgs) -> anyhow::Result<ExitCode> {
    let instead = match (&args.tenant, &args.scenario, args.amount) {
        (Some(tenant), Some(scenario), _) => {
            let known = config.tenants.iter().find(|one| one.id == *tenant);
            ensure!(known.is_some(), "the configuration has no tenant {tenant}");
            Instead::Tenant(tenant.clone(), scenario.clone())
        }
        (_, _, Some(amount)) => Instead::Amount(amount),
        _ => Instead::Platform,
    };
    let order = Correction {
        line: args.line,
        instead,
        by: args.by.author()?,
    };
    runtime(Some(1))?.block_on(async {
        let done = open_store(config).await?.correct(order).await?;
        match done.lines {
            0 => say("it was corrected before: nothing was posted"),
            lines => say(format_args!(
                "{lines} lines posted; taken back: {}",
                done.taken
                    .map_or("an unknown amount".to_owned(), |taken| taken.to_string())
            )),
        }
        Ok(ExitCode::SUCCESS)
    })
}

#[derive(Debug, Args)]
pub(super) struct InvoiceArgs {
    /// `pool NAME` or `provider NAME`, as the page of rates shows it.
    #[arg(long)]
    subject: String,
    /// For which month, such as 2026-11.
    #[arg(long)]
    month: Month,
    /// How much.
    #[arg(long)]
    amount: Pico,
    /// The number of the bill.
    #[arg(long)]
    number: String,
    /// What explains a difference to the ledger.
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    by: ByArgs,
}

pub(super) fn invoice(config: &Config, args: &InvoiceArgs) -> anyhow::Result<ExitCode> {
    let pools = config
        .pools
        .iter()
        .map(|pool| RateSubject::Pool(pool.id.clone()).to_string());
    let remotes = config
        .remotes
        .iter()
        .map(|one| format!("provider {}", one.id));
    let known: Vec<String> = pools.chain(remotes).collect();
    ensure!(
        known.contains(&args.subject),
        "--subject {}: expected one of {}",
        args.subject,
        known.join(", ")
    );
    ensure!(!args.amount.is_negative(), "--amount: expected at least 0");
    let invoice = Invoice {
        subject: args.subject.clone(),
        month: args.month,
        amount: args.amount,
        number: args.number.clone(),
        note: args.note.clone(),
    };
    let by = args.by.author()?;
    runtime(Some(1))?.block_on(async {
        open_store(config).await?.put_invoice(invoice, by).await?;
        say("noted");
        Ok(ExitCode::SUCCESS)
    })
}

#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Entries of one tenant.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    most: u32,
}

pub(super) fn audit(config: &Config, args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let of = args.tenant.clone().map_or(AuditOf::All, AuditOf::Tenant);
    let entries = runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        anyhow::Ok(store.audit(of, None, args.most).await?)
    })?;
    let mut table = Table::new(&[
        ">no.", "at", "who", "tenant", "action", "object", "before", "after", "reason",
    ]);
    let short = |text: &str| text.chars().take(60).collect::<String>();
    for entry in entries {
        let note = entry.note;
        let at = jiff::Timestamp::from_second(note.by.at.unix_seconds()).unwrap_or_default();
        table.row(vec![
            entry.id.to_string(),
            at.to_string(),
            note.by.actor,
            note.tenant
                .map_or("platform".to_owned(), |tenant| tenant.to_string()),
            note.action,
            note.object,
            short(note.before.as_deref().unwrap_or_default()),
            short(note.after.as_deref().unwrap_or_default()),
            note.by.reason,
        ]);
    }
    say(table);
    Ok(ExitCode::SUCCESS)
}
