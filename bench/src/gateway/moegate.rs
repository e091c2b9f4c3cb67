//! The gateway as it is served: authentication, limits, a budget, gate, ledger and metrics on, and
//! the mock as its remote experts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::server::Server;
use super::{GatewayPlan, quoted};

const TENANT: &str = "bench";

/// Starts it with a key of its tenant.
pub(crate) async fn start(
    plan: &GatewayPlan,
    folder: &Path,
    upstreams: &[SocketAddr],
) -> anyhow::Result<(Server, String)> {
    configure(plan, folder, upstreams)?;
    let file = config_file(folder);
    let said = told(plan, folder, &["key", "create", "--tenant", TENANT]).await?;
    let key = said
        .split(|c: char| c.is_whitespace() || c == '"')
        .find(|word| word.starts_with("mg_"))
        .context("no key is shown")?
        .to_owned();
    let mut serving = Command::new(&plan.moegate);
    serving.args(["serve", "--config"]).arg(&file);
    Ok((Server::announced(serving).await?, key))
}

/// Writes its configuration.
pub(super) fn configure(
    plan: &GatewayPlan,
    folder: &Path,
    upstreams: &[SocketAddr],
) -> anyhow::Result<()> {
    std::fs::write(config_file(folder), config(plan, folder, upstreams)?)?;
    Ok(())
}

/// An expert of the gate package, which is the mock.
pub(super) fn first_expert(gate: &Path) -> anyhow::Result<String> {
    let first = experts(gate)?.into_iter().next();
    first.context("no experts in gate.json")
}

/// Proves the books after the load: what `ledger verify` says.
pub(crate) async fn booked(plan: &GatewayPlan, folder: &Path) -> anyhow::Result<String> {
    told(plan, folder, &["ledger", "verify"]).await
}

/// Packages the bench's guest as the expert `bench/echo`, signs and publishes it, and installs it for the tenant.
pub(super) async fn install(plan: &GatewayPlan, folder: &Path, guest: &Path) -> anyhow::Result<()> {
    let package = folder.join("echo");
    std::fs::create_dir_all(&package)?;
    std::fs::copy(guest, package.join("component.wasm"))
        .with_context(|| guest.display().to_string())?;
    std::fs::write(package.join("plugin.toml"), MANIFEST)?;
    let (package, key) = (text(&package)?, folder.join("echo.key"));
    let key = text(&key)?;
    let made = told(
        plan,
        folder,
        &["plugin", "key", "--id", "bench", "--out", key],
    )
    .await?;
    let public = made.split_whitespace().last().context("no public key")?;
    for arguments in [
        &["plugin", "sign", package, "--key", key][..],
        &["plugin", "publish", package],
        &[
            "plugin",
            "trust",
            "--tenant",
            TENANT,
            "--id",
            "bench",
            "--public",
            public,
            "--namespace",
            "bench",
        ],
        &[
            "plugin",
            "install",
            "bench/echo",
            "--tenant",
            TENANT,
            "--grant",
            "output",
        ],
    ] {
        told(plan, folder, arguments).await?;
    }
    Ok(())
}

/// What the guest imports, and the limits of a partner's plugin.
const MANIFEST: &str = r#"
[plugin]
name = "bench/echo"
version = "0.1.0"
publisher = "bench"
kind = "expert"
wit = "0.1"
license = "Apache-2.0"
description = "The yardstick of a plugin's call"
[expert]
domain = "general"
languages = ["en"]
[capabilities]
output = true
[limits]
cpu-ms = 50
memory-bytes = 16777216
"#;

/// Runs a command of the gateway's program; what it prints.
async fn told(plan: &GatewayPlan, folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(&plan.moegate);
    command
        .args(arguments)
        .env("MOEGATE_CONFIG", config_file(folder));
    let out = command
        .output()
        .await
        .context("the gateway's binary does not run")?;
    let said = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
    ensure!(
        out.status.success(),
        "{}: {said}{complaint}",
        arguments.join(" ")
    );
    Ok(said)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}

fn config_file(folder: &Path) -> PathBuf {
    folder.join("moegate.toml")
}

/// The experts of the gate package, so that the gate has its real choice to make; all are the mock.
fn experts(gate: &Path) -> anyhow::Result<Vec<String>> {
    let file = gate.join("gate.json");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("no gate package at {}", gate.display()))?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let listed = value
        .get("experts")
        .and_then(|v| v.as_array())
        .context("no experts in gate.json")?;
    let name = |expert: &serde_json::Value| {
        let id = expert.as_str().or_else(|| expert.get("id")?.as_str());
        id.map(str::to_owned)
            .context("an expert without id in gate.json")
    };
    listed.iter().map(name).collect()
}

fn config(plan: &GatewayPlan, folder: &Path, upstreams: &[SocketAddr]) -> anyhow::Result<String> {
    let store = quoted(&folder.join("var"))?;
    let gate = quoted(&plan.gate)?;
    let threads = plan.threads;
    let mut text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\nthreads = {threads}\n\n[store]\ndir = {store}\n\n[gate]\ndir = {gate}\n\n\
         [log]\nlevel = \"warn\"\nformat = \"json\"\n\n\
         [[tenants]]\nid = \"{TENANT}\"\nname = \"Bench\"\n[tenants.limits]\n\
         requests_per_minute = 4000000000\ntokens_per_minute = 4000000000000\nconcurrency = 4096\n\
         monthly_budget = \"1000000.00\"\n\n\
         [[tenants.scenarios]]\nid = \"bank-intents\"\nname = \"Intents\"\nunit_of_work = \"a message\"\n\
         value_per_accepted_task = \"0.35\"\n\n\
         [[plugins.rates]]\neffective_from = \"2026-01-01T00:00:00Z\"\nper_hour = \"0.048\"\nsource = \"bench\"\n"
    );
    // Experts in turns, so that a fallback goes elsewhere.
    for (expert, upstream) in experts(&plan.gate)?
        .into_iter()
        .zip(upstreams.iter().cycle())
    {
        let remote = format!(
            "\n[[remotes]]\nid = \"{expert}\"\nbase_url = \"http://{upstream}/v1\"\nupstream_model = \"mock\"\n\
             concurrency = 4096\n[[remotes.prices]]\neffective_from = \"2026-01-01T00:00:00Z\"\n\
             source = \"bench\"\ninput = \"0.40\"\noutput = \"1.60\"\n"
        );
        text.push_str(&remote);
    }
    Ok(text)
}
