//! On the tune fold: the out-of-distribution threshold, the weight of the head against the lookup prior, and calibration
//! by domain, shrunk to the whole.

use anyhow::Result;
use router::{Gate, Package, Platt, RequestView, Role, Scratch, Turn};
use units::TenantId;

use crate::Watch;
use crate::corpus::{Corpus, DOMAINS, Fold, Row};
use crate::network::{binary, sigmoid};

/// Share of inside texts that may be taken for outside ones.
const FALSE_ALARMS: f32 = 0.015;
/// Texts of tomorrow differ more from those of training than the tune fold does: a lower threshold would turn many away.
const LEAST_THRESHOLD: f32 = 0.3;
/// Weights of the head that are tried.
const HEAD_WEIGHTS: [f32; 6] = [0.0, 0.25, 0.5, 0.75, 0.9, 1.0];
/// Labels that the whole counts as, in the calibration of a domain.
const WHOLE: f32 = 50.0;

/// One label with the gate's logit for it.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Position of the domain the gate sees.
    pub domain: usize,
    /// Logit before calibration.
    pub logit: f32,
    /// Quality in `[0, 1]`.
    pub label: f32,
}

/// Tunes a package in place.
pub fn tune(package: &mut Package, corpus: &Corpus, watch: &dyn Watch) -> Result<()> {
    package.manifest.ood_threshold = threshold(&Gate::from_package(package)?, corpus)?;
    let mut best = (f32::INFINITY, 0.0, Vec::new());
    for weight in HEAD_WEIGHTS {
        package.manifest.prior.head_weight = weight;
        let points = points(&Gate::from_package(package)?, corpus, Fold::Tune)?;
        let platt = fit(&points, None);
        let loss = mean_loss(&points, platt);
        watch.say(&format!("head weight {weight:.2}: log loss {loss:.4}"));
        if loss < best.0 {
            best = (loss, weight, points);
        }
    }
    let (_, weight, points) = best;
    package.manifest.prior.head_weight = weight;
    let global = fit(&points, None);
    package.manifest.calibration.global = global;
    for (at, name) in DOMAINS.iter().enumerate() {
        let own: Vec<Point> = points.iter().filter(|p| p.domain == at).copied().collect();
        let platt = fit(&own, Some(global));
        package
            .manifest
            .calibration
            .domains
            .insert((*name).to_owned(), platt);
    }
    Ok(())
}

/// Reads each row of a fold with the gate and hands over the reading.
pub fn each_reading(
    gate: &Gate,
    corpus: &Corpus,
    fold: Fold,
    mut take: impl FnMut(&Row, &router::Reading<'_>),
) -> Result<()> {
    let tenant = TenantId::new("trainer")?;
    let mut scratch = Scratch::new();
    for row in corpus.fold(fold) {
        let turns = [Turn {
            role: Role::User,
            text: &row.text,
        }];
        let view = RequestView::of_turns(&tenant, &turns);
        take(row, &gate.read(&view, &mut scratch));
    }
    Ok(())
}

/// Is a label evidence of what an expert does? An outcome is, and so is the 0 on another expert's task. What was assumed
/// is none; on rows of tasks it stands in until there are outcomes.
pub fn is_evidence(row: &Row, observed: bool, label: Option<f32>) -> bool {
    observed || (row.task.is_some() && label.is_some())
}

/// Every label of a fold with the gate's logit before calibration.
pub fn points(gate: &Gate, corpus: &Corpus, fold: Fold) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    each_reading(gate, corpus, fold, |row, reading| {
        let name = reading.domain().name;
        let domain = DOMAINS
            .iter()
            .position(|known| **known == *name)
            .unwrap_or(0);
        for ((expert, label), seen) in row.quality.iter().enumerate().zip(&row.observed) {
            if !is_evidence(row, *seen, *label) {
                continue;
            }
            if let Some(label) = *label {
                let logit = reading.raw_quality(expert);
                points.push(Point {
                    domain,
                    logit,
                    label,
                });
            }
        }
    })?;
    Ok(points)
}

/// The probability above which `FALSE_ALARMS` of the inside texts lie, at most where the outside ones are best parted.
fn threshold(gate: &Gate, corpus: &Corpus) -> Result<f32> {
    let mut inside = Vec::new();
    each_reading(gate, corpus, Fold::Tune, |row, reading| {
        if !row.outside {
            inside.push(reading.out_of_distribution());
        }
    })?;
    inside.sort_by(f32::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (inside.len() as f32 * (1.0 - FALSE_ALARMS)) as usize;
    let found = inside.get(place).copied().unwrap_or(0.5);
    Ok(found.clamp(LEAST_THRESHOLD, 0.95))
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

/// Platt scaling by Newton's method on the log loss; with `whole`, shrunk to it as to so many more labels.
pub fn fit(points: &[Point], whole: Option<Platt>) -> Platt {
    let start = whole.unwrap_or(Platt::IDENTITY);
    let (mut scale, mut shift) = (f64::from(start.scale), f64::from(start.shift));
    let pull = whole.map_or(1e-3, |_| f64::from(WHOLE) * 0.1);
    for _ in 0..50 {
        let (mut slope, mut curve) = ([0.0; 2], [[0.0; 2]; 2]);
        for point in points {
            let x = f64::from(point.logit);
            #[expect(clippy::cast_possible_truncation, reason = "a probability")]
            let p = f64::from(sigmoid((scale * x + shift) as f32));
            let (error, spread) = (p - f64::from(point.label), (p * (1.0 - p)).max(1e-6));
            slope[0] += error * x;
            slope[1] += error;
            curve[0][0] += spread * x * x;
            curve[0][1] += spread * x;
            curve[1][1] += spread;
        }
        slope[0] += pull * (scale - f64::from(start.scale));
        slope[1] += pull * (shift - f64::from(start.shift));
        curve[0][0] += pull;
        curve[1][1] += pull;
        let det = curve[0][0] * curve[1][1] - curve[0][1] * curve[0][1];
        if det.abs() < 1e-12 {
            break;
        }
        let step = [
            (curve[1][1] * slope[0] - curve[0][1] * slope[1]) / det,
            (curve[0][0] * slope[1] - curve[0][1] * slope[0]) / det,
        ];
        scale = (scale - step[0].clamp(-1.0, 1.0)).clamp(0.05, 20.0);
        shift = (shift - step[1].clamp(-1.0, 1.0)).clamp(-20.0, 20.0);
        if step[0].abs() + step[1].abs() < 1e-7 {
            break;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "calibration needs no 64 bits"
    )]
    let platt = Platt {
        scale: scale as f32,
        shift: shift as f32,
    };
    platt
}
