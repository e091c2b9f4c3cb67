//! The lookup prior: mean quality of each expert by domain, by scenario and out of distribution, each shrunk to the
//! wider slice by its count.

use crate::package::{Manifest, PriorKey};

/// Dense tables made from the prior's rows.
#[derive(Debug)]
pub(super) struct Lookup {
    strength: f32,
    head_weight: f32,
    /// For each expert: a cell for each domain.
    domains: Vec<Vec<Cell>>,
    /// For each expert: a cell for each scenario, not shrunk.
    scenarios: Vec<Vec<Cell>>,
    /// For each expert: out of distribution.
    outside: Vec<Option<Cell>>,
    /// For each expert: rows seen.
    samples: Vec<f32>,
}

/// A mean over `n` rows.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    mean: f32,
    n: f32,
}

/// What the table says of one expert on one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prior {
    /// Expected quality.
    pub(super) mean: f32,
    /// Rows behind it.
    pub(super) n: f32,
    /// Weight of the learned head against it.
    pub(super) head: f32,
}

impl Lookup {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let (experts, prior) = (manifest.experts.len(), &manifest.prior);
        let mut domains = vec![vec![Cell::default(); manifest.domains.len()]; experts];
        let mut scenarios = vec![vec![Cell::default(); manifest.scenarios.len()]; experts];
        let mut outside = vec![None; experts];
        for row in &prior.rows {
            let Some(expert) = manifest.experts.iter().position(|e| e.id == row.expert) else {
                continue;
            };
            let cell = Cell {
                mean: row.mean,
                n: count(row.n),
            };
            let slot = match &row.key {
                PriorKey::Domain(name) => manifest
                    .domains
                    .iter()
                    .position(|d| d == name)
                    .and_then(|at| domains.get_mut(expert)?.get_mut(at)),
                PriorKey::Scenario(id) => manifest
                    .scenarios
                    .iter()
                    .position(|s| s == id)
                    .and_then(|at| scenarios.get_mut(expert)?.get_mut(at)),
                PriorKey::OutOfDistribution => {
                    outside.get_mut(expert).map(|slot| slot.insert(cell))
                }
            };
            if let Some(slot) = slot {
                *slot = cell;
            }
        }
        for row in &mut domains {
            shrink_to_expert(row, prior.strength);
        }
        Self {
            strength: prior.strength,
            head_weight: prior.head_weight,
            domains,
            scenarios,
            outside,
            samples: manifest.experts.iter().map(|e| count(e.samples)).collect(),
        }
    }

    /// What the table says of `expert` where the domains have these probabilities, the scenario is known or not, and
    /// the request is out of distribution with probability `ood`.
    pub(super) fn prior(
        &self,
        expert: usize,
        domains: &[f32],
        scenario: Option<usize>,
        ood: f32,
    ) -> Prior {
        let cells = self.domains.get(expert).map_or(&[][..], Vec::as_slice);
        let (mut mean, mut n) = (0.0, 0.0);
        for (cell, share) in cells.iter().zip(domains) {
            mean += share * cell.mean;
            n += share * cell.n;
        }
        let row = self.scenarios.get(expert);
        if let Some(cell) = scenario.and_then(|at| row?.get(at)) {
            mean = (self.strength * mean + cell.n * cell.mean) / (self.strength + cell.n);
            n += cell.n;
        }
        let outside = self.outside.get(expert).copied().flatten();
        let outside = outside.unwrap_or(Cell {
            mean: mean * 0.5,
            n: 0.0,
        });
        let samples = self.samples.get(expert).copied().unwrap_or(0.0);
        Prior {
            mean: (1.0 - ood) * mean + ood * outside.mean,
            n: (1.0 - ood) * n + ood * outside.n,
            head: self.head_weight * samples / (samples + self.strength),
        }
    }
}

/// Shrinks each domain's mean to the expert's mean over all domains.
fn shrink_to_expert(row: &mut [Cell], strength: f32) {
    let total: f32 = row.iter().map(|cell| cell.n).sum();
    let hits: f32 = row.iter().map(|cell| cell.n * cell.mean).sum();
    let overall = if total > 0.0 { hits / total } else { 0.5 };
    for cell in row {
        cell.mean = (strength * overall + cell.n * cell.mean) / (strength + cell.n);
    }
}

fn count(n: u64) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a weight needs no exact count")]
    let n = n as f32;
    n
}
