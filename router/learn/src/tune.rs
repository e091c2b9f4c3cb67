//! Mixing and calibration, on rows that the parts behind a prediction have not seen: the shares of the parts, the weight
//! of what was learned against the lookup prior, and Platt scaling by domain, shrunk to the whole.

use router::{Calibration, Platt};

use crate::fit::{Held, Round, Unseen};
use crate::network::{binary, sigmoid};
use crate::pack::{Mix, STRENGTH};
use crate::parts::mixed;
use crate::platt;
use crate::table::OutcomeTable;

/// Shares of the wide part that are tried.
const SHARES: [f32; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Weights of what was learned that are tried.
const LEARNED: [f32; 8] = [0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0];
/// Factors of the domains' logits that are tried.
const SHARPNESS: [f32; 7] = [0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0];
/// Factor of the least log loss up to which a mix counts as likely as the likeliest.
const AS_LIKELY: f32 = 1.003;
/// Labels that the whole counts as, in the calibration of a domain.
const WHOLE: f32 = 50.0;

pub use crate::platt::Point;

fn all(rounds: &[Round]) -> impl Iterator<Item = &Unseen> {
    rounds.iter().flat_map(|round| &round.unseen)
}

/// Chooses share and sharpness of the domains by the log loss of the true ones.
pub(crate) fn domains(mix: &mut Mix, rounds: &[Round], table: &OutcomeTable) {
    let mut best = f64::INFINITY;
    for share in SHARES {
        for sharpness in SHARPNESS {
            let mut loss = 0.0_f64;
            for unseen in all(rounds) {
                let label = table.rows.get(unseen.row).and_then(|row| row.domain);
                let Some(label) = label else { continue };
                let logits = (0..table.domains.len())
                    .map(|at| sharpness * mixed(&unseen.said.domain, share, at));
                loss += f64::from(softmax_loss(&logits.collect::<Vec<_>>(), label));
            }
            if loss < best {
                (best, mix.domain, mix.sharpness) = (loss, share, sharpness);
            }
        }
    }
}

fn softmax_loss(logits: &[f32], label: usize) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
    sum.ln() + top - logits.get(label).copied().unwrap_or(0.0)
}

/// Chooses share and weight of the quality: of the mixes that are as likely, by the log loss after calibration, the one
/// whose best expert answers best. Returns the calibration.
pub(crate) fn quality(
    mix: &mut Mix,
    rounds: &[Round],
    table: &OutcomeTable,
    wide: bool,
) -> Calibration {
    let mut tries = Vec::new();
    for share in SHARES.into_iter().filter(|share| wide || *share == 0.0) {
        for learned in LEARNED {
            let tried = Mix {
                quality: share,
                learned,
                ..mix.clone()
            };
            let points = points(&tried, rounds, table);
            let loss = mean_loss(&points, fit(&points, None));
            tries.push((loss, chosen_quality(&tried, rounds, table), share, learned));
        }
    }
    let least = tries.iter().map(|one| one.0).fold(f32::INFINITY, f32::min);
    let likely = tries.iter().filter(|one| one.0 <= least * AS_LIKELY);
    if let Some((.., share, learned)) = likely.max_by(|a, b| a.1.total_cmp(&b.1)) {
        (mix.quality, mix.learned) = (*share, *learned);
    }
    let points = points(mix, rounds, table);
    let global = fit(&points, None);
    let own = table.domains.iter().enumerate().map(|(at, name)| {
        let own: Vec<Point> = points.iter().filter(|p| p.domain == at).copied().collect();
        (name.clone(), fit(&own, Some(global)))
    });
    Calibration {
        global,
        domains: own.collect(),
    }
}

/// The logit of an expert as the router will mix it.
fn raw(mix: &Mix, unseen: &Unseen, expert: usize, samples: f32) -> f32 {
    let prior = unseen
        .lookup
        .get(expert)
        .copied()
        .unwrap_or(0.5)
        .clamp(1e-4, 1.0 - 1e-4);
    let learned = mix.learned * samples / (samples + STRENGTH);
    (1.0 - learned) * (prior / (1.0 - prior)).ln()
        + learned * mixed(&unseen.said.quality, mix.quality, expert)
}

/// Mean quality of the answers of the expert that looks best on each row.
fn chosen_quality(mix: &Mix, rounds: &[Round], table: &OutcomeTable) -> f64 {
    let samples = samples(table);
    let (mut sum, mut rows) = (0.0_f64, 0_usize);
    for unseen in all(rounds) {
        let Some(row) = table.rows.get(unseen.row) else {
            continue;
        };
        let seen = samples.iter().enumerate().filter_map(|(expert, samples)| {
            Some((raw(mix, unseen, expert, *samples), row.evidence(expert)?))
        });
        if let Some((_, quality)) = seen.max_by(|a, b| a.0.total_cmp(&b.0)) {
            sum += f64::from(quality);
            rows += 1;
        }
    }
    sum / crate::metrics::count(rows.max(1))
}

/// Rows behind each expert.
fn samples(table: &OutcomeTable) -> Vec<f32> {
    let mut counts = vec![0.0_f32; table.experts.len()];
    for row in table.fold(crate::table::Fold::Train) {
        for (expert, count) in counts.iter_mut().enumerate() {
            *count += if row.quality(expert).is_some() {
                1.0
            } else {
                0.0
            };
        }
    }
    counts
}

/// Every label that is evidence, with the logit before calibration.
fn points(mix: &Mix, rounds: &[Round], table: &OutcomeTable) -> Vec<Point> {
    let samples = samples(table);
    let mut points = Vec::new();
    for unseen in all(rounds) {
        let Some(row) = table.rows.get(unseen.row) else {
            continue;
        };
        for (expert, samples) in samples.iter().enumerate() {
            if let Some(label) = row.evidence(expert) {
                points.push(Point {
                    domain: unseen.domain,
                    logit: raw(mix, unseen, expert, *samples),
                    label,
                });
            }
        }
    }
    points
}

/// Chooses the share of tokens and seconds by their squared error, and the shift that makes means of medians (Duan 1983).
pub(crate) fn usage(mix: &mut Mix, rounds: &[Round], table: &OutcomeTable, wide: bool) {
    let mut best = f64::INFINITY;
    let label = |unseen: &Unseen, expert: usize| {
        let outcome = table.rows.get(unseen.row)?.outcomes.get(expert)?;
        Some(crate::network::log_tokens(outcome.output?))
    };
    for share in SHARES.into_iter().filter(|share| wide || *share == 0.0) {
        let mut loss = 0.0_f64;
        for unseen in all(rounds) {
            for expert in 0..table.experts.len() {
                if let Some(label) = label(unseen, expert) {
                    let error = f64::from(mixed(&unseen.said.output, share, expert) - label);
                    loss += error * error;
                }
            }
        }
        if loss < best {
            (best, mix.usage) = (loss, share);
        }
    }
    for (expert, shift) in mix.output_shift.iter_mut().enumerate() {
        let (mut seen, mut said) = (0.0_f64, 0.0_f64);
        for unseen in all(rounds) {
            if let Some(label) = label(unseen, expert) {
                seen += f64::from(label).exp();
                said += f64::from(mixed(&unseen.said.output, mix.usage, expert)).exp();
            }
        }
        if seen > 0.0 && said > 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a logarithm needs no 64 bits"
            )]
            let found = (seen / said).ln() as f32;
            *shift = found.clamp(-2.0, 2.0);
        }
    }
}

/// The predictions of the mixed and calibrated gate for the rows unseen.
pub(crate) fn held(
    mix: &Mix,
    calibration: &Calibration,
    rounds: &[Round],
    table: &OutcomeTable,
) -> Vec<Held> {
    let samples = samples(table);
    let of = |unseen: &Unseen| {
        let name = table.domains.get(unseen.domain);
        let platt = name.and_then(|name| calibration.domains.get(name));
        let platt = platt.copied().unwrap_or(calibration.global);
        let experts = || 0..table.experts.len();
        Held {
            row: unseen.row,
            quality: samples
                .iter()
                .enumerate()
                .map(|(at, n)| sigmoid(platt.scale * raw(mix, unseen, at, *n) + platt.shift))
                .collect(),
            output: experts()
                .zip(&mix.output_shift)
                .map(|(at, shift)| mixed(&unseen.said.output, mix.usage, at) + shift)
                .collect(),
            latency: experts()
                .map(|at| mixed(&unseen.said.latency, mix.usage, at))
                .collect(),
        }
    };
    all(rounds).map(of).collect()
}

fn mean_loss(points: &[Point], platt: Platt) -> f32 {
    let sum: f64 = points
        .iter()
        .map(|p| f64::from(binary(platt.scale * p.logit + platt.shift, p.label)))
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a mean loss needs no 64 bits"
    )]
    let mean = (sum / points.len().max(1) as f64) as f32;
    mean
}

/// Platt scaling of the points; with `whole`, shrunk to it as to so many more labels.
pub fn fit(points: &[Point], whole: Option<Platt>) -> Platt {
    let pull = whole.map_or(1e-3, |_| f64::from(WHOLE) * 0.1);
    platt::fit(points, whole.unwrap_or(Platt::IDENTITY), pull)
}
