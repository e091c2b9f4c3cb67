//! `moegate check`: everything `serve` would read, without serving.

use std::process::ExitCode;

use router::Gate;

use super::{ConfigArgs, say};
use crate::catalog::Catalog;
use crate::gates::Registry;
use crate::rates;
use crate::retraining::live_folder;
use crate::tenants::Tenants;

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let config = args.load()?;
    let catalog = Catalog::read(&config)?;
    let gate = Gate::load(&live_folder(&config, &Registry::of(&config))?)?;
    let book = rates::book(&config)?;
    crate::auth::check_issuers(&config.auth.jwt)?;
    if let Some(tls) = &config.server.tls {
        crate::server::acceptor(tls)?;
    }
    // Addresses and keys of remotes; children are started by `serve` alone.
    crate::pools::expert_pools(&config, &[])?;
    let tenants = Tenants::new(&config);
    let mut slips = 0_usize;
    for (tenant, expert) in tenants.unknown_experts(&catalog) {
        say(format_args!(
            "tenant {tenant} allows the expert {expert}, which nobody offers"
        ));
        slips = slips.saturating_add(1);
    }
    for (tenant, scenario, task) in tenants.unknown_tasks(&catalog) {
        say(format_args!(
            "scenario {scenario} of tenant {tenant} asks for the task {task}, which no expert has"
        ));
        slips = slips.saturating_add(1);
    }
    if slips > 0 {
        return Ok(ExitCode::FAILURE);
    }
    say(format_args!(
        "{}: {} experts, {} tenants, {} rates, gate {}",
        args.config.display(),
        catalog.experts().len(),
        config.tenants.len(),
        book.rows().count(),
        gate.version(),
    ));
    Ok(ExitCode::SUCCESS)
}
