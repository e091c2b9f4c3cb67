//! The author's way: a project, a key, a signature, a registry.

use std::path::Path;
use std::process::ExitCode;

use plugin_package::{KeyPair, Package, PluginName};

use super::{Export, Language, registry, template};
use crate::cli::say;
use crate::config::{Config, ConfigError};
use crate::plugins::Paths;

pub(super) fn new(
    name: &PluginName,
    lang: Language,
    kind: Export,
    dir: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let dir = dir.map_or_else(|| Path::new(name.name()).to_owned(), Path::to_owned);
    template::write_all(name, lang, kind, &dir)?;
    say(format_args!("{name} is in {}", dir.display()));
    say(format_args!(
        "next: cd {} && moegate plugin build && moegate plugin test",
        dir.display()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn key(id: &str, out: &Path) -> anyhow::Result<ExitCode> {
    let pair = KeyPair::generate(id)?;
    pair.save(out)?;
    say(format_args!(
        "key {id} is in {}; keep it to yourself",
        out.display()
    ));
    say(format_args!(
        "its public half, for those who trust it: {}",
        pair.public()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sign(dir: &Path, key: &Path) -> anyhow::Result<ExitCode> {
    let mut package = Package::read(dir)?;
    let signature = package.sign(&KeyPair::load(key)?)?;
    std::fs::write(dir.join("plugin.sig"), signature.text())?;
    let manifest = package.manifest();
    say(format_args!(
        "{} {} is signed by {}",
        manifest.name, manifest.version, signature.key
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn publish(
    dir: &Path,
    registry: Option<&str>,
    config: impl FnOnce() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    let address = match registry {
        Some(address) => address.to_owned(),
        None => {
            let root = Paths::new(&config()?.plugins_dir()).registry();
            root.to_string_lossy().into_owned()
        }
    };
    let package = Package::read(dir)?;
    anyhow::ensure!(
        package.is_signed(),
        "the package is not signed: moegate plugin sign --key FILE"
    );
    registry::open(&address)?.publish(&package).await?;
    let (manifest, digest) = (package.manifest(), hex::encode(package.digest()?));
    say(format_args!(
        "{} {} is in {address} (sha256 {digest})",
        manifest.name, manifest.version
    ));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn inspect(dir: &Path) -> anyhow::Result<ExitCode> {
    let package = Package::read(dir)?;
    let (manifest, facts) = (package.manifest(), package.facts());
    say(format_args!(
        "{} {} ({:?}) by {}: {}",
        manifest.name, manifest.version, manifest.kind, manifest.publisher, manifest.description
    ));
    say(format_args!("licence      {}", manifest.license));
    let asked = manifest.capabilities.names().join(", ");
    say(format_args!(
        "asks for     {}",
        if asked.is_empty() { "nothing" } else { &asked }
    ));
    say(format_args!("component    {} bytes", facts.bytes));
    for import in &facts.imports {
        say(format_args!("imports      {import}"));
    }
    for export in &facts.exports {
        say(format_args!("exports      {export}"));
    }
    say(format_args!("examples     {}", package.calibration().len()));
    say(format_args!(
        "signed       {}",
        if package.is_signed() { "yes" } else { "no" }
    ));
    say(format_args!(
        "digest       {}",
        hex::encode(package.digest()?)
    ));
    Ok(ExitCode::SUCCESS)
}
