//! The live package with room for what it did not know: experts and scenarios that were seen, and a wide part.

use std::collections::BTreeSet;

use router::{DENSE, ExpertEntry, HIDDEN, Linear, Manifest, Package, Wide};
use units::{ExpertId, ScenarioId};

use super::{Lesson, Options, RetrainError, count_by_expert};
use crate::sparse::logit;

/// Bits of a wide part that is made anew, at most; less where the captures are of a smaller table.
const WIDE_BITS: u32 = 16;
/// A scenario gets a slice of its own from so many outcomes on.
const LEAST_OF_SCENARIO: usize = 20;
/// Logit of a scenario that is never recognised by itself, only declared.
const NEVER: f32 = -20.0;

/// The package with every expert of the lessons. It says of requests what the live one says.
pub(super) fn grow(
    live: &Package,
    lessons: &[&Lesson],
    options: &Options,
) -> Result<Package, RetrainError> {
    let mut package = live.clone();
    let Package { manifest, weights } = &mut package;
    for scenario in scenarios(manifest, lessons) {
        manifest.scenarios.push(scenario);
        push(&mut weights.scenario, NEVER);
    }
    for (expert, count) in count_by_expert(lessons) {
        if manifest.experts.iter().any(|entry| entry.id == expert) {
            continue;
        }
        let first = manifest.domains.first().cloned().unwrap_or_default();
        let named = options.domains.get(&expert);
        let domain = named.filter(|name| manifest.domains.contains(name));
        manifest.experts.push(ExpertEntry {
            domain: domain.cloned().unwrap_or(first),
            samples: u64::try_from(count).unwrap_or(0),
            output_samples: 0,
            latency_samples: 0,
            id: expert.clone(),
        });
        push(&mut weights.quality, logit(mean(lessons, &expert)));
        push(&mut weights.cost, 0.0);
        push(&mut weights.latency, 0.0);
    }
    let before = live.manifest.experts.len();
    let wide = match weights.wide.take() {
        Some(wide) => widened(&wide, manifest, before),
        None => {
            let captured = lessons.iter().map(|lesson| lesson.features.table_bits);
            let widest = captured.min().map_or(WIDE_BITS, |bits| bits + 1);
            manifest.features.wide_bits = widest.min(WIDE_BITS);
            manifest.schema = 2;
            blank(manifest)
        }
    };
    weights.wide = Some(wide);
    Ok(package)
}

/// Scenarios with enough outcomes that the package has no slice for.
fn scenarios(manifest: &Manifest, lessons: &[&Lesson]) -> Vec<ScenarioId> {
    let known: BTreeSet<&ScenarioId> = manifest.scenarios.iter().collect();
    let mut counts = std::collections::BTreeMap::new();
    for lesson in lessons {
        *counts.entry(&lesson.scenario).or_insert(0_usize) += 1;
    }
    let new = counts
        .into_iter()
        .filter(|(id, n)| *n >= LEAST_OF_SCENARIO && !known.contains(id));
    new.map(|(id, _)| id.clone()).collect()
}

/// Mean quality of an expert, with two outcomes of one half added.
fn mean(lessons: &[&Lesson], expert: &ExpertId) -> f32 {
    let own = lessons.iter().filter(|lesson| lesson.expert == *expert);
    let (sum, n) = own.fold((1.0_f32, 2.0_f32), |(sum, n), lesson| {
        (sum + lesson.quality, n + 1.0)
    });
    sum / n
}

fn push(head: &mut Linear, bias: f32) {
    head.rows.push([0.0; HIDDEN]);
    head.bias.push(bias);
}

fn blank(manifest: &Manifest) -> Wide {
    let columns = Wide::columns(manifest);
    Wide {
        rows: vec![0; (1_usize << manifest.features.wide_bits.min(22)) * columns],
        scale: vec![1.0; columns],
        dense: vec![[0.0; DENSE]; columns],
    }
}

/// A wide part with columns for the experts that were added, which say nothing.
fn widened(wide: &Wide, manifest: &Manifest, before: usize) -> Wide {
    let (domains, experts) = (manifest.domains.len(), manifest.experts.len());
    // Where each new column comes from: domains first, then three blocks of experts.
    let blocks = (0..3).flat_map(|block| {
        (0..experts).map(move |at| (at < before).then_some(domains + block * before + at))
    });
    let from: Vec<Option<usize>> = (0..domains).map(Some).chain(blocks).collect();
    let width = wide.scale.len();
    let pick = |row: &[i8], at: &Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or(0);
    let rows = wide.rows.chunks(width.max(1));
    Wide {
        rows: rows
            .flat_map(|row| from.iter().map(move |at| pick(row, at)))
            .collect(),
        scale: from
            .iter()
            .map(|at| at.and_then(|at| wide.scale.get(at)).copied().unwrap_or(1.0))
            .collect(),
        dense: from
            .iter()
            .map(|at| {
                let old = at.and_then(|at| wide.dense.get(at));
                old.copied().unwrap_or([0.0; DENSE])
            })
            .collect(),
    }
}
