//! What types alone cannot say about a configuration.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::experts::IdleName;
use super::{Config, PoolConfig, RemoteConfig, ScenarioConfig, TenantConfig};

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: {why}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A key is unknown, or its value is wrong.
    #[error("{origin}: {key}: {why}", origin = origin.display())]
    Value {
        /// The file, or the environment variable.
        origin: PathBuf,
        /// The key's path, such as `tenants[0].limits`.
        key: String,
        /// What is wrong and what is expected.
        why: String,
    },
    /// A flag cannot be applied.
    #[error("flag {key}: {why}")]
    Flag {
        /// The key the flag sets.
        key: String,
        /// What is wrong.
        why: String,
    },
}

type Wrong = (String, String);

fn wrong<T>(key: impl Into<String>, why: impl Into<String>) -> Result<T, Wrong> {
    Err((key.into(), why.into()))
}

pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    check_server(config)?;
    check_policy(config)?;
    if let Some(url) = &config.alerts.url {
        let uri = url.parse::<http::Uri>().ok();
        let plain = uri.filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if plain.is_none() {
            return wrong("alerts.url", "must be an http:// address with a host");
        }
    }
    let mut names = BTreeSet::new();
    check_exchange(config)?;
    for (at, pool) in config.pools.iter().enumerate() {
        check_pool(&format!("pools[{at}]"), pool)?;
        if !names.insert(pool.id.as_str()) {
            return wrong(format!("pools[{at}].id"), "is used twice");
        }
        let known = |tenant: &units::TenantId| config.tenants.iter().any(|one| one.id == *tenant);
        if let Some(tenant) = pool.reserved.keys().find(|tenant| !known(tenant)) {
            return wrong(
                format!("pools[{at}].reserved.{tenant}"),
                "is no tenant of this configuration",
            );
        }
    }
    for (at, remote) in config.remotes.iter().enumerate() {
        check_remote(&format!("remotes[{at}]"), remote)?;
        if !names.insert(remote.id.as_str()) {
            return wrong(format!("remotes[{at}].id"), "is used twice");
        }
    }
    let mut tenants = BTreeSet::new();
    for (at, tenant) in config.tenants.iter().enumerate() {
        check_tenant(&format!("tenants[{at}]"), tenant)?;
        if !tenants.insert(tenant.id.as_str()) {
            return wrong(format!("tenants[{at}].id"), "is used twice");
        }
    }
    Ok(())
}

fn check_exchange(config: &Config) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    for (at, row) in config.fx.iter().enumerate() {
        let key = |field: &str| format!("fx[{at}].{field}");
        if row.from == row.to {
            return wrong(key("to"), "is the same currency");
        }
        if row.rate == units::Pico::ZERO {
            return wrong(key("rate"), "must be above 0");
        }
        let Ok(instant) = row.effective_from.parse::<jiff::Timestamp>() else {
            let why = format!("{:?} is no RFC 3339 instant", row.effective_from);
            return wrong(key("effective_from"), why);
        };
        if !seen.insert((row.from, row.to, instant)) {
            let why = "two rates of one currency start at the same instant";
            return wrong(key("effective_from"), why);
        }
    }
    Ok(())
}

fn check_server(config: &Config) -> Result<(), Wrong> {
    let server = &config.server;
    for (key, value) in [
        ("server.header_timeout_ms", server.header_timeout_ms),
        ("server.body_timeout_ms", server.body_timeout_ms),
        ("server.idle_timeout_ms", server.idle_timeout_ms),
        ("server.request_timeout_ms", server.request_timeout_ms),
    ] {
        if !(1..=3_600_000).contains(&value) {
            return wrong(key, "must be between 1 and 3600000 milliseconds");
        }
    }
    if server.max_connections == 0 {
        return wrong("server.max_connections", "must be at least 1");
    }
    if !(1_024..=256 << 20).contains(&server.max_body_bytes) {
        return wrong("server.max_body_bytes", "must be between 1 KiB and 256 MiB");
    }
    if server.threads.is_some_and(|n| !(1..=256).contains(&n)) {
        return wrong("server.threads", "must be between 1 and 256");
    }
    let window = config.store.window_seconds;
    if window == 0 || 900_u32.checked_rem(window) != Some(0) {
        return wrong("store.window_seconds", "must divide 900");
    }
    Ok(())
}

fn check_policy(config: &Config) -> Result<(), Wrong> {
    let policy = &config.policy;
    for (key, value, top) in [
        ("policy.exploration", policy.exploration, 0.2),
        ("policy.explore_within", policy.explore_within, 1.0),
        ("policy.abstain_below", policy.abstain_below, 1.0),
        (
            "policy.out_of_distribution_above",
            policy.out_of_distribution_above,
            1.0,
        ),
        (
            "gate.scenario_threshold",
            config.gate.scenario_threshold,
            1.0,
        ),
    ] {
        if !(0.0..=top).contains(&value) {
            return wrong(key, format!("must be between 0 and {top}"));
        }
    }
    if !(20..=1_000_000).contains(&config.gate.drift_window) {
        return wrong("gate.drift_window", "must be between 20 and 1000000");
    }
    if !(1..=8).contains(&policy.max_experts) {
        return wrong("policy.max_experts", "must be between 1 and 8");
    }
    Ok(())
}

fn check_pool(key: &str, pool: &PoolConfig) -> Result<(), Wrong> {
    if pool.workers.is_empty() && pool.dns.is_empty() && pool.children.is_none() {
        return wrong(key, "needs workers, dns or children");
    }
    if let Some(children) = &pool.children {
        if !(1..=64).contains(&children.count) {
            return wrong(format!("{key}.children.count"), "must be between 1 and 64");
        }
        if pool.experts.is_empty() {
            return wrong(format!("{key}.experts"), "must name what the children host");
        }
    }
    if (pool.idle == IdleName::Reserved) == pool.reserved.is_empty() {
        return wrong(
            format!("{key}.reserved"),
            "names guaranteed capacity where idle is \"reserved\", and only there",
        );
    }
    check_dates(
        key,
        "rates",
        pool.rates.iter().map(|r| r.effective_from.as_str()),
    )
}

fn check_remote(key: &str, remote: &RemoteConfig) -> Result<(), Wrong> {
    if !(0.0..=1.0).contains(&remote.quality) {
        return wrong(format!("{key}.quality"), "must be between 0 and 1");
    }
    let web = remote.base_url.starts_with("http://") || remote.base_url.starts_with("https://");
    if !web {
        return wrong(
            format!("{key}.base_url"),
            "must start with http:// or https://",
        );
    }
    for (at, price) in remote.prices.iter().enumerate() {
        let mut bounds = BTreeSet::new();
        for tier in &price.tiers {
            if !bounds.insert(tier.above_input_tokens) {
                return wrong(
                    format!("{key}.prices[{at}].tiers"),
                    format!("two are above {} tokens", tier.above_input_tokens),
                );
            }
        }
    }
    check_dates(
        key,
        "prices",
        remote.prices.iter().map(|r| r.effective_from.as_str()),
    )
}

fn check_dates<'a>(
    key: &str,
    list: &str,
    dates: impl Iterator<Item = &'a str>,
) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    for (at, date) in dates.enumerate() {
        let key = format!("{key}.{list}[{at}].effective_from");
        match date.parse::<jiff::Timestamp>() {
            Err(_) => return wrong(key, format!("{date:?} is no RFC 3339 instant")),
            Ok(instant) if !seen.insert(instant) => {
                return wrong(key, "two rows start at the same instant");
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

fn check_tenant(key: &str, tenant: &TenantConfig) -> Result<(), Wrong> {
    for (name, share, top) in [
        ("exploration", tenant.exploration, 0.2),
        ("explore_within", tenant.explore_within, 1.0),
    ] {
        if share.is_some_and(|share| !(0.0..=top).contains(&share)) {
            return wrong(
                format!("{key}.{name}"),
                format!("must be between 0 and {top}"),
            );
        }
    }
    if tenant
        .capture
        .is_some_and(|capture| !(1..=3_650).contains(&capture.days))
    {
        return wrong(format!("{key}.capture.days"), "must be between 1 and 3650");
    }
    let own =
        |tag: &String| !ledger::is_tag_key(tag) || ["scenario", "task"].contains(&tag.as_str());
    if tenant.tags.len() > 8 || tenant.tags.iter().any(own) {
        return wrong(
            format!("{key}.tags"),
            "expected at most 8 keys of a-z, 0-9, _ and -, and neither `scenario` nor `task`",
        );
    }
    let mut scenarios = BTreeSet::new();
    for (at, scenario) in tenant.scenarios.iter().enumerate() {
        let key = format!("{key}.scenarios[{at}]");
        if !scenarios.insert(scenario.id.as_str()) {
            return wrong(format!("{key}.id"), "is used twice");
        }
        if scenario.id.as_str() == "unassigned" {
            return wrong(
                format!("{key}.id"),
                "`unassigned` is kept for requests without one",
            );
        }
        if !(0.0..=1.0).contains(&scenario.acceptance_threshold) {
            return wrong(
                format!("{key}.acceptance_threshold"),
                "must be between 0 and 1",
            );
        }
        check_sampling(&key, scenario)?;
    }
    Ok(())
}

/// Who judges and what checks.
fn check_sampling(key: &str, scenario: &ScenarioConfig) -> Result<(), Wrong> {
    let shares = [
        ("judge", scenario.judge.as_ref().map(|one| one.share)),
        ("verifier", scenario.verifier.as_ref().map(|one| one.share)),
    ];
    for (who, share) in shares {
        if share.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
            return wrong(
                format!("{key}.{who}.share"),
                "must be above 0 and at most 1",
            );
        }
    }
    let Some(judge) = &scenario.judge else {
        return Ok(());
    };
    if judge.against.as_ref() == Some(&judge.expert) {
        return wrong(
            format!("{key}.judge.against"),
            "nobody judges their own answer",
        );
    }
    if judge.rubric.trim().is_empty() || judge.rubric.len() > 4_000 {
        return wrong(
            format!("{key}.judge.rubric"),
            "must say in 1 to 4000 bytes what makes an answer good",
        );
    }
    Ok(())
}
