//! The files of a new plugin, and the SDK that goes with it: all inside this program, so that an author needs nothing
//! else.

use std::path::Path;

use anyhow::Context;
use plugin_package::PluginName;

use super::Export;

macro_rules! sdk {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!("../../../../experts-sdk/", $path)),
        )
    };
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../../experts-sdk/templates/rust/", $path))
    };
}

const SDK: &[(&str, &str)] = &[
    sdk!("Cargo.toml"),
    sdk!("src/lib.rs"),
    sdk!("src/chat.rs"),
    sdk!("src/calls.rs"),
    sdk!("src/testing.rs"),
    sdk!("src/testing/outside.rs"),
    sdk!("wit/plugin.wit"),
    sdk!("macros/Cargo.toml"),
    sdk!("macros/src/lib.rs"),
];

/// Writes a Rust plugin into a folder that is empty or not there.
pub(super) fn rust(name: &PluginName, kind: Export, dir: &Path) -> anyhow::Result<()> {
    let taken = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    anyhow::ensure!(!taken, "{} is not empty", dir.display());
    let (word, source, manifest, case) = match kind {
        Export::Expert => (
            "expert",
            template!("expert.rs.in"),
            template!("expert.toml.in"),
            template!("expert.case.in"),
        ),
        Export::Workflow => (
            "workflow",
            template!("workflow.rs.in"),
            template!("workflow.toml.in"),
            template!("workflow.case.in"),
        ),
    };
    let filled = |text: &str| {
        let text = text
            .replace("{{namespace}}", name.namespace())
            .replace("{{name}}", name.name());
        text.replace("{{kind}}", word)
    };
    for (path, text) in [
        ("Cargo.toml", template!("Cargo.toml.in")),
        ("plugin.toml", manifest),
        ("src/lib.rs", source),
        ("cases/first.json", case),
        ("README.md", template!("README.md.in")),
        (".gitignore", "target\ncomponent.wasm\n*.key\n"),
    ] {
        write(&dir.join(path), &filled(text))?;
    }
    for (path, text) in SDK {
        // Outside its own workspace the SDK stands alone.
        let text = text.replace("[lints]\nworkspace = true\n", "");
        write(&dir.join(".moegate/experts-sdk").join(path), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
