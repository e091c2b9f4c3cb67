//! Adds an expert to a gate from 50 to 100 of its answers, without fitting the gate anew: its vectors are a mix of those
//! of the experts the gate knows (as in EmbedLLM and item response theory, an expert is a point among experts), its
//! lookup cells are its own answers, and the router trusts either only as far as their number goes.

use router::{
    Column, ExpertEntry, Gate, Linear, Package, PriorKey, PriorRow, RequestView, Role, Scratch,
    Turn, Wide,
};
use units::ExpertId;

use crate::network::{Target, sigmoid};
use crate::table::Row;
use crate::{LearnError, encode};

mod judged;

pub use judged::join_judged;

/// Fewest answers that an expert may join with.
pub const LEAST: usize = 20;
/// Variance of each expert's part in the mix, around an even share.
const MIXING: f64 = 0.3;
/// Variance of the offset.
const OFFSET: f64 = 4.0;

/// Who joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Its id, which the gate must not know yet.
    pub id: ExpertId,
    /// The domain it is made for; one of the gate's.
    pub domain: String,
}

/// Adds an expert. Each of `answers` has one outcome, the newcomer's. The gate's other experts predict as before.
pub fn join(
    package: &Package,
    newcomer: &Newcomer,
    answers: &[Row],
) -> Result<Package, LearnError> {
    let name = package.manifest.name.clone();
    let wrong = |message: String| LearnError::unfit(&name, message);
    if package
        .manifest
        .experts
        .iter()
        .any(|expert| expert.id == newcomer.id)
    {
        return Err(wrong(format!("expert {} is known already", newcomer.id)));
    }
    if !package.manifest.domains.contains(&newcomer.domain) {
        return Err(wrong(format!(
            "domain {:?} is none of the gate's",
            newcomer.domain
        )));
    }
    let seen = Seen::read(package, answers)?;
    if seen.labels.len() < LEAST {
        let found = seen.labels.len();
        return Err(wrong(format!(
            "{found} answers with a quality, {LEAST} are needed"
        )));
    }
    let mut joined = package.clone();
    let experts = package.manifest.experts.len();
    let quality = map(&seen.features, &seen.labels);
    let even = |count: f64| vec![1.0 / count; experts];
    let (offset, shares) = quality
        .split_last()
        .map_or((0.0, vec![]), |(b, a)| (*b, a.to_vec()));
    let with_cost: Vec<f64> = package
        .manifest
        .experts
        .iter()
        .map(|e| if e.output_samples > 0 { 1.0 } else { 0.0 })
        .collect();
    let counted = with_cost.iter().sum::<f64>();
    let cost = if counted > 0.0 {
        with_cost.iter().map(|one| one / counted).collect()
    } else {
        even(crate::metrics::count(experts.max(1)))
    };
    let mixes = [
        (Column::Quality, shares, offset),
        (Column::Cost, cost.clone(), seen.shift(Column::Cost, &cost)),
        (
            Column::Latency,
            cost.clone(),
            seen.shift(Column::Latency, &cost),
        ),
    ];
    let weights = &mut joined.weights;
    for (column, shares, offset) in &mixes {
        let head = match column {
            Column::Quality => &mut weights.quality,
            Column::Cost => &mut weights.cost,
            Column::Latency => &mut weights.latency,
        };
        append(head, shares, *offset);
    }
    weights.wide = weights
        .wide
        .as_ref()
        .map(|wide| widen(wide, package, &mixes));
    joined.manifest.experts.push(ExpertEntry {
        id: newcomer.id.clone(),
        domain: newcomer.domain.clone(),
        samples: as_u64(seen.labels.len()),
        output_samples: as_u64(seen.output.len()),
        latency_samples: as_u64(seen.latency.len()),
    });
    joined
        .manifest
        .prior
        .rows
        .extend(seen.cells(&joined, newcomer));
    // What the program would refuse to load is not handed out.
    Gate::from_package(&joined)?;
    Ok(joined)
}

/// The answers as the gate reads them.
#[derive(Default)]
struct Seen {
    /// Learned logits of the known experts, then 1.
    features: Vec<Vec<f64>>,
    labels: Vec<f64>,
    domains: Vec<usize>,
    /// Learned outputs of the known experts, with the newcomer's own.
    output: Vec<(Vec<f64>, f64)>,
    latency: Vec<(Vec<f64>, f64)>,
}

impl Seen {
    fn read(package: &Package, answers: &[Row]) -> Result<Self, LearnError> {
        let gate = Gate::from_package(package)?;
        let experts = package.manifest.experts.len();
        let (tenant, mut scratch) = (encode::tenant(), Scratch::new());
        let mut seen = Self::default();
        for row in answers {
            let turns = [Turn {
                role: Role::User,
                text: &row.text,
            }];
            let reading = gate.read(&RequestView::of_turns(&tenant, &turns), &mut scratch);
            let learned = |of| {
                (0..experts)
                    .map(|at| f64::from(reading.learned(of, at)))
                    .collect::<Vec<_>>()
            };
            let target = Target::of(row);
            if let Some(label) = row.evidence(0) {
                let mut features = learned(Column::Quality);
                features.push(1.0);
                seen.features.push(features);
                seen.labels.push(f64::from(label));
                let name = reading.domain().name;
                let guess = package
                    .manifest
                    .domains
                    .iter()
                    .position(|d| **d == *name)
                    .unwrap_or(0);
                seen.domains.push(row.domain.unwrap_or(guess));
            }
            if let Some(Some(log)) = target.output.first() {
                seen.output.push((learned(Column::Cost), f64::from(*log)));
            }
            if let Some(Some(log)) = target.latency.first() {
                seen.latency
                    .push((learned(Column::Latency), f64::from(*log)));
            }
        }
        Ok(seen)
    }

    /// Mean by which the newcomer's own logarithms differ from the mix.
    fn shift(&self, of: Column, shares: &[f64]) -> f64 {
        let rows = if of == Column::Cost {
            &self.output
        } else {
            &self.latency
        };
        let mixed = |said: &[f64]| said.iter().zip(shares).map(|(a, b)| a * b).sum::<f64>();
        let sum: f64 = rows.iter().map(|(said, own)| own - mixed(said)).sum();
        sum / crate::metrics::count(rows.len().max(1))
    }

    /// The newcomer's cells of the lookup.
    fn cells(&self, package: &Package, newcomer: &Newcomer) -> Vec<PriorRow> {
        let domains = package.manifest.domains.iter().enumerate();
        let cell = |(at, name): (usize, &String)| {
            let own = self
                .labels
                .iter()
                .zip(&self.domains)
                .filter(|(_, domain)| **domain == at);
            let (sum, n) = own.fold((0.0, 0), |(sum, n), (label, _)| (sum + label, n + 1));
            #[expect(clippy::cast_possible_truncation, reason = "a mean needs no 64 bits")]
            let mean = (sum / crate::metrics::count(n)) as f32;
            (n > 0).then(|| PriorRow {
                key: PriorKey::Domain(name.clone()),
                expert: newcomer.id.clone(),
                n: as_u64(n),
                mean: mean.clamp(0.0, 1.0),
            })
        };
        domains.filter_map(cell).collect()
    }
}

fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn append(head: &mut Linear, shares: &[f64], offset: f64) {
    let mut row = [0.0_f64; router::HIDDEN];
    let mut bias = offset;
    for ((known, known_bias), share) in head.rows.iter().zip(&head.bias).zip(shares) {
        for (sum, value) in row.iter_mut().zip(known) {
            *sum += share * f64::from(*value);
        }
        bias += share * f64::from(*known_bias);
    }
    head.rows.push(row.map(narrow));
    head.bias.push(narrow(bias));
}

fn narrow(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "weights need no 64 bits")]
    let value = value as f32;
    value
}

/// The wide part with a column more for each of the newcomer's numbers.
fn widen(wide: &Wide, package: &Package, mixes: &[(Column, Vec<f64>, f64); 3]) -> Wide {
    let experts = package.manifest.experts.len();
    let width = wide.scale.len();
    let scale = |at: usize| wide.scale.get(at).copied().map_or(0.0, f64::from);
    let mixed = |row: &[i8], column: Column, shares: &[f64]| -> f64 {
        let parts = shares.iter().enumerate().map(|(expert, share)| {
            let at = column.place(&package.manifest, expert);
            share * scale(at) * row.get(at).copied().map_or(0.0, f64::from)
        });
        parts.sum()
    };
    let rows = || wide.rows.chunks(width.max(1));
    let units: Vec<f64> = mixes
        .iter()
        .map(|(column, shares, _)| {
            let most = rows()
                .map(|row| mixed(row, *column, shares).abs())
                .fold(0.0, f64::max);
            if most > 0.0 { most / 127.0 } else { 1.0 }
        })
        .collect();
    // Where each new column goes: after the known experts' of its kind.
    let ends: Vec<usize> = mixes
        .iter()
        .map(|(column, ..)| column.place(&package.manifest, experts))
        .collect();
    let mut widened = Wide {
        rows: Vec::with_capacity(wide.rows.len() + rows().len() * mixes.len()),
        scale: Vec::new(),
        dense: Vec::new(),
    };
    for row in rows() {
        for at in 0..=width {
            for ((end, (column, shares, _)), unit) in ends.iter().zip(mixes).zip(&units) {
                if *end == at {
                    let cell = (mixed(row, *column, shares) / unit)
                        .round()
                        .clamp(-127.0, 127.0);
                    #[expect(clippy::cast_possible_truncation, reason = "held within 127")]
                    widened.rows.push(cell as i8);
                }
            }
            widened.rows.extend(row.get(at));
        }
    }
    for at in 0..=width {
        for ((end, (column, shares, _)), unit) in ends.iter().zip(mixes).zip(&units) {
            if *end == at {
                widened.scale.push(narrow(*unit));
                let dense = |number: usize| {
                    let parts = shares.iter().enumerate().map(|(expert, share)| {
                        let known = wide.dense.get(column.place(&package.manifest, expert));
                        share
                            * known
                                .and_then(|dense| dense.get(number))
                                .copied()
                                .map_or(0.0, f64::from)
                    });
                    narrow(parts.sum())
                };
                widened.dense.push(std::array::from_fn(dense));
            }
        }
        widened.scale.extend(wide.scale.get(at));
        widened.dense.extend(wide.dense.get(at));
    }
    widened
}

/// The likeliest mix: logistic regression of the labels on the known experts' logits and a 1, with a Gaussian prior around
/// an even mix and no offset; by Newton's method.
fn map(features: &[Vec<f64>], labels: &[f64]) -> Vec<f64> {
    let width = features.first().map_or(1, Vec::len);
    let experts = crate::metrics::count(width.saturating_sub(1).max(1));
    let centre = |at: usize| if at + 1 == width { 0.0 } else { 1.0 / experts };
    let precision = |at: usize| {
        if at + 1 == width {
            1.0 / OFFSET
        } else {
            experts / MIXING
        }
    };
    let mut found: Vec<f64> = (0..width).map(centre).collect();
    for _ in 0..25 {
        let mut slope: Vec<f64> = (0..width)
            .map(|at| precision(at) * (found[at] - centre(at)))
            .collect();
        let mut curve = vec![vec![0.0; width]; width];
        for (at, row) in curve.iter_mut().enumerate() {
            row[at] = precision(at);
        }
        for (x, label) in features.iter().zip(labels) {
            let logit: f64 = x.iter().zip(&found).map(|(a, b)| a * b).sum();
            let p = f64::from(sigmoid(narrow(logit)));
            let (error, spread) = (p - label, (p * (1.0 - p)).max(1e-6));
            for (i, a) in x.iter().enumerate() {
                slope[i] += error * a;
                for (j, b) in x.iter().enumerate().take(i + 1) {
                    curve[i][j] += spread * a * b;
                }
            }
        }
        let Some(step) = solve(&mut curve, &slope) else {
            break;
        };
        let size: f64 = step.iter().map(|s| s.abs()).sum();
        for (value, step) in found.iter_mut().zip(&step) {
            *value -= step;
        }
        if size < 1e-9 {
            break;
        }
    }
    found
}

/// Solves a symmetric positive system given by its lower half, by Cholesky's method.
fn solve(lower: &mut [Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
            let rest = lower[i][j] - inner;
            lower[i][j] = if i == j {
                if rest <= 0.0 {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / lower[j][j]
            };
        }
    }
    let mut found = right.to_vec();
    for i in 0..n {
        let inner: f64 = (0..i).map(|k| lower[i][k] * found[k]).sum();
        found[i] = (found[i] - inner) / lower[i][i];
    }
    for i in (0..n).rev() {
        let inner: f64 = (i + 1..n).map(|k| lower[k][i] * found[k]).sum();
        found[i] = (found[i] - inner) / lower[i][i];
    }
    Some(found)
}
