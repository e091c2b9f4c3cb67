//! `moegate ledger rerate`: prices lines again at the price lists as they are now. History never moves by itself when a price
//! does; this moves it, visibly: each line is taken back and stands again at its new price, on record with who and why.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use jiff::civil::Date;
use ledger::{LineId, RateBook, RateId};
use ledger_store::{Correction, Finance, Instead, UnitPriced};
use units::{Pico, ProviderId};

use super::super::noting::{self, Done};
use super::super::{Table, runtime, say};
use super::books::ByArgs;
use super::export_focus::days;
use crate::app::open_store;
use crate::config::Config;
use crate::rates;

/// Lines read at a time.
const PAGE: u32 = 1_000;

/// Options of `moegate ledger rerate`.
#[derive(Debug, Args)]
pub(super) struct RerateArgs {
    /// First day, UTC, such as 2026-11-01.
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// First day after, UTC.
    #[arg(long, value_name = "DATE")]
    to: Date,
    /// Lines of this provider alone.
    #[arg(long)]
    provider: Option<ProviderId>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    by: ByArgs,
}

/// What a run came to, for one provider.
#[derive(Debug, Default)]
struct Sum {
    looked: u64,
    changed: u64,
    /// Without a price, now as before.
    unpriced: u64,
    before: Pico,
    after: Pico,
}

/// The new price of a line, where it has another one.
fn again(book: &RateBook, line: &UnitPriced) -> Option<(Pico, RateId)> {
    let whose = (&line.provider, &line.expert);
    let found = book.price_line(
        whose,
        (line.meter, line.quantity),
        line.finished,
        line.input,
    )?;
    // Another name for the same amount is no change of the books.
    (line.amount != Some(found.0)).then_some(found)
}

pub(super) fn run(config: &Config, args: &RerateArgs) -> anyhow::Result<ExitCode> {
    let span = days(args.from, args.to)?;
    let by = args.by.author()?;
    let book = rates::book(config)?;
    let sums = runtime(Some(1))?.block_on(async {
        let store = open_store(config).await?;
        let mut sums: BTreeMap<ProviderId, Sum> = BTreeMap::new();
        let mut after: Option<LineId> = None;
        loop {
            let page = store.unit_priced(span, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.line);
            let own = |line: &&UnitPriced| {
                args.provider
                    .as_ref()
                    .is_none_or(|own| *own == line.provider)
            };
            for line in page.iter().filter(own) {
                let sum = sums.entry(line.provider.clone()).or_default();
                sum.looked = sum.looked.saturating_add(1);
                let Some((amount, rate)) = again(&book, line) else {
                    sum.unpriced = sum
                        .unpriced
                        .saturating_add(u64::from(line.amount.is_none()));
                    continue;
                };
                sum.changed = sum.changed.saturating_add(1);
                sum.before = [sum.before, line.amount.unwrap_or_default()]
                    .into_iter()
                    .sum();
                sum.after = [sum.after, amount].into_iter().sum();
                if !args.dry_run {
                    let order = Correction {
                        line: line.line,
                        instead: Instead::Rated(amount, rate),
                        by: by.clone(),
                    };
                    store.correct(order).await?;
                }
            }
        }
        if !args.dry_run {
            let changed: u64 = sums.values().map(|sum| sum.changed).sum();
            let done = Done {
                action: "ledger.rerate",
                object: format!("{} to {}, {changed} lines", args.from, args.to),
                before: Some(all(&sums, |sum| sum.before)),
                after: Some(all(&sums, |sum| sum.after)),
                reason: by.reason.clone(),
                ..Done::default()
            };
            noting::note(store.as_ref(), done).await?;
        }
        anyhow::Ok(sums)
    })?;
    say(shown(&sums));
    if args.dry_run {
        say("nothing was changed: this was a dry run");
    }
    Ok(ExitCode::SUCCESS)
}

fn all(sums: &BTreeMap<ProviderId, Sum>, of: fn(&Sum) -> Pico) -> String {
    sums.values().map(of).sum::<Pico>().to_string()
}

fn shown(sums: &BTreeMap<ProviderId, Sum>) -> Table {
    let mut table = Table::new(&[
        "provider",
        ">lines",
        ">changed",
        ">without a price",
        ">before",
        ">after",
    ]);
    for (provider, sum) in sums {
        table.row(vec![
            provider.to_string(),
            sum.looked.to_string(),
            sum.changed.to_string(),
            sum.unpriced.to_string(),
            sum.before.to_string(),
            sum.after.to_string(),
        ]);
    }
    table
}
