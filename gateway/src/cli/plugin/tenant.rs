//! The tenant's way: whom to trust, what to run, and back again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use ledger_store::PluginStore;
use plugin_package::{DirRegistry, LockFile, Locked, Package, PluginName, TrustStore, digest};
use semver::Version;
use serde_json::json;
use units::{Clock, TenantId, Timestamp};

use super::registry;
use crate::app::open_plugin_store;
use crate::cli::noting::{self, Done};
use crate::cli::{Table, say};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::plugins::Paths;

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// Whose trust.
    #[arg(long)]
    tenant: TenantId,
    /// The key's id.
    #[arg(long)]
    id: String,
    /// Its public half, hex.
    #[arg(long, required_unless_present = "revoke")]
    public: Option<String>,
    /// Where it may publish; may be given several times.
    #[arg(long = "namespace", required_unless_present = "revoke")]
    namespaces: Vec<String>,
    /// Trust it no more, from now on.
    #[arg(long)]
    revoke: bool,
}

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
    /// `namespace/name`.
    name: PluginName,
    /// Its version; absent: the newest.
    #[arg(long)]
    version: Option<Version>,
    /// For whom.
    #[arg(long)]
    tenant: TenantId,
    /// A capability that is granted; may be given several times. The plugin is refused where it asks for more.
    #[arg(long = "grant")]
    grants: Vec<String>,
    /// The tenant's settings, a JSON file.
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Take the package from this registry first: a folder, `s3://bucket/prefix` or `oci://host/prefix`; absent: it is
    /// in the configuration's already.
    #[arg(long)]
    registry: Option<String>,
}

pub(super) fn known(config: &Config, tenant: &TenantId) -> anyhow::Result<()> {
    let known = config.tenants.iter().any(|own| own.id == *tenant);
    anyhow::ensure!(known, "the configuration has no tenant {tenant}");
    Ok(())
}

pub(super) async fn trust(config: &Config, args: &TrustArgs) -> anyhow::Result<ExitCode> {
    known(config, &args.tenant)?;
    let path = Paths::new(&config.plugins_dir()).trust(&args.tenant);
    let mut store = TrustStore::load(&path)?;
    if args.revoke {
        if !store.revoked_keys.contains(&args.id) {
            store.revoked_keys.push(args.id.clone());
        }
        store.save(&path)?;
        let gone = done(&args.tenant, "plugin.revoke", format!("key {}", args.id));
        noting::note_in(config, gone).await?;
        say(format_args!(
            "{} trusts the key {} no more",
            args.tenant, args.id
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let public = args.public.clone().unwrap_or_default();
    store.trust(&args.id, &public, &args.namespaces)?;
    store.save(&path)?;
    let trusted = Done {
        after: Some(format!("{} in {}", public, args.namespaces.join(", "))),
        ..done(&args.tenant, "plugin.trust", format!("key {}", args.id))
    };
    noting::note_in(config, trusted).await?;
    say(format_args!(
        "{} trusts the key {} in {}",
        args.tenant,
        args.id,
        args.namespaces.join(", ")
    ));
    Ok(ExitCode::SUCCESS)
}

/// What was done with something of a tenant.
pub(super) fn done(tenant: &TenantId, action: &'static str, object: String) -> Done {
    Done {
        tenant: Some(tenant.clone()),
        action,
        object,
        ..Done::default()
    }
}

/// A published package that the tenant trusts, with its digest.
pub(super) fn trusted(
    config: &Config,
    tenant: &TenantId,
    name: &PluginName,
    version: &Version,
) -> anyhow::Result<(Package, String)> {
    let paths = Paths::new(&config.plugins_dir());
    let archive = DirRegistry::new(&paths.registry()).fetch(name, version)?;
    let package = Package::open(&archive)?;
    package.verify(
        &TrustStore::load(&paths.trust(tenant))?,
        SystemClock::new().now(),
    )?;
    Ok((package, hex::encode(digest(&archive))))
}

pub(super) async fn install(config: &Config, args: &InstallArgs) -> anyhow::Result<ExitCode> {
    known(config, &args.tenant)?;
    let paths = Paths::new(&config.plugins_dir());
    let own = DirRegistry::new(&paths.registry());
    let source = args.registry.as_deref().map(registry::open).transpose()?;
    let versions = match &source {
        Some(source) => source.versions(&args.name).await?,
        None => own.versions(&args.name)?,
    };
    let version = match &args.version {
        Some(version) => version.clone(),
        None => versions
            .last()
            .cloned()
            .with_context(|| format!("nobody has published {}", args.name))?,
    };
    if let Some(source) = &source {
        let found = Package::open(&source.fetch(&args.name, &version).await?)?;
        let (is, there) = (found.manifest(), (&args.name, &version));
        anyhow::ensure!(
            (&is.name, &is.version) == there,
            "the registry gave {} {} for {} {version}",
            is.name,
            is.version,
            args.name
        );
        own.publish(&found)?;
    }
    let (package, digest) = trusted(config, &args.tenant, &args.name, &version)?;
    let asked = package.manifest().capabilities.names();
    let more: Vec<&str> = asked
        .into_iter()
        .filter(|name| !args.grants.iter().any(|own| own == name))
        .collect();
    anyhow::ensure!(
        more.is_empty(),
        "{} asks for more than is granted; add: {}",
        args.name,
        flags(&more)
    );
    let settings = args
        .settings
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| path.display().to_string()))
        .transpose()?;
    if let Some(schema) = &package.manifest().config {
        let value = serde_json::from_str(settings.as_deref().unwrap_or("{}"))
            .context("the settings are no JSON")?;
        schema.check(&value).context("the settings")?;
    }
    let mut lock = LockFile::load(&paths.lock())?;
    let locked = Locked {
        version: version.clone(),
        digest,
        grants: args.grants.clone(),
        config: settings,
        canary: None,
        previous: None,
    };
    let own = lock.tenants.get(&args.tenant);
    let before = own.and_then(|own| own.get(&args.name)).map(entry);
    let installed = Done {
        before,
        after: Some(entry(&locked)),
        ..done(&args.tenant, "plugin.install", args.name.to_string())
    };
    lock.install(&args.tenant, &args.name, locked);
    lock.save(&paths.lock())?;
    noting::note_in(config, installed).await?;
    say(format_args!(
        "{} {version} is installed for {}; ask for the model {}",
        args.name,
        args.tenant,
        args.name.as_expert()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn flags(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("--grant {name}"))
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn list(config: &Config) -> anyhow::Result<ExitCode> {
    let lock = LockFile::load(&Paths::new(&config.plugins_dir()).lock())?;
    let mut table = Table::new(&[
        "tenant", "plugin", "version", "canary", "previous", "grants",
    ]);
    for (tenant, plugins) in &lock.tenants {
        for (name, locked) in plugins {
            let canary = locked.canary.as_ref().map(|canary| match canary.percent {
                0 => format!("{} (shadow)", canary.version),
                percent => format!("{} ({percent} %)", canary.version),
            });
            let previous = locked
                .previous
                .as_ref()
                .map(|previous| previous.version.to_string());
            table.row(vec![
                tenant.to_string(),
                name.to_string(),
                locked.version.to_string(),
                canary.unwrap_or_default(),
                previous.unwrap_or_default(),
                locked.grants.join(" "),
            ]);
        }
    }
    say(table);
    Ok(ExitCode::SUCCESS)
}

/// An entry of the lock file in words.
pub(super) fn entry(locked: &Locked) -> String {
    let mut words = format!("{}, sha256 {}", locked.version, locked.digest);
    if !locked.grants.is_empty() {
        words.push_str(&format!(", granted {}", locked.grants.join(" ")));
    }
    if let Some(canary) = &locked.canary {
        words.push_str(&match canary.percent {
            0 => format!(", {} in the shadow", canary.version),
            percent => format!(", {percent} % try {}", canary.version),
        });
    }
    words
}

pub(super) async fn steps(config: &Config, tenant: &TenantId) -> anyhow::Result<ExitCode> {
    let store = open_plugin_store(config).await?;
    for step in store
        .steps(tenant.clone(), Timestamp::from_unix_nanos(0))
        .await?
    {
        let value: serde_json::Value =
            serde_json::from_str(&step.value).unwrap_or_else(|_| json!(step.value));
        say(json!({
            "workflow": step.scope.plugin,
            "run": step.run,
            "step": step.key,
            "at_ns": step.at.unix_nanos(),
            "request": step.request.to_string(),
            "value": value,
        }));
    }
    Ok(ExitCode::SUCCESS)
}
