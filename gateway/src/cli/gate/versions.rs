//! `moegate gate list` and `moegate gate rollback`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use units::Clock;

use super::{shown, wait};
use crate::cli::noting::{self, Done};
use crate::cli::{ConfigArgs, Table, say};
use crate::clock::SystemClock;
use crate::gates::{Registry, Role, Version};
use crate::promotion::roll_back as put_back;

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Show what was done, too.
    #[arg(long)]
    history: bool,
    /// `table` or `json`.
    #[arg(long, default_value = "table", value_parser = ["table", "json"])]
    format: String,
}

pub(super) fn roll_back(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = Registry::of(&config);
    let before = registry.pointer(Role::Live)?;
    let live = put_back(&registry, SystemClock::new().now())?;
    let name =
        |version: Option<&Version>| version.map_or("configured".to_owned(), ToString::to_string);
    let done = Done {
        action: "gate.rollback",
        object: "live gate".to_owned(),
        before: Some(name(before.as_ref())),
        after: Some(name(live.as_ref())),
        ..Done::default()
    };
    wait(noting::note_in(&config, done))?;
    match live {
        Some(version) => say(format_args!("version {version} is live again")),
        None => say("the configured gate is live again"),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let registry = Registry::of(&config);
    let (live, shadow) = (
        registry.pointer(Role::Live)?,
        registry.pointer(Role::Shadow)?,
    );
    let mut table = Table::new(&["version", "role", "made", ">learned from", "from"]);
    let mut rows = Vec::new();
    let configured = if live.is_none() { "live" } else { "" };
    table.row(vec!["configured".to_owned(), configured.to_owned()]);
    for version in registry.versions()? {
        let role = match &version {
            version if live.as_ref() == Some(version) => "live",
            version if shadow.as_ref() == Some(version) => "shadow",
            _ => "",
        };
        let lineage = registry.lineage(&version);
        let (made, lessons, parent) = match &lineage {
            Ok(lineage) => (
                shown(lineage.made),
                lineage.figures.lessons.to_string(),
                lineage.parent.clone(),
            ),
            Err(why) => (String::new(), String::new(), why.to_string()),
        };
        rows.push(json!({
            "version": version.as_str(),
            "role": role,
            "lineage": lineage.ok(),
        }));
        table.row(vec![
            version.to_string(),
            role.to_owned(),
            made,
            lessons,
            parent,
        ]);
    }
    let history = if args.history {
        registry.history()?
    } else {
        Vec::new()
    };
    if args.format == "json" {
        let live = live.as_ref().map(ToString::to_string);
        let shadow = shadow.as_ref().map(ToString::to_string);
        say(serde_json::to_string_pretty(&json!({
            "live": live, "shadow": shadow, "versions": rows, "history": history,
        }))?);
        return Ok(ExitCode::SUCCESS);
    }
    say(&table);
    if args.history {
        let mut done = Table::new(&["when", "what", "version", "before", "forced"]);
        for entry in history {
            done.row(vec![
                shown(entry.at),
                entry.action.as_str().to_owned(),
                entry.version.unwrap_or_else(|| "configured".to_owned()),
                entry.before.unwrap_or_default(),
                entry.forced.unwrap_or_default(),
            ]);
        }
        say(done);
    }
    Ok(ExitCode::SUCCESS)
}
