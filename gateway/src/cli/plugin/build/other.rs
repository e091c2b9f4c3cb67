//! Builds plugins in Python and JavaScript with the tools of those languages: the machine's own, else those that
//! `deploy/setup.sh guests` fetches.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::fetched;

pub(super) const COMPONENTIZE_PY: &str = "python/bin/componentize-py";
pub(super) const COMPONENTIZE_JS: &str =
    "js/node_modules/@bytecodealliance/componentize-js/src/componentize.js";

/// Run by node: componentize-js is a library, and jco's command line cannot read a world with dependencies.
const COMPONENTIZE: &str = r#"
import { writeFile } from "node:fs/promises";
const { componentize } = await import(process.argv[1]);
const { component } = await componentize({
  sourcePath: "app.js", witPath: "wit", worldName: "plugin",
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile("component.wasm", component);
"#;

pub(super) fn python(dir: &Path) -> anyhow::Result<()> {
    let own = fetched(COMPONENTIZE_PY);
    let program = own.unwrap_or_else(|| PathBuf::from("componentize-py"));
    let arguments = [
        "-d",
        "wit",
        "-w",
        "plugin",
        "componentize",
        "app",
        "-o",
        "component.wasm",
    ];
    done(
        Command::new(program).current_dir(dir).args(arguments),
        "componentize-py: `pip install componentize-py==0.25.1`, or `deploy/setup.sh guests`",
    )
}

pub(super) fn javascript(dir: &Path) -> anyhow::Result<()> {
    let library = COMPONENTIZE_JS.trim_start_matches("js/");
    let own = std::path::absolute(dir.join(library))?;
    let library = Some(own)
        .filter(|path| path.is_file())
        .or_else(|| fetched(COMPONENTIZE_JS))
        .context("componentize-js is missing: `npm install` in the plugin's folder, or `deploy/setup.sh guests`")?;
    done(
        Command::new("node")
            .current_dir(dir)
            .args(["--input-type=module", "--eval", COMPONENTIZE, "--"])
            .arg(&library),
        "node: see https://nodejs.org",
    )
}

pub(super) fn done(command: &mut Command, remedy: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("{program} does not start; {remedy}"))?;
    anyhow::ensure!(status.success(), "{program} failed");
    Ok(())
}
