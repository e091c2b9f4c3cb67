//! `moegate plugin …`: for authors, new, build, run, test, key, sign, publish and inspect; for tenants, trust, install,
//! list, canary, shadow, rollback, remove, secret and steps.

mod author;
mod build;
mod checks;
mod registry;
mod secret;
mod stubs;
mod template;
mod tenant;
mod trial;
mod versions;

use std::path::PathBuf;
use std::process::ExitCode;

pub(crate) use build::{WIT, cache, component as build_component, has_tools};
use clap::{Args, Subcommand, ValueEnum};
use plugin_package::PluginName;
use semver::Version;
use units::TenantId;

use super::{ConfigArgs, runtime};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    command: PluginCommand,
}

/// What a plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// Rust, with the SDK that comes along.
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-js.
    Js,
    /// C, by wit-bindgen and wasm-tools.
    C,
}

/// What a plugin exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Export {
    /// Answers a chat.
    Expert,
    /// Runs steps over JSON.
    Workflow,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Write a plugin to start from, with its tests.
    New {
        /// `namespace/name`.
        name: PluginName,
        /// What it is written in.
        #[arg(long, value_enum, default_value_t = Language::Rust)]
        lang: Language,
        /// What it exports.
        #[arg(long, value_enum, default_value_t = Export::Expert)]
        kind: Export,
        /// Where; absent: a folder of its name.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// Build component.wasm, and print its size and imports.
    Build(Folder),
    /// Ask a plugin once, in the sandbox, with no service behind it.
    Run {
        #[command(flatten)]
        folder: Folder,
        /// The last user message; for a workflow its JSON.
        #[arg(long)]
        text: String,
    },
    /// Run the named checks; fails if one does.
    Test(Folder),
    /// Make a publisher's key pair.
    Key {
        /// Its id, as manifests name it.
        #[arg(long)]
        id: String,
        /// The new file, for its owner only.
        #[arg(long)]
        out: PathBuf,
    },
    /// Sign the package.
    Sign {
        #[command(flatten)]
        folder: Folder,
        /// The file of the key pair.
        #[arg(long)]
        key: PathBuf,
    },
    /// Put the package into a registry.
    Publish {
        #[command(flatten)]
        folder: Folder,
        /// The registry: a folder, `s3://bucket/prefix` or `oci://host/prefix`; absent: that of the configuration.
        #[arg(long)]
        registry: Option<String>,
    },
    /// Show what a package is and asks for.
    Inspect(Folder),
    /// Let a tenant trust a publisher's key.
    Trust(tenant::TrustArgs),
    /// Install a published package for a tenant; a running gateway serves it within two seconds.
    Install(tenant::InstallArgs),
    /// List what tenants have installed.
    List,
    /// Let a share of conversations try another version.
    Canary {
        #[command(flatten)]
        whose: Whose,
        /// The version to try.
        #[arg(long)]
        version: Version,
        /// Share of conversations, percent.
        #[arg(long)]
        percent: u8,
    },
    /// Ask another version beside the live one, heard by nobody: it reaches nothing outside, is booked with the purpose
    /// `shadow`, and compared (`moegate_plugin_shadows_total`).
    Shadow {
        #[command(flatten)]
        whose: Whose,
        /// The version to try; absent: none any more.
        #[arg(long)]
        version: Option<Version>,
    },
    /// Go back to the version before.
    Rollback(Whose),
    /// Take a plugin away from a tenant.
    Remove(Whose),
    /// Set, list and remove the secrets that plugins of a tenant send to the hosts they name; no guest sees one.
    Secret(secret::SecretArgs),
    /// Print the recorded steps of a tenant's workflows as JSON lines.
    Steps {
        /// Whose.
        #[arg(long)]
        tenant: TenantId,
    },
}

/// A plugin of a tenant.
#[derive(Debug, Clone, Args)]
pub(super) struct Whose {
    /// `namespace/name`.
    name: PluginName,
    /// Whose.
    #[arg(long)]
    tenant: TenantId,
}

/// A plugin's folder.
#[derive(Debug, Clone, Args)]
pub(super) struct Folder {
    /// The folder with plugin.toml.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(super) fn run(args: &PluginArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        PluginCommand::New {
            name,
            lang,
            kind,
            dir,
        } => author::new(name, *lang, *kind, dir.as_deref()),
        PluginCommand::Build(folder) => build::run(&folder.dir),
        PluginCommand::Run { folder, text } => {
            runtime(Some(1))?.block_on(trial::run(&folder.dir, text))
        }
        PluginCommand::Test(folder) => runtime(Some(2))?.block_on(checks::run(&folder.dir)),
        PluginCommand::Key { id, out } => author::key(id, out),
        PluginCommand::Sign { folder, key } => author::sign(&folder.dir, key),
        PluginCommand::Publish { folder, registry } => {
            let config = || args.config.load();
            runtime(Some(1))?.block_on(author::publish(&folder.dir, registry.as_deref(), config))
        }
        PluginCommand::Inspect(folder) => author::inspect(&folder.dir),
        PluginCommand::Trust(trust) => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(tenant::trust(&config, trust))
        }
        PluginCommand::Install(install) => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(tenant::install(&config, install))
        }
        PluginCommand::List => tenant::list(&args.config.load()?),
        PluginCommand::Canary {
            whose,
            version,
            percent,
        } => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(versions::canary(&config, whose, version, *percent))
        }
        PluginCommand::Shadow { whose, version } => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(versions::shadow(&config, whose, version.as_ref()))
        }
        PluginCommand::Rollback(whose) => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(versions::rollback(&config, whose))
        }
        PluginCommand::Remove(whose) => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(versions::remove(&config, whose))
        }
        PluginCommand::Secret(secret) => secret::run(&args.config.load()?, secret),
        PluginCommand::Steps { tenant } => {
            let config = args.config.load()?;
            runtime(Some(1))?.block_on(tenant::steps(&config, tenant))
        }
    }
}
