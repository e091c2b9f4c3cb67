//! A small gate with a lookup table of four experts, for this crate's tests.

use units::{DecisionId, ExpertId, ScenarioId, TenantId};
use uuid::Uuid;

use crate::package::{ExpertEntry, Package, PriorKey, PriorRow};
use crate::view::{RequestView, Role, Turn};
use crate::{Candidate, Draw, Gate};

pub(crate) const DOMAINS: [&str; 4] = ["finance", "legal", "medical", "general"];

pub(crate) fn expert(name: &str) -> ExpertId {
    ExpertId::new(name).unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("lexwell").unwrap()
}

/// Knows by lookup that each expert is right on 9 of 10 requests of its own domain.
pub(crate) fn package() -> Package {
    let entry = |domain: &&str| ExpertEntry {
        id: expert(domain),
        domain: (*domain).to_owned(),
        samples: 1_000,
        output_samples: 0,
        latency_samples: 0,
    };
    let row = |key: PriorKey, name: &str, own: bool| PriorRow {
        key,
        expert: expert(name),
        n: 1_000,
        mean: if own { 0.9 } else { 0.02 },
    };
    let mut rows = Vec::new();
    for domain in DOMAINS {
        for name in DOMAINS {
            rows.push(row(
                PriorKey::Domain(domain.to_owned()),
                name,
                domain == name,
            ));
        }
    }
    let scenario = ScenarioId::new("clause-type").unwrap();
    for name in DOMAINS {
        rows.push(row(
            PriorKey::Scenario(scenario.clone()),
            name,
            name == "legal",
        ));
    }
    Package::lookup_only(
        "sample",
        DOMAINS.map(str::to_owned).to_vec(),
        vec![scenario, ScenarioId::unassigned()],
        DOMAINS.iter().map(entry).collect(),
        rows,
    )
}

pub(crate) fn gate() -> Gate {
    Gate::from_package(&package()).unwrap()
}

pub(crate) fn user(text: &str) -> [Turn<'_>; 1] {
    [Turn {
        role: Role::User,
        text,
    }]
}

pub(crate) fn view<'a>(tenant: &'a TenantId, turns: &'a [Turn<'a>]) -> RequestView<'a> {
    RequestView::of_turns(tenant, turns)
}

/// One free and open candidate for each id; the id names the domain.
pub(crate) fn candidates(ids: &[ExpertId]) -> Vec<Candidate<'_>> {
    ids.iter()
        .map(|id| Candidate::new(id, id.as_str()))
        .collect()
}

pub(crate) fn ids() -> Vec<ExpertId> {
    DOMAINS.iter().map(|name| expert(name)).collect()
}

pub(crate) fn draw(random: f64) -> Draw {
    Draw {
        id: DecisionId::from_uuid(Uuid::from_u128(7)),
        random,
    }
}
