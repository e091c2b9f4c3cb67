//! `moegate check`: everything `serve` would read, without serving.

use std::process::ExitCode;

use router::Gate;

use super::{ConfigArgs, say};
use crate::catalog::Catalog;
use crate::rates;
use crate::tenants::Tenants;

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let config = args.load()?;
    let catalog = Catalog::read(&config)?;
    let gate = Gate::load(&config.gate.dir)?;
    let book = rates::book(&config)?;
    crate::auth::check_issuers(&config.auth.jwt)?;
    if let Some(tls) = &config.server.tls {
        crate::server::acceptor(tls)?;
    }
    let tenants = Tenants::new(&config);
    let unknown = tenants.unknown_experts(&catalog);
    for (tenant, expert) in &unknown {
        say(format_args!(
            "tenant {tenant} allows the expert {expert}, which nobody offers"
        ));
    }
    if !unknown.is_empty() {
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
