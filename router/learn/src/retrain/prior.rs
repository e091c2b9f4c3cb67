//! The lookup prior after what was seen: each slice's mean moves by its new outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use router::{Manifest, PriorKey, PriorRow};
use units::{ExpertId, ScenarioId};

/// What was learned before counts as at most so many outcomes against new ones.
const OLD: u64 = 100;

/// One outcome with the slices it is of.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) domain: Arc<str>,
    pub(super) scenario: ScenarioId,
    pub(super) outside: bool,
    pub(super) expert: ExpertId,
    pub(super) quality: f32,
}

/// The rows of a manifest's prior with some outcomes added.
pub(super) fn updated<'m>(
    manifest: &Manifest,
    marks: impl IntoIterator<Item = &'m Mark>,
) -> Vec<PriorRow> {
    let mut seen: BTreeMap<(String, ExpertId), (PriorKey, u64, f64)> = BTreeMap::new();
    for mark in marks {
        for key in keys(manifest, mark) {
            let cell = seen
                .entry((format!("{key:?}"), mark.expert.clone()))
                .or_insert((key, 0, 0.0));
            cell.1 += 1;
            cell.2 += f64::from(mark.quality);
        }
    }
    let mut rows = manifest.prior.rows.clone();
    for row in &mut rows {
        if let Some((_, n, sum)) = seen.remove(&(format!("{:?}", row.key), row.expert.clone())) {
            let old = row.n.min(OLD);
            row.mean = mean(old, row.mean, n, sum);
            row.n = old.saturating_add(n);
        }
    }
    rows.extend(
        seen.into_iter()
            .map(|((_, expert), (key, n, sum))| PriorRow {
                key,
                expert,
                n,
                mean: mean(0, 0.0, n, sum),
            }),
    );
    rows
}

/// A request out of distribution says nothing of the domain it looks like most.
fn keys(manifest: &Manifest, mark: &Mark) -> Vec<PriorKey> {
    let mut keys = Vec::new();
    if mark.outside {
        keys.push(PriorKey::OutOfDistribution);
    } else {
        keys.push(PriorKey::Domain(mark.domain.to_string()));
    }
    if manifest.scenarios.contains(&mark.scenario) && mark.scenario != ScenarioId::unassigned() {
        keys.push(PriorKey::Scenario(mark.scenario.clone()));
    }
    keys
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a mean needs no exact count and no 64 bits"
)]
fn mean(old: u64, before: f32, n: u64, sum: f64) -> f32 {
    let all = f64::from(before) * old as f64 + sum;
    (all / old.saturating_add(n).max(1) as f64).clamp(0.0, 1.0) as f32
}
