//! `moegate gate retrain`: a candidate from what was judged.

use std::process::ExitCode;

use clap::Args;
use units::{Clock, TenantId, Timestamp};

use super::{Opened, instant, wait};
use crate::cli::{ConfigArgs, Table, say};
use crate::clock::SystemClock;
use crate::retraining::{Made, Scope, make};

#[derive(Debug, Args)]
pub(super) struct RetrainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Learn from this tenant's requests; may be given again. All that agree where none is given.
    #[arg(long = "tenant")]
    tenants: Vec<TenantId>,
    /// Learn from requests from this instant on, such as 2026-11-01T00:00:00Z.
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// Seed of the split and of the training.
    #[arg(long, default_value_t = 20_261_125)]
    seed: u64,
}

pub(super) fn run(args: &RetrainArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let made = wait(async {
        let opened = Opened::open(config).await?;
        let scope = Scope {
            tenants: args.tenants.clone(),
            since: args.since.unwrap_or_default(),
            seed: args.seed,
        };
        let now = SystemClock::new().now();
        let Opened {
            config,
            catalog,
            store,
            captures,
            ..
        } = &opened;
        Ok(make(config, catalog, store.as_ref(), captures, &scope, now).await?)
    })?;
    say(table(&made));
    say(format_args!(
        "next: moegate gate shadow --version {}",
        made.version
    ));
    Ok(ExitCode::SUCCESS)
}

fn table(made: &Made) -> Table {
    let mut table = Table::new(&["candidate", ">"]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("version", made.version.to_string());
    row("from", made.parent.clone());
    row("outcomes learned from", made.figures.lessons.to_string());
    for (expert, count) in &made.figures.experts {
        row(&format!("  of {expert}"), count.to_string());
    }
    row("kept from it", made.held_out.to_string());
    row("without features", made.without_features.to_string());
    row("passes", made.figures.passes.to_string());
    row(
        "weight of learning",
        format!("{:.2}", made.figures.head_weight),
    );
    row(
        "log loss, live gate",
        format!("{:.4}", made.figures.loss_live),
    );
    row("log loss, candidate", format!("{:.4}", made.figures.loss));
    table
}
