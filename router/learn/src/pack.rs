//! From fitted parts to a package: parts mixed, tables in 8 bits, the lookup prior, and where all of it came from.

use router::{
    Calibration, DENSE, DIM, ExpertEntry, Linear, Manifest, Package, Platt, Prior, PriorKey,
    PriorRow, Source, Spec, Training, Weights, Wide,
};
use units::ScenarioId;

use crate::encode::KNOWN_BITS;
use crate::fit::FitOptions;
use crate::parts::Parts;
use crate::table::{Fold, OutcomeTable, Row};
use crate::wide::WideFit;

/// Rows at which a slice's own mean weighs as much as what it is shrunk to.
pub const STRENGTH: f32 = 20.0;

/// How the parts are mixed; a share is the wide part's, the network has the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Of the domains' logits.
    pub domain: f32,
    /// Factor of the mixed logits of the domains: their temperature's inverse.
    pub sharpness: f32,
    /// Of the quality's logits.
    pub quality: f32,
    /// Of tokens and seconds.
    pub usage: f32,
    /// Added to each expert's `ln(1 + output tokens)`, so that predictions are means and not medians.
    pub output_shift: Vec<f32>,
    /// Weight of what was learned against the lookup prior, in `[0, 1]`.
    pub learned: f32,
}

impl Mix {
    /// The network alone.
    pub fn network(experts: usize) -> Self {
        Self {
            domain: 0.0,
            sharpness: 1.0,
            quality: 0.0,
            usage: 0.0,
            output_shift: vec![0.0; experts],
            learned: 1.0,
        }
    }
}

/// The package of parts under a mix, without calibration.
pub fn package(parts: &Parts, table: &OutcomeTable, mix: &Mix, options: &FitOptions) -> Package {
    let manifest = manifest(parts, table, mix, options);
    let weights = weights(parts, mix);
    Package { manifest, weights }
}

fn manifest(parts: &Parts, table: &OutcomeTable, mix: &Mix, options: &FitOptions) -> Manifest {
    let seen = |expert: usize, holds: &dyn Fn(&Row, usize) -> bool| {
        count(table.fold(Fold::Train).filter(|row| holds(row, expert)))
    };
    let used = |row: &Row, expert: usize| row.outcomes.get(expert).copied().unwrap_or_default();
    let entries = table
        .experts
        .iter()
        .enumerate()
        .map(|(at, expert)| ExpertEntry {
            id: expert.id.clone(),
            domain: expert.domain.clone(),
            samples: seen(at, &|row, at| row.quality(at).is_some()),
            output_samples: seen(at, &|row, at| used(row, at).output.is_some()),
            latency_samples: seen(at, &|row, at| used(row, at).latency.is_some()),
        });
    let wide_bits = options.parts.wide.map_or(0, |wide| wide.bits);
    Manifest {
        schema: if wide_bits > 0 { 2 } else { 1 },
        name: options.name.clone(),
        version: options.version.clone(),
        features: Spec {
            wide_bits,
            ..Spec::new(options.parts.network.bits, KNOWN_BITS)
        },
        domains: table.domains.clone(),
        scenarios: scenarios(table),
        scenario_threshold: 0.5,
        ood_threshold: 0.95,
        experts: entries.collect(),
        prior: Prior {
            strength: STRENGTH,
            head_weight: mix.learned,
            rows: prior(table),
        },
        calibration: Calibration {
            global: Platt::IDENTITY,
            domains: [].into(),
        },
        training: Training {
            data_sha256: table.sha256(),
            seed: options.parts.network.seed,
            rows: u64::try_from(parts.rows).unwrap_or(0),
            quality_labels: options.labels.clone(),
            sources: sources(table),
        },
        metrics: serde_json::Map::new(),
    }
}

/// The scenarios of the gate; one that says nothing where the table has none.
fn scenarios(table: &OutcomeTable) -> Vec<ScenarioId> {
    if table.scenarios.is_empty() {
        vec![ScenarioId::unassigned()]
    } else {
        table.scenarios.clone()
    }
}

fn count<'a>(rows: impl Iterator<Item = &'a Row>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(0)
}

/// Mean quality of each expert on each slice of the train fold.
pub fn prior(table: &OutcomeTable) -> Vec<PriorRow> {
    let experts = table.experts.len();
    let mut keys: Vec<PriorKey> = table
        .domains
        .iter()
        .cloned()
        .map(PriorKey::Domain)
        .collect();
    let (domains, unassigned) = (keys.len(), ScenarioId::unassigned());
    keys.extend(table.scenarios.iter().cloned().map(PriorKey::Scenario));
    keys.push(PriorKey::OutOfDistribution);
    let mut cells = vec![(0.0_f64, 0_u64); keys.len() * experts];
    for row in table.fold(Fold::Train) {
        let slices = [
            row.domain,
            row.scenario.map(|at| domains + at),
            row.outside.then_some(keys.len() - 1),
        ];
        for slice in slices.into_iter().flatten() {
            for expert in 0..experts {
                let cell = cells.get_mut(slice * experts + expert);
                if let Some(((sum, n), label)) = cell.zip(row.quality(expert)) {
                    *sum += f64::from(label);
                    *n += 1;
                }
            }
        }
    }
    let mut rows = Vec::new();
    for (key, cells) in keys.iter().zip(cells.chunks(experts.max(1))) {
        if *key == PriorKey::Scenario(unassigned.clone()) {
            continue;
        }
        for (expert, (sum, n)) in table.experts.iter().zip(cells).filter(|(_, (_, n))| *n > 0) {
            rows.push(PriorRow {
                key: key.clone(),
                expert: expert.id.clone(),
                n: *n,
                mean: mean(*sum, *n),
            });
        }
    }
    rows
}

fn mean(sum: f64, n: u64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a mean needs no 64 bits"
    )]
    let mean = (sum / n.max(1) as f64) as f32;
    mean.clamp(0.0, 1.0)
}

fn sources(table: &OutcomeTable) -> Vec<Source> {
    let source = |(at, read): (usize, &crate::table::TableSource)| Source {
        name: read.name.clone(),
        licence: read.licence.clone(),
        sha256: read.sha256.clone(),
        rows: read.rows.map_or_else(
            || count(table.fold(Fold::Train).filter(|row| row.source == at)),
            |rows| u64::try_from(rows).unwrap_or(u64::MAX),
        ),
    };
    table.sources.iter().enumerate().map(source).collect()
}

fn weights(parts: &Parts, mix: &Mix) -> Weights {
    let (embedding, scale) = quantise(&parts.network.table);
    let dense = &parts.network.dense;
    let [domain, scenario, ood, quality, cost, latency] = dense.heads.clone();
    let (domains, experts) = (parts.shape.domains, parts.shape.experts);
    let scaled = |mut head: Linear, factor: f32| {
        for value in head
            .rows
            .as_flattened_mut()
            .iter_mut()
            .chain(&mut head.bias)
        {
            *value *= factor;
        }
        head
    };
    let shares = [
        (domains, mix.domain, mix.sharpness),
        (experts, mix.quality, 1.0),
        (experts, mix.usage, 1.0),
        (experts, mix.usage, 1.0),
    ];
    let mut heads = [domain, quality, cost, latency]
        .into_iter()
        .zip(shares)
        .map(|(head, (_, share, factor))| scaled(head, (1.0 - share) * factor));
    let next = |head: Option<Linear>, outputs| head.unwrap_or_else(|| Linear::zeros(outputs));
    let (mut domain, mut quality) = (next(heads.next(), domains), next(heads.next(), experts));
    let (mut cost, mut latency) = (next(heads.next(), experts), next(heads.next(), experts));
    let factors: Vec<f32> = shares
        .iter()
        .flat_map(|(count, share, factor)| std::iter::repeat_n(share * factor, *count))
        .collect();
    let wide = parts.wide.as_ref().map(|wide| {
        let biases = domain
            .bias
            .iter_mut()
            .chain(&mut quality.bias)
            .chain(&mut cost.bias)
            .chain(&mut latency.bias);
        for ((bias, more), factor) in biases.zip(&wide.bias).zip(&factors) {
            *bias += more * factor;
        }
        quantise_wide(wide, &factors)
    });
    for (bias, shift) in cost.bias.iter_mut().zip(&mix.output_shift) {
        *bias += shift;
    }
    Weights {
        embedding,
        scale,
        known: parts.known.bits(),
        input: dense.input.clone(),
        input_bias: dense.bias,
        domain,
        scenario,
        ood,
        quality,
        cost,
        latency,
        wide,
    }
}

/// Eight bits a number, with one scale for each column.
fn quantise(table: &[[f32; DIM]]) -> (Vec<[i8; DIM]>, [f32; DIM]) {
    let mut scale = [0.0_f32; DIM];
    for row in table {
        for (most, value) in scale.iter_mut().zip(row) {
            *most = most.max(value.abs());
        }
    }
    let scale = scale.map(unit);
    let rows = table
        .iter()
        .map(|row| std::array::from_fn(|at| cell(row[at], scale[at])));
    (rows.collect(), scale)
}

/// The same for the wide part, each column times its factor.
fn quantise_wide(wide: &WideFit, factors: &[f32]) -> Wide {
    let mut scale = vec![0.0_f32; wide.columns];
    for row in wide.rows.chunks(wide.columns.max(1)) {
        for (most, value) in scale.iter_mut().zip(row) {
            *most = most.max(value.abs());
        }
    }
    for most in &mut scale {
        *most = unit(*most);
    }
    let rows = wide.rows.chunks(wide.columns.max(1));
    let rows = rows.flat_map(|row| {
        row.iter()
            .zip(&scale)
            .map(|(value, unit)| cell(*value, *unit))
    });
    Wide {
        rows: rows.collect(),
        dense: wide
            .dense
            .iter()
            .zip(factors)
            .map(|(dense, factor)| -> [f32; DENSE] { dense.map(|value| value * factor) })
            .collect(),
        scale: scale
            .iter()
            .zip(factors)
            .map(|(unit, factor)| unit * factor)
            .collect(),
    }
}

fn unit(most: f32) -> f32 {
    if most > 0.0 { most / 127.0 } else { 1.0 }
}

fn cell(value: f32, unit: f32) -> i8 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the quotient is within 127"
    )]
    let cell = (value / unit).round().clamp(-127.0, 127.0) as i8;
    cell
}
