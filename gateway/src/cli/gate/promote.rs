//! `moegate gate promote`: a version takes the live gate's place, if it has shown that it is better.

use std::process::ExitCode;

use clap::Args;
use gate_learn::off_policy::Interval;
use gate_learn::promotion::{Bar, Verdict};
use units::Clock;

use super::{Opened, chosen, wait};
use crate::cli::noting::{self, Done};
use crate::cli::{ConfigArgs, Table, say};
use crate::clock::SystemClock;
use crate::gates::{Registry, Role};
use crate::promotion::{PromotionError, promote};

#[derive(Debug, Args)]
pub(super) struct PromoteArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The version; that in the shadow where none is given.
    #[arg(long)]
    version: Option<String>,
    /// Promote it whatever was found. The reason goes on record.
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why it is forced.
    #[arg(long, requires = "force", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Fewest judged requests that it has not learned from.
    #[arg(long, default_value_t = Bar::default().least_cases)]
    min_outcomes: usize,
    /// Fewest decisions in the shadow.
    #[arg(long, default_value_t = Bar::default().least_shadowed)]
    min_shadowed: u64,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &PromoteArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = Registry::of(&config);
    let version = chosen(&registry, args.version.as_deref())?;
    let bar = Bar {
        least_cases: args.min_outcomes,
        least_shadowed: args.min_shadowed,
        ..Bar::default()
    };
    let now = SystemClock::new().now();
    let done = wait(async {
        let opened = Opened::open(config).await?;
        let bench = opened.bench();
        if args.dry_run {
            let verdict = crate::promotion::verdict(&bench, &registry, &version, &bar).await;
            return Ok(verdict.map(|verdict| (verdict, false)));
        }
        let before = registry.pointer(Role::Live)?;
        let promoted = promote(&bench, &version, &bar, args.reason.as_deref(), now).await;
        if promoted.is_ok() {
            let done = Done {
                action: if args.force {
                    "gate.force"
                } else {
                    "gate.promote"
                },
                object: "live gate".to_owned(),
                before: before.map(|version| version.to_string()),
                after: Some(version.to_string()),
                reason: args.reason.clone().unwrap_or_default(),
                ..Done::default()
            };
            noting::note(opened.store.as_ref(), done).await?;
        }
        Ok(promoted.map(|verdict| (verdict, true)))
    })?;
    match done {
        Ok((verdict, true)) => {
            say(shown(&verdict));
            say(format_args!("version {version} is live"));
            Ok(ExitCode::SUCCESS)
        }
        Ok((verdict, false)) => {
            say(shown(&verdict));
            Ok(reasons(&verdict))
        }
        Err(PromotionError::Refused { version, verdict }) => {
            say(shown(&verdict));
            say(format_args!(
                "version {version} is refused; the live gate stays"
            ));
            Ok(reasons(&verdict))
        }
        Err(why) => Err(why.into()),
    }
}

/// Prints why not.
fn reasons(verdict: &Verdict) -> ExitCode {
    for refusal in &verdict.refusals {
        say(format_args!("refused: {refusal}"));
    }
    if verdict.refusals.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What was found, as a table.
pub fn shown(verdict: &Verdict) -> Table {
    let mut table = Table::new(&["on requests not learned from", ">value", ">low", ">high"]);
    let mut row = |name: &str, cells: [String; 3]| {
        let [value, low, high] = cells;
        table.row(vec![name.to_owned(), value, low, high]);
    };
    let alone = |value: String| [value, String::new(), String::new()];
    let three = |i: &Interval| [i.value, i.low, i.high].map(|number| format!("{number:.4}"));
    let signed = |i: &Interval| [i.value, i.low, i.high].map(|number| format!("{number:+.4}"));
    row("judged requests", alone(verdict.cases.to_string()));
    row(
        "decisions in the shadow",
        alone(verdict.shadowed.to_string()),
    );
    row(
        "mean score of what was chosen",
        alone(format!("{:.4}", verdict.logged_score)),
    );
    row(
        "choices as the live gate's",
        alone(format!("{:.4}", verdict.agreement)),
    );
    if let Some(worth) = &verdict.worth {
        for (name, of) in [
            ("live gate", &worth.live),
            ("candidate", &worth.candidate),
            ("lookup", &worth.lookup),
        ] {
            row(&format!("{name}: doubly robust"), three(&of.dr));
            row(&format!("{name}: self-normalised"), three(&of.snips));
            row(
                &format!("{name}: never tried"),
                alone(format!("{:.4}", of.unsupported)),
            );
        }
    }
    if let Some(lift) = &verdict.over_live {
        row("lift over the live gate", signed(lift));
    }
    if let Some(lift) = &verdict.over_lookup {
        row("lift over the lookup", signed(lift));
    }
    table
}
