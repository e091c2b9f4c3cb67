//! `moegate capture …`: what features are kept of whose requests, and their deletion.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger_store::{CaptureStore, Forget};
use units::{DecisionId, TenantId};

use super::{ConfigArgs, Table, runtime, say};
use crate::app::open_captures;

#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: CaptureCommand,
}

#[derive(Debug, Subcommand)]
enum CaptureCommand {
    /// Show what is kept, by tenant.
    Show,
    /// Delete what is kept of a tenant: everything, or one request.
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
struct DeleteArgs {
    /// Whose.
    #[arg(long)]
    tenant: TenantId,
    /// One request, by the decision in its `x-moegate-decision`.
    #[arg(long)]
    decision: Option<DecisionId>,
}

pub(super) fn run(args: &CaptureArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    runtime(Some(1))?.block_on(async {
        let store = open_captures(&config).await?;
        match &args.command {
            CaptureCommand::Show => {
                let mut table = Table::new(&["tenant", ">requests", ">bytes", ">shadows"]);
                for usage in store.usage().await? {
                    table.row(vec![
                        usage.tenant.to_string(),
                        usage.captures.to_string(),
                        usage.bytes.to_string(),
                        usage.shadows.to_string(),
                    ]);
                }
                say(table);
            }
            CaptureCommand::Delete(args) => {
                let what = args.decision.map_or(Forget::All, Forget::Decision);
                let gone = store.forget(args.tenant.clone(), what).await?;
                say(format_args!(
                    "{gone} records of {} are deleted",
                    args.tenant
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}
