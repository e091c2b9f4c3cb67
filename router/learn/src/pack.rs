//! From a fitted network to a package: the table in 8 bits, the lookup prior, and where all of it came from.

use anyhow::{Result, bail};
use router::{
    Calibration, DIM, ExpertEntry, Linear, Manifest, Package, Platt, Prior, PriorKey, PriorRow,
    Spec, Training, Weights,
};
use units::ScenarioId;

use crate::corpus::{Corpus, DOMAINS, Fold, Row, SCENARIOS};
use crate::encode::{BUCKET_BITS, KNOWN_BITS};
use crate::labels::{Expert, Labelled};
use crate::measure::Figures;
use crate::shipped::Options;
use crate::train::Trained;

/// Rows at which a slice's own mean weighs as much as what it is shrunk to.
const STRENGTH: f32 = 20.0;

/// The package, not yet tuned: full weight on the head, no calibration.
pub fn package(
    trained: &Trained,
    corpus: &Corpus,
    experts: &[Expert],
    labelled: &Labelled,
    args: &Options,
) -> Package {
    let entries = experts.iter().enumerate().map(|(at, expert)| {
        let usage = labelled.usage.get(at).copied().unwrap_or_default();
        ExpertEntry {
            id: expert.id.clone(),
            domain: DOMAINS
                .get(expert.domain)
                .copied()
                .unwrap_or_default()
                .to_owned(),
            samples: count(
                corpus
                    .fold(Fold::Train)
                    .filter(|row| quality(row, at).is_some()),
            ),
            output_samples: usage.output_rows,
            latency_samples: usage.latency_rows,
        }
    });
    let manifest = Manifest {
        schema: 1,
        name: "demo".to_owned(),
        version: args.version.clone(),
        features: Spec::new(BUCKET_BITS, KNOWN_BITS),
        domains: DOMAINS.map(str::to_owned).to_vec(),
        scenarios: SCENARIOS
            .iter()
            .filter_map(|name| ScenarioId::new(name).ok())
            .collect(),
        scenario_threshold: 0.5,
        ood_threshold: 0.5,
        experts: entries.collect(),
        prior: Prior {
            strength: STRENGTH,
            head_weight: 1.0,
            rows: prior(corpus, experts),
        },
        calibration: Calibration {
            global: Platt::IDENTITY,
            domains: [].into(),
        },
        training: Training {
            data_sha256: corpus.sha256(),
            seed: args.seed,
            rows: u64::try_from(trained.rows).unwrap_or(0),
            quality_labels: labelled.origin.clone(),
            sources: sources(corpus, labelled),
        },
        metrics: serde_json::Map::new(),
    };
    let weights = weights(trained, labelled);
    Package { manifest, weights }
}

/// Writes the figures into the manifest, for people.
pub fn record(package: &mut Package, figures: &Figures) -> Result<()> {
    let serde_json::Value::Object(map) = serde_json::to_value(figures)? else {
        bail!("figures are no object");
    };
    package.manifest.metrics = map;
    Ok(())
}

fn quality(row: &Row, expert: usize) -> Option<f32> {
    row.quality.get(expert).copied().flatten()
}

fn count<'a>(rows: impl Iterator<Item = &'a Row>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(0)
}

/// Mean quality of each expert on each slice of the train fold.
fn prior(corpus: &Corpus, experts: &[Expert]) -> Vec<PriorRow> {
    let domains = DOMAINS.iter().enumerate().map(|(at, name)| {
        let holds: Box<dyn Fn(&Row) -> bool> = Box::new(move |row| row.domain == Some(at));
        (PriorKey::Domain((*name).to_owned()), holds)
    });
    let scenarios = SCENARIOS
        .iter()
        .enumerate()
        .filter(|(_, name)| **name != "unassigned");
    let scenarios = scenarios.filter_map(|(at, name)| {
        let holds: Box<dyn Fn(&Row) -> bool> = Box::new(move |row| row.scenario == Some(at));
        Some((PriorKey::Scenario(ScenarioId::new(name).ok()?), holds))
    });
    let outside: Box<dyn Fn(&Row) -> bool> = Box::new(|row| row.outside);
    let outside = std::iter::once((PriorKey::OutOfDistribution, outside));
    let mut rows = Vec::new();
    for (key, holds) in domains.chain(scenarios).chain(outside) {
        for (at, expert) in experts.iter().enumerate() {
            let slice = corpus.fold(Fold::Train).filter(|row| holds(row));
            let (mut sum, mut n) = (0.0_f64, 0_u32);
            for label in slice.filter_map(|row| quality(row, at)) {
                sum += f64::from(label);
                n += 1;
            }
            if n > 0 {
                #[expect(clippy::cast_possible_truncation, reason = "a mean needs no 64 bits")]
                let mean = (sum / f64::from(n)) as f32;
                let mean = mean.clamp(0.0, 1.0);
                rows.push(PriorRow {
                    key: key.clone(),
                    expert: expert.id.clone(),
                    n: n.into(),
                    mean,
                });
            }
        }
    }
    rows
}

fn sources(corpus: &Corpus, labelled: &Labelled) -> Vec<router::Source> {
    let texts = corpus
        .sources
        .iter()
        .enumerate()
        .map(|(at, read)| router::Source {
            name: read.source.name.to_owned(),
            licence: read.source.licence.to_owned(),
            sha256: read.sha256.clone(),
            rows: count(corpus.fold(Fold::Train).filter(|row| row.source == at)),
        });
    let outcomes = labelled
        .files
        .iter()
        .map(|(expert, sha256, rows)| router::Source {
            name: format!("outcomes of {expert}"),
            licence: "Apache-2.0".to_owned(),
            sha256: sha256.clone(),
            rows: u64::try_from(*rows).unwrap_or(0),
        });
    texts.chain(outcomes).collect()
}

fn weights(trained: &Trained, labelled: &Labelled) -> Weights {
    let (embedding, scale) = quantise(&trained.network.table);
    let dense = &trained.network.dense;
    let [domain, scenario, ood, quality] = dense.heads.clone();
    let mut cost = Linear::zeros(quality.bias.len());
    let mut latency = cost.clone();
    for (at, usage) in labelled.usage.iter().enumerate() {
        for (head, mean) in [(&mut cost, usage.output), (&mut latency, usage.latency)] {
            if let Some(bias) = head.bias.get_mut(at) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a logarithm needs no 64 bits"
                )]
                let mean = mean as f32;
                *bias = mean;
            }
        }
    }
    Weights {
        embedding,
        scale,
        known: trained.known.bits(),
        input: dense.input.clone(),
        input_bias: dense.bias,
        domain,
        scenario,
        ood,
        quality,
        cost,
        latency,
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
    let scale = scale.map(|most| if most > 0.0 { most / 127.0 } else { 1.0 });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the quotient is within 127"
    )]
    let cell = |value: f32, unit: f32| (value / unit).round().clamp(-127.0, 127.0) as i8;
    let rows = table
        .iter()
        .map(|row| std::array::from_fn(|at| cell(row[at], scale[at])));
    (rows.collect(), scale)
}
