//! `moegate gate explain "text"`: features, candidates, predictions and the choice of the live gate.

use std::process::ExitCode;

use clap::Args;
use ledger::RateBook;
use router::{Draw, Gate, Policy, RequestView, Role, Scratch, Turn, explain};
use units::{Clock, ExpertId, IdSource, ScenarioId, TenantId};

use crate::catalog::{Catalog, price_at};
use crate::cli::{ConfigArgs, say};
use crate::clock::{SystemClock, UuidSource};
use crate::gates::Registry;
use crate::retraining::live_folder;
use crate::tenants::Tenants;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The text of the user's message.
    text: String,
    /// Whose rules apply; the first tenant of the configuration where none is given.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The scenario the client declares.
    #[arg(long)]
    scenario: Option<ScenarioId>,
    /// The expert the client names instead of `auto`.
    #[arg(long)]
    model: Option<ExpertId>,
    /// `text` or `json`.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    format: String,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.load()?;
    let catalog = Catalog::read(&config)?;
    let gate = Gate::load(&live_folder(&config, &Registry::of(&config))?)?;
    let book: RateBook = crate::rates::book(&config)?;
    let tenants = Tenants::new(&config);
    let first = config.tenants.first().map(|t| t.id.clone());
    let Some(id) = args.tenant.clone().or(first) else {
        anyhow::bail!("the configuration has no tenant");
    };
    let Some(tenant) = tenants.get(&id) else {
        anyhow::bail!("there is no tenant {id}")
    };
    let turns = [Turn {
        role: Role::User,
        text: &args.text,
    }];
    let view = RequestView {
        scenario: args.scenario.as_ref(),
        scenarios: &tenant.scenarios,
        pinned: args.model.as_ref(),
        ..RequestView::of_turns(&id, &turns)
    };
    let now = SystemClock::new().now();
    let candidates: Vec<_> = catalog
        .experts()
        .iter()
        .map(|expert| expert.candidate(price_at(&expert.host, &book, now)))
        .collect();
    let mut scratch = Scratch::new();
    let guess = gate.read(&view, &mut scratch).scenario().clone();
    let unassigned = ScenarioId::unassigned();
    let sure = guess.probability >= config.gate.scenario_threshold;
    let scenario = args
        .scenario
        .as_ref()
        .unwrap_or(if sure { &guess.id } else { &unassigned });
    let policy: &Policy = &tenant.rule(scenario).policy;
    let draw = Draw {
        id: UuidSource.decision(),
        random: 0.5,
    };
    let explanation = explain(&gate, &view, &candidates, policy, &draw)?;
    match args.format.as_str() {
        "json" => say(serde_json::to_string_pretty(&explanation)?),
        _ => say(explanation),
    }
    Ok(ExitCode::SUCCESS)
}
