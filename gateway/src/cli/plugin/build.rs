//! Makes component.wasm of a plugin's folder, in whatever language it is written, and shows what came out.

mod c;
mod other;
mod rust;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use plugin_package::{Facts, Kind, Manifest};

use crate::cli::say;

/// The interfaces, for languages that make their types when they are built.
pub(crate) const WIT: &str = include_str!("../../../../experts-sdk/wit/plugin.wit");

pub(super) fn run(dir: &Path) -> anyhow::Result<ExitCode> {
    let facts = component(dir)?;
    say(format_args!("component.wasm: {} bytes", facts.bytes));
    for import in &facts.imports {
        say(format_args!("imports {import}"));
    }
    Ok(ExitCode::SUCCESS)
}

type Build = fn(&Path) -> anyhow::Result<()>;

/// Languages other than Rust: the file that tells one, how it is built, and what setup fetches for it.
const OTHERS: [(&str, Build, &str); 3] = [
    ("app.py", other::python, other::COMPONENTIZE_PY),
    ("app.js", other::javascript, other::COMPONENTIZE_JS),
    ("app.c", c::component, c::PYTHON),
];

/// Builds component.wasm in a plugin's folder, which must be what its manifest says.
///
/// # Errors
/// The folder holds no plugin, its tools are missing or fail, or the component asks for more than its manifest.
pub(crate) fn component(dir: &Path) -> anyhow::Result<Facts> {
    let manifest = std::fs::read_to_string(dir.join("plugin.toml")).context("plugin.toml")?;
    let manifest = Manifest::parse(&manifest)?;
    let is_there = |file: &str| dir.join(file).is_file();
    let bytes = if is_there("Cargo.toml") {
        rust::component(dir, &manifest)?
    } else {
        let found = OTHERS.into_iter().find(|(file, _, _)| is_there(file));
        let (_, build, _) = found.with_context(|| {
            format!(
                "{} holds none of Cargo.toml, app.py, app.js and app.c",
                dir.display()
            )
        })?;
        write_world(dir, &manifest)?;
        build(dir)?;
        let built = dir.join("component.wasm");
        std::fs::read(&built).with_context(|| built.display().to_string())?
    };
    let facts = Facts::of(&bytes)?;
    facts.check(&manifest)?;
    std::fs::write(dir.join("component.wasm"), &bytes)?;
    Ok(facts)
}

/// Has setup fetched what builds this folder's plugin?
pub(crate) fn has_tools(dir: &Path) -> bool {
    OTHERS
        .iter()
        .any(|(file, _, tool)| dir.join(file).is_file() && fetched(tool).is_some())
}

/// A file that setup has fetched.
fn fetched(path: &str) -> Option<PathBuf> {
    let file = cache()?.join("guests").join(path);
    file.is_file().then_some(file)
}

/// Writes the world of a plugin: the interfaces that its manifest asks for, and nothing else.
pub(super) fn write_world(dir: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let wit = dir.join("wit");
    let package = wit.join("deps/moegate-plugin");
    std::fs::create_dir_all(&package).with_context(|| package.display().to_string())?;
    std::fs::write(package.join("plugin.wit"), WIT)?;
    std::fs::write(wit.join("world.wit"), world(manifest))?;
    Ok(())
}

fn world(manifest: &Manifest) -> String {
    let mut text = String::from(
        "// Written by `moegate plugin build`: what plugin.toml asks for, and what its kind exports.\n\
         package local:plugin;\n\nworld plugin {\n",
    );
    for interface in ["trace", "context"]
        .into_iter()
        .chain(manifest.capabilities.names())
    {
        text.push_str(&format!("  import moegate:plugin/{interface}@0.1.0;\n"));
    }
    let export = match manifest.kind {
        Kind::Expert => "expert-api",
        Kind::Workflow => "workflow-api",
    };
    text.push_str(&format!("  export moegate:plugin/{export}@0.1.0;\n}}\n"));
    text
}

/// Where `deploy/setup.sh` puts what it fetches.
pub(crate) fn cache() -> Option<PathBuf> {
    let of = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    of("MOEGATE_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|cache| cache.join("moegate")))
        .or_else(|| of("HOME").map(|home| home.join(".cache/moegate")))
}
