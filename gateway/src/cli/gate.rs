//! `moegate gate …`: what the gate would do, and how a better one takes its place.

mod explain;
mod export;
mod promote;
mod retrain;
mod shadow;
mod versions;

pub use promote::shown as verdict_report;
pub use shadow::shown as shadow_report;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ledger_store::{SqlStore, SqliteCaptures};
use units::Timestamp;

use super::runtime;
use crate::app::{open_captures, open_store};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::gates::{Registry, RegistryError, Role, Version};
use crate::promotion::Bench;
use crate::tenants::Tenants;

#[derive(Debug, Args)]
pub(super) struct GateArgs {
    #[command(subcommand)]
    command: GateCommand,
}

#[derive(Debug, Subcommand)]
enum GateCommand {
    /// Say which expert would answer a text, and why. No worker is asked.
    Explain(explain::ExplainArgs),
    /// Make a candidate from the live gate and the judged requests of tenants that agree.
    Retrain(retrain::RetrainArgs),
    /// Let the running gateway ask a version beside the live gate, or show how it does.
    Shadow(shadow::ShadowArgs),
    /// Make a version the live gate, if it has shown that it is better.
    Promote(promote::PromoteArgs),
    /// Put back the gate that was live before the last promotion.
    Rollback(versions::RollbackArgs),
    /// List the versions.
    List(versions::ListArgs),
    /// Write judged requests with their features as a data set for `moegate-train gate`.
    Export(export::ExportArgs),
}

pub(super) fn run(args: &GateArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        GateCommand::Explain(args) => explain::run(args),
        GateCommand::Retrain(args) => retrain::run(args),
        GateCommand::Shadow(args) => shadow::run(args),
        GateCommand::Promote(args) => promote::run(args),
        GateCommand::Rollback(args) => versions::roll_back(args),
        GateCommand::List(args) => versions::list(args),
        GateCommand::Export(args) => export::run(args),
    }
}

/// Everything the commands look at, opened.
#[derive(Debug)]
struct Opened {
    config: Config,
    catalog: Catalog,
    tenants: Tenants,
    store: Arc<SqlStore>,
    captures: SqliteCaptures,
}

impl Opened {
    async fn open(config: Config) -> anyhow::Result<Self> {
        let store = open_store(&config).await?;
        let captures = open_captures(&config).await?;
        Ok(Self {
            catalog: Catalog::read(&config)?,
            tenants: Tenants::new(&config),
            store,
            captures,
            config,
        })
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            config: &self.config,
            catalog: &self.catalog,
            tenants: &self.tenants,
            store: self.store.as_ref(),
            captures: &self.captures,
        }
    }
}

/// Runs a command that talks to the stores.
fn wait<T>(doing: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    runtime(Some(1))?.block_on(doing)
}

/// A version by its name; without one, that in the shadow, else the newest.
fn chosen(registry: &Registry, name: Option<&str>) -> anyhow::Result<Version> {
    if let Some(name) = name {
        return Ok(registry.find(name)?);
    }
    if let Some(version) = registry.pointer(Role::Shadow)? {
        return Ok(version);
    }
    let newest = registry.versions()?.pop();
    Ok(newest.ok_or_else(|| RegistryError::Unknown("to choose: retrain first".to_owned()))?)
}

/// An RFC 3339 instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = text.parse().map_err(|why| format!("{why}"))?;
    i64::try_from(instant.as_nanosecond())
        .map(Timestamp::from_unix_nanos)
        .map_err(|_| "out of range".to_owned())
}

/// An instant for people.
fn shown(unix_nanos: i64) -> String {
    let instant = jiff::Timestamp::from_nanosecond(unix_nanos.into());
    instant.map_or_else(
        |_| unix_nanos.to_string(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}
