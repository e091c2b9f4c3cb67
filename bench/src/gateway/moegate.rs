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
pub(super) async fn start(
    plan: &GatewayPlan,
    folder: &Path,
    upstream: SocketAddr,
) -> anyhow::Result<(Server, String)> {
    let file = config_file(folder);
    std::fs::write(&file, config(plan, folder, upstream)?)?;
    let mut making = Command::new(&plan.moegate);
    making
        .args(["key", "--config"])
        .arg(&file)
        .args(["create", "--tenant", TENANT]);
    let made = making
        .output()
        .await
        .context("the gateway's binary does not run")?;
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
    ensure!(made.status.success(), "no key is made: {said}{complaint}");
    let key = said
        .split(|c: char| c.is_whitespace() || c == '"')
        .find(|word| word.starts_with("mg_"))
        .context("no key is shown")?
        .to_owned();
    let mut serving = Command::new(&plan.moegate);
    serving.args(["serve", "--config"]).arg(&file);
    Ok((Server::announced(serving).await?, key))
}

/// Proves the books after the load: what `ledger verify` says.
pub(super) async fn booked(plan: &GatewayPlan, folder: &Path) -> anyhow::Result<String> {
    let mut verifying = Command::new(&plan.moegate);
    verifying
        .args(["ledger", "--config"])
        .arg(config_file(folder))
        .arg("verify");
    let verified = verifying.output().await?;
    let said = String::from_utf8_lossy(&verified.stdout).trim().to_owned();
    let complaint = String::from_utf8_lossy(&verified.stderr).into_owned();
    ensure!(
        verified.status.success(),
        "the books are wrong: {said}{complaint}"
    );
    Ok(said)
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

fn config(plan: &GatewayPlan, folder: &Path, upstream: SocketAddr) -> anyhow::Result<String> {
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
         value_per_accepted_task = \"0.35\"\n"
    );
    for expert in experts(&plan.gate)? {
        let remote = format!(
            "\n[[remotes]]\nid = \"{expert}\"\nbase_url = \"http://{upstream}/v1\"\nupstream_model = \"mock\"\n\
             concurrency = 4096\n[[remotes.prices]]\neffective_from = \"2026-01-01T00:00:00Z\"\n\
             source = \"bench\"\ninput = \"0.40\"\noutput = \"1.60\"\n"
        );
        text.push_str(&remote);
    }
    Ok(text)
}
