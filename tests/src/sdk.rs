//! Runs the Python tests, which drive a gateway with the official OpenAI SDK, and its dashboard in a browser.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// A gateway as `tests/sdk/conftest.py` wants it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Address up to and including `/v1`.
    pub base_url: String,
    /// May use every expert, and is limited by nothing a test reaches.
    pub full: String,
    /// A revoked key.
    pub nobody: String,
    /// One request a minute.
    pub limited: String,
    /// Its budget is used up.
    pub broke: String,
    /// May use some experts only.
    pub narrow: String,
}

/// Runs every Python test against the gateway and returns what pytest printed.
///
/// # Errors
/// A test failed or none ran; the message holds pytest's whole output.
pub fn run(target: &Target) -> anyhow::Result<String> {
    pytest(
        "tests/sdk",
        &[
            ("MOEGATE_BASE_URL", &target.base_url),
            ("KEY_FULL", &target.full),
            ("KEY_NOBODY", &target.nobody),
            ("KEY_LIMITED", &target.limited),
            ("KEY_BROKE", &target.broke),
            ("KEY_NARROW", &target.narrow),
        ],
    )
}

/// A dashboard as `tests/browser` wants it.
#[derive(Debug, Clone)]
pub struct Browsed {
    /// Where it is served.
    pub base_url: String,
    /// A finance user's key.
    pub finance: String,
    /// An operator's key.
    pub operator: String,
    /// Pages of the finance user, parted by blanks.
    pub paths: String,
}

/// Looks at every page in a browser and returns what pytest printed.
///
/// # Errors
/// A test failed or none ran; the message holds pytest's whole output.
pub fn browser(browsed: &Browsed) -> anyhow::Result<String> {
    pytest(
        "tests/browser",
        &[
            ("MOEGATE_BASE_URL", &browsed.base_url),
            ("KEY_FINANCE", &browsed.finance),
            ("KEY_OPERATOR", &browsed.operator),
            ("PATHS", &browsed.paths),
        ],
    )
}

fn pytest(folder: &str, environment: &[(&str, &String)]) -> anyhow::Result<String> {
    let python = python()?;
    let out = Command::new(&python)
        .args(["-m", "pytest"])
        .current_dir(crate::root().join(folder))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(environment.iter().copied())
        .output()
        .with_context(|| format!("{} does not start", python.display()))?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        bail!(
            "pytest: {}\n{said}\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(said)
}

/// The Python of deploy/setup.sh: `MOEGATE_PYTHON`, else the environment in the cache.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let cache = || {
        let user = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
        variable("MOEGATE_CACHE").or(Some(user.join("moegate")))
    };
    let python = variable("MOEGATE_PYTHON").or_else(|| Some(cache()?.join("venv/bin/python")));
    let python = python.context("neither MOEGATE_PYTHON nor HOME is set")?;
    if !python.is_file() {
        bail!(
            "{} is missing: run `deploy/setup.sh test`",
            python.display()
        );
    }
    Ok(python)
}
