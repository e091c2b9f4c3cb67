//! `moegate gate shadow`: a version is asked beside the live gate, and decides nothing.

use std::process::ExitCode;

use clap::Args;
use ledger_store::{CaptureStore, ShadowSummary};
use units::{Clock, TenantId};

use super::{Opened, chosen, wait};
use crate::cli::noting::{self, Done};
use crate::cli::{ConfigArgs, Table, say};
use crate::clock::SystemClock;
use crate::gates::{Registry, Role};
use crate::promotion::shadow;

#[derive(Debug, Args)]
pub(super) struct ShadowArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The version; the newest where none is given.
    #[arg(long)]
    version: Option<String>,
    /// Empty the shadow.
    #[arg(long, conflicts_with = "version")]
    stop: bool,
    /// Only show how it does.
    #[arg(long, conflicts_with = "stop")]
    report: bool,
    /// Of one tenant only, in the report.
    #[arg(long, requires = "report")]
    tenant: Option<TenantId>,
}

pub(super) fn run(args: &ShadowArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = Registry::of(&config);
    let now = SystemClock::new().now();
    if args.stop {
        shadow(&registry, None, now)?;
        wait(noting::note_in(&config, shadowed(None)))?;
        say("the shadow is empty");
        return Ok(ExitCode::SUCCESS);
    }
    if args.report {
        let version = chosen(&registry, args.version.as_deref())?;
        let gate = registry.load(&version)?;
        let summary = wait(async {
            let opened = Opened::open(config).await?;
            let asked = opened
                .captures
                .shadowed(args.tenant.clone(), gate.version().to_string());
            Ok(asked.await?)
        })?;
        say(shown(version.as_str(), &summary));
        return Ok(ExitCode::SUCCESS);
    }
    let version = match &args.version {
        Some(name) => registry.find(name)?,
        None => {
            let newest = registry.versions()?.pop();
            newest.ok_or_else(|| anyhow::anyhow!("there is no version: retrain first"))?
        }
    };
    if registry.pointer(Role::Live)?.as_ref() == Some(&version) {
        anyhow::bail!("version {version} is live");
    }
    shadow(&registry, Some(&version), now)?;
    wait(noting::note_in(
        &config,
        shadowed(Some(version.to_string())),
    ))?;
    say(format_args!(
        "version {version} is in the shadow of the live gate; see `moegate gate shadow --report`"
    ));
    Ok(ExitCode::SUCCESS)
}

fn shadowed(version: Option<String>) -> Done {
    Done {
        action: "gate.shadow",
        object: "gate in the shadow".to_owned(),
        after: version,
        ..Done::default()
    }
}

/// How a version did in the shadow.
pub fn shown(version: &str, summary: &ShadowSummary) -> Table {
    let mut table = Table::new(&["in the shadow", ">decisions"]);
    let mut row = |name: String, count: u64| table.row(vec![name, count.to_string()]);
    row(format!("version {version}"), summary.decisions);
    row("  the live gate's choice".to_owned(), summary.same);
    for (live, choice, count) in &summary.changes {
        row(format!("  {choice} instead of {live}"), *count);
    }
    table
}
