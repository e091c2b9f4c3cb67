//! The tenant's secrets: set from standard input, so that no shell's history keeps one.

use std::io::Read;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use units::TenantId;
use zeroize::Zeroizing;

use super::tenant::known;
use crate::cli::say;
use crate::config::Config;
use crate::plugins::{Paths, secrets};

#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Args)]
struct Named {
    /// Its name, as manifests and tools name it.
    name: String,
    /// Whose.
    #[arg(long)]
    tenant: TenantId,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Set a secret to what standard input holds, without the last line's end.
    Set(Named),
    /// List the names; values are never shown.
    List {
        /// Whose.
        #[arg(long)]
        tenant: TenantId,
    },
    /// Remove a secret.
    Remove(Named),
}

/// Longer ones are refused unread.
const MOST: u64 = 8_192;

pub(super) fn run(config: &Config, args: &SecretArgs) -> anyhow::Result<ExitCode> {
    let paths = Paths::new(&config.plugins_dir());
    match &args.command {
        SecretCommand::Set(named) => {
            known(config, &named.tenant)?;
            let mut value = Zeroizing::new(String::new());
            let read = std::io::stdin().take(MOST).read_to_string(&mut value);
            read.context("standard input")?;
            let value = Zeroizing::new(value.trim_end_matches(['\r', '\n']).to_owned());
            let secret = egress::Secret::new(value.to_string())?;
            egress::BoundSecret::new(&named.name, secret, Vec::new())?;
            let path = paths.secrets(&named.tenant);
            let mut all = secrets::read(&path)?;
            let before = all.insert(named.name.clone(), value);
            secrets::write(&path, &all)?;
            let what = if before.is_some() { "changed" } else { "set" };
            say(format_args!(
                "{} of {} is {what}; plugins use it within two seconds",
                named.name, named.tenant
            ));
        }
        SecretCommand::List { tenant } => {
            known(config, tenant)?;
            for name in secrets::read(&paths.secrets(tenant))?.keys() {
                say(name);
            }
        }
        SecretCommand::Remove(named) => {
            known(config, &named.tenant)?;
            let path = paths.secrets(&named.tenant);
            let mut all = secrets::read(&path)?;
            let gone = all.remove(&named.name).is_some();
            anyhow::ensure!(gone, "{} has no secret {}", named.tenant, named.name);
            secrets::write(&path, &all)?;
            say(format_args!(
                "{} of {} is removed",
                named.name, named.tenant
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
