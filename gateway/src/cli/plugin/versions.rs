//! Which version of a plugin a tenant runs: one beside the live one, the one before, or none.

use std::process::ExitCode;

use anyhow::Context;
use plugin_package::{Canary, LockFile, Locked, Previous};
use semver::Version;

use super::Whose;
use super::tenant::{done, entry, flags, trusted};
use crate::cli::noting::{self, Done};
use crate::cli::say;
use crate::config::Config;
use crate::plugins::Paths;

/// Changes the entry of one plugin of a tenant, on record.
async fn change(
    config: &Config,
    whose: &Whose,
    action: &'static str,
    act: impl FnOnce(&mut Locked) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let path = Paths::new(&config.plugins_dir()).lock();
    let mut lock = LockFile::load(&path)?;
    let locked = lock
        .tenants
        .get_mut(&whose.tenant)
        .and_then(|own| own.get_mut(&whose.name))
        .with_context(|| format!("{} has no plugin {}", whose.tenant, whose.name))?;
    let before = Some(entry(locked));
    act(locked)?;
    let changed = Done {
        before,
        after: Some(entry(locked)),
        ..done(&whose.tenant, action, whose.name.to_string())
    };
    lock.save(&path)?;
    noting::note_in(config, changed).await
}

pub(super) async fn canary(
    config: &Config,
    whose: &Whose,
    version: &Version,
    percent: u8,
) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(percent <= 100, "a share is at most 100 percent");
    let tried = (percent > 0).then_some((version, percent));
    try_out(config, whose, "plugin.canary", tried).await?;
    say(format_args!(
        "{percent} % of conversations of {} try {} {version}",
        whose.tenant, whose.name
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn shadow(
    config: &Config,
    whose: &Whose,
    version: Option<&Version>,
) -> anyhow::Result<ExitCode> {
    let tried = version.map(|version| (version, 0));
    try_out(config, whose, "plugin.shadow", tried).await?;
    match version {
        Some(version) => say(format_args!(
            "{} {version} runs in the shadow for {}; nobody hears it",
            whose.name, whose.tenant
        )),
        None => say(format_args!(
            "{} of {} has no shadow",
            whose.name, whose.tenant
        )),
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a version beside the live one for a share of conversations, 0 for the shadow, or takes it away.
async fn try_out(
    config: &Config,
    whose: &Whose,
    action: &'static str,
    tried: Option<(&Version, u8)>,
) -> anyhow::Result<()> {
    let found = tried.map(|(version, percent)| {
        let (package, digest) = trusted(config, &whose.tenant, &whose.name, version)?;
        anyhow::Ok((package, digest, version, percent))
    });
    let found = found.transpose()?;
    change(config, whose, action, |locked| {
        let Some((package, digest, version, percent)) = found else {
            locked.canary = None;
            return Ok(());
        };
        let asked = package.manifest().capabilities.names();
        let more: Vec<&str> = asked
            .into_iter()
            .filter(|name| !locked.grants.iter().any(|own| own == name))
            .collect();
        anyhow::ensure!(
            more.is_empty(),
            "version {version} asks for more than is granted: install it with {}",
            flags(&more)
        );
        locked.canary = Some(Canary {
            version: version.clone(),
            digest,
            percent,
        });
        Ok(())
    })
    .await
}

pub(super) async fn rollback(config: &Config, whose: &Whose) -> anyhow::Result<ExitCode> {
    change(config, whose, "plugin.rollback", |locked| {
        let previous = locked
            .previous
            .take()
            .context("there is no version before")?;
        locked.previous = Some(Previous {
            version: std::mem::replace(&mut locked.version, previous.version),
            digest: std::mem::replace(&mut locked.digest, previous.digest),
        });
        locked.canary = None;
        say(format_args!(
            "{} of {} is {} again",
            whose.name, whose.tenant, locked.version
        ));
        Ok(())
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn remove(config: &Config, whose: &Whose) -> anyhow::Result<ExitCode> {
    let path = Paths::new(&config.plugins_dir()).lock();
    let mut lock = LockFile::load(&path)?;
    let gone = lock
        .tenants
        .get_mut(&whose.tenant)
        .and_then(|own| own.remove(&whose.name));
    let gone = gone.with_context(|| format!("{} has no plugin {}", whose.tenant, whose.name))?;
    lock.save(&path)?;
    let removed = Done {
        before: Some(entry(&gone)),
        ..done(&whose.tenant, "plugin.remove", whose.name.to_string())
    };
    noting::note_in(config, removed).await?;
    say(format_args!(
        "{} is removed from {}",
        whose.name, whose.tenant
    ));
    Ok(ExitCode::SUCCESS)
}
