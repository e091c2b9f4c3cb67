//! Asks a gate again about a request that was decided before, from its captured features and the decision on record: the
//! same candidates at the costs and latencies of that moment, under the scenario's rule of today, without exploration.

use ledger::Candidate as Recorded;
use router::{
    Candidate, Captured, DecideError, Decision, Draw, Exploration, Gate, Policy, Price,
    RequestView, Scratch, decide,
};
use units::{DecisionId, Pico, ScenarioId, TenantId, Tokens};

use crate::catalog::Catalog;
use crate::tenants::Tenant;

/// A decided request without its text.
#[derive(Debug, Clone, Copy)]
pub struct Remembered<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Its decision.
    pub decision: DecisionId,
    /// The scenario it counts for.
    pub scenario: &'a ScenarioId,
    /// What the gate read.
    pub features: &'a Captured,
    /// The experts that could have been chosen, as they stood.
    pub candidates: &'a [Recorded],
}

/// Why a request cannot be asked about again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Its features are of smaller tables than the gate's.
    #[error("features of smaller tables than the gate's")]
    Smaller,
    /// The rule of today leaves no expert.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

/// What a gate would choose.
///
/// # Errors
/// The features do not fit the gate, or no candidate is left.
pub fn replay(
    gate: &Gate,
    request: &Remembered<'_>,
    tenant: &Tenant,
    catalog: &Catalog,
    scratch: &mut Scratch,
) -> Result<Decision, ReplayError> {
    let known = *request.scenario != ScenarioId::unassigned();
    let view = RequestView {
        scenario: known.then_some(request.scenario),
        scenarios: &tenant.scenarios,
        // Cost is as it was recorded; nothing is priced by tokens again.
        input_tokens: Some(Tokens::ZERO),
        ..RequestView::of_turns(request.tenant, &[])
    };
    let reading = gate
        .recall(request.features, &view, scratch)
        .ok_or(ReplayError::Smaller)?;
    let candidates: Vec<Candidate<'_>> = request
        .candidates
        .iter()
        .map(|recorded| standing(recorded, catalog))
        .collect();
    let policy = Policy {
        exploration: Exploration::NONE,
        ..tenant.rule(request.scenario).policy.clone()
    };
    let draw = Draw {
        id: request.decision,
        random: 0.0,
    };
    Ok(decide(&reading, &candidates, &policy, &draw)?)
}

/// A candidate as it stood: its cost for the whole request, its latency with the queue.
fn standing<'a>(recorded: &'a Recorded, catalog: &'a Catalog) -> Candidate<'a> {
    let entry = catalog.get(&recorded.expert);
    let base = match entry {
        Some(entry) => entry.candidate(Price::default()),
        None => Candidate::new(&recorded.expert, ""),
    };
    Candidate {
        price: Price {
            per_request: recorded.cost.unwrap_or(Pico::ZERO),
            ..Price::default()
        },
        // What could be chosen fitted then.
        context_tokens: None,
        typical_latency: recorded.latency.or(base.typical_latency),
        ..base
    }
}
