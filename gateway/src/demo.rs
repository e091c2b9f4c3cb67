//! The demo: a whole gateway on this machine, real keys, sample traffic through the public API, and the
//! checks that say whether everything held.

mod checks;
mod client;
mod learning;
mod play;
mod plugins;
mod traffic;

pub use checks::Check;
pub use client::{Answered, Client};
pub use play::{Played, play};
pub use traffic::{Sample, read as read_traffic};

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Method, StatusCode};
use ledger_store::Author;
use units::{ScenarioId, TenantId};

use crate::app::App;
use crate::auth::{Role, Roles};
use crate::business::BusinessCase;
use crate::cli::{ledger_report, make_key, say, scenario_report};
use crate::stored_keys::KeySettings;

/// Time for workers to load and answer their first probe.
const READY_TIME: Duration = Duration::from_secs(180);

/// What the demo leaves behind for people to try.
#[derive(Debug)]
pub struct Outcome {
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// A key of each tenant.
    pub keys: BTreeMap<TenantId, String>,
    /// A key that may see the dashboard.
    pub finance: String,
    /// A key that may see the operator's pages, where a tenant runs the gateway.
    pub operator: Option<String>,
}

/// Plays the traffic against a running gateway and prints what it cost.
///
/// # Errors
/// The gateway does not get ready, or the traffic file is wrong.
pub async fn run(app: &Arc<App>, client: &Client, traffic: &Path) -> anyhow::Result<Outcome> {
    let samples = read_traffic(traffic)?;
    wait_until_ready(client).await?;
    let keys = make_keys(app).await?;
    let finance = make_finance_key(app, &samples).await?;
    let operator = make_operator_key(app).await?;
    app.refresh_keys().await?;
    let before = recorded(app).await?;
    say(format_args!(
        "playing {} requests of {} tenants …",
        samples.len(),
        keys.len()
    ));
    let (started, since) = (app.clock.monotonic(), app.clock.now());
    let mut first = samples;
    let rest = first.split_off(first.len().saturating_mul(2) / 3);
    let mut played = play(client, &keys, first).await?;
    let made = learning::retrain(app, since).await?;
    played.extend(play(client, &keys, rest).await?);
    let for_plugins = traffic.with_file_name("plugin-traffic.jsonl");
    if for_plugins.is_file() {
        let installed = plugins::install(app, Path::new("plugins")).await?;
        say(format_args!("asking {} plugins …", installed.len()));
        let mut samples = read_traffic(&for_plugins)?;
        samples.retain(|sample| installed.contains(sample.scenario.as_str()));
        played.extend(play(client, &keys, samples).await?);
    }
    put_cases(app, &traffic.with_file_name("cases")).await?;
    let took = app.clock.monotonic().saturating_sub(started).to_duration();
    app.record_fresh_counters().await;
    app.recorder
        .drain()
        .await
        .context("the journal is not in the store")?;
    app.recorder.store().settle(app.clock.now()).await?;
    let span = crate::cli::last_days(app.clock.now(), 1);
    let rows = app.recorder.store().scenario_summaries(None, span).await?;
    let books = app.recorder.store().verify().await?;
    say("");
    say(scenario_report(&rows));
    say(ledger_report(&books));
    say(play::by_language(&played));
    say(format_args!(
        "{} answers in {:.1} s",
        played.len(),
        took.as_secs_f64()
    ));
    say("");
    let learned = learning::tell(app, made.version).await?;
    let mut checks = checks::all(app, client, &keys, &played, before, &rows, &books).await?;
    checks.push(checks::of_learning(&learned));
    for check in &checks {
        say(check);
    }
    Ok(Outcome {
        checks,
        keys,
        finance,
        operator,
    })
}

/// Puts the assumed cases of the demo where a scenario has none: files named `tenant.scenario.toml`.
async fn put_cases(app: &App, folder: &Path) -> anyhow::Result<()> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    let store = app.recorder.store();
    let known = store.cases(None).await?;
    for file in files {
        let file = file?.path();
        let name = file
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let (tenant, scenario) = name.split_once('.').context("a case's name")?;
        let (tenant, scenario) = (TenantId::new(tenant)?, ScenarioId::new(scenario)?);
        let is_there = known
            .iter()
            .any(|one| one.tenant == tenant && one.scenario == scenario);
        if is_there || app.tenants.get(&tenant).is_none() {
            continue;
        }
        let text = std::fs::read_to_string(&file)?;
        let case = BusinessCase::from_toml(&text).with_context(|| file.display().to_string())?;
        let by = Author {
            actor: "demo".to_owned(),
            at: app.clock.now(),
            reason: "assumed for the demo".to_owned(),
        };
        let body = serde_json::to_string(&case)?;
        store.put_case(tenant, scenario, body, by).await?;
    }
    Ok(())
}

async fn recorded(app: &App) -> anyhow::Result<u64> {
    app.recorder.drain().await?;
    Ok(app.recorder.store().verify().await?.requests)
}

async fn wait_until_ready(client: &Client) -> anyhow::Result<()> {
    let wait = async {
        loop {
            let (head, _) = client.send(Method::GET, "/ready", None, None).await?;
            if head.status == StatusCode::OK {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(READY_TIME, wait)
        .await
        .context("no expert got ready in time")?
}

async fn make_keys(app: &App) -> anyhow::Result<BTreeMap<TenantId, String>> {
    let mut keys = BTreeMap::new();
    for (tenant, _) in app.tenants.iter() {
        let settings = KeySettings {
            name: Some("demo".to_owned()),
            // The player knows the right answers and says so.
            roles: Roles::USER.with(Role::Reviewer),
            ..KeySettings::default()
        };
        let key = make_key(app.recorder.store().as_ref(), tenant, &settings, None).await?;
        keys.insert(tenant.clone(), key.expose().to_owned());
    }
    Ok(keys)
}

async fn make_operator_key(app: &App) -> anyhow::Result<Option<String>> {
    let Some((tenant, _)) = app.tenants.iter().find(|(_, tenant)| tenant.operator) else {
        return Ok(None);
    };
    let settings = KeySettings {
        name: Some("demo operator".to_owned()),
        roles: Roles::NONE.with(Role::Admin),
        ..KeySettings::default()
    };
    let key = make_key(app.recorder.store().as_ref(), tenant, &settings, None).await?;
    Ok(Some(key.expose().to_owned()))
}

async fn make_finance_key(app: &App, samples: &[Sample]) -> anyhow::Result<String> {
    let tenant = samples
        .first()
        .context("the traffic file is empty")?
        .tenant
        .clone();
    let settings = KeySettings {
        name: Some("demo dashboard".to_owned()),
        roles: Roles::NONE.with(Role::Finance).with(Role::Admin),
        ..KeySettings::default()
    };
    let key = make_key(app.recorder.store().as_ref(), &tenant, &settings, None).await?;
    Ok(key.expose().to_owned())
}
