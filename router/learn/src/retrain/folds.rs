//! Chooses how far to go on outcomes that were left out: passes over the data, weight against the prior, calibration.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use router::{Candidate, Gate, Manifest, Package, Platt, Scratch};
use units::TenantId;

use super::{Class, Lesson, RetrainError, place, prior, view};
use crate::off_policy::count;
use crate::platt::{self, Point};
use crate::sparse::{Sparse, logit, sigmoid};

/// Labels that the scaling known before counts as.
const PULL: f64 = 10.0;

/// Passes that are tried.
const PASSES: [usize; 6] = [0, 1, 2, 4, 8, 16];
/// Weights that are tried, besides the live gate's.
const WEIGHTS: [f32; 6] = [0.0, 0.25, 0.5, 0.75, 0.9, 1.0];
/// Share that a weight goes back each time it is touched.
const SHRINK: f32 = 1e-3;

/// One outcome, predicted from others.
#[derive(Debug, Clone)]
pub(super) struct Out {
    /// Place of the domain the gate sees.
    domain: usize,
    /// The prior's logit of the expert that answered.
    prior: f32,
    /// What was learned, after each of the passes tried.
    learned: [f32; PASSES.len()],
    /// Share of what was learned where the head's weight is 1.
    share: f32,
    /// What it was.
    label: f32,
}

impl Out {
    fn raw(&self, passes: usize, weight: f32) -> f32 {
        let share = weight * self.share;
        let learned = self.learned.get(passes).copied().unwrap_or(0.0);
        (1.0 - share) * self.prior + share * learned
    }
}

/// Corrections in the making.
pub(super) struct Fitting<'c, 'a> {
    class: &'c Class<'a>,
    pub(super) models: Vec<Sparse>,
}

impl<'c, 'a> Fitting<'c, 'a> {
    pub(super) fn new(class: &'c Class<'a>) -> Self {
        let manifest = &class.grown.manifest;
        let model = Sparse::new(manifest.features.wide_bits);
        Self {
            class,
            models: vec![model; manifest.experts.len()],
        }
    }

    /// One pass over some lessons, in random order.
    pub(super) fn pass(&mut self, over: &[usize], rng: &mut StdRng) {
        let mut order = over.to_vec();
        order.shuffle(rng);
        for at in order {
            let class = self.class;
            let parts = (
                class.lessons.get(at),
                class.tokens.get(at),
                class.base.get(at),
            );
            let (Some(lesson), Some(tokens), Some(base)) = parts else {
                continue;
            };
            let expert = place(class.grown, &lesson.expert);
            if let Some(model) = self.models.get_mut(expert) {
                let slope = sigmoid(base + model.logit(tokens)) - lesson.quality;
                model.learn(tokens, slope, SHRINK);
            }
        }
    }
}

/// Predicts some lessons from others.
pub(super) fn predict(
    class: &Class<'_>,
    own: &[usize],
    others: &[usize],
    seed: u64,
    outs: &mut Vec<Out>,
) -> Result<(), RetrainError> {
    let mut package = class.grown.clone();
    let marks = others.iter().filter_map(|at| class.marks.get(*at));
    package.manifest.prior.rows = prior::updated(&class.grown.manifest, marks);
    let gate = Gate::from_package(&package)?;
    let from = outs.len();
    let mut scratch = Scratch::new();
    for at in own {
        let (Some(lesson), Some(base)) = (class.lessons.get(*at), class.base.get(*at)) else {
            continue;
        };
        let view = view(class.tenant, lesson);
        let Some(reading) = gate.recall(&lesson.features, &view, &mut scratch) else {
            continue;
        };
        let expert = place(class.grown, &lesson.expert);
        let name = reading.domain().name;
        let domains = &class.grown.manifest.domains;
        let weight = class.grown.manifest.prior.head_weight;
        let share = reading.learned_share(expert);
        outs.push(Out {
            domain: domains.iter().position(|d| **d == *name).unwrap_or(0),
            prior: logit(reading.lookup_quality(expert)),
            learned: [*base; PASSES.len()],
            share: if weight > 0.0 {
                share / weight
            } else {
                full(class, expert)
            },
            label: lesson.quality,
        });
    }
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut fitting = Fitting::new(class);
    let mut done = 0;
    for (tried, passes) in PASSES.iter().enumerate() {
        while done < *passes {
            fitting.pass(others, rng);
            done += 1;
        }
        for (at, out) in own.iter().zip(outs.iter_mut().skip(from)) {
            let expert = class
                .lessons
                .get(*at)
                .map(|l| place(class.grown, &l.expert));
            let model = expert.and_then(|expert| fitting.models.get(expert));
            let more = model
                .zip(class.tokens.get(*at))
                .map_or(0.0, |(model, tokens)| model.logit(tokens));
            if let Some(slot) = out.learned.get_mut(tried) {
                *slot += more;
            }
        }
    }
    Ok(())
}

/// Share of what was learned of an expert by its samples, where the head's weight is 1; as in the gate.
fn full(class: &Class<'_>, expert: usize) -> f32 {
    let manifest = &class.grown.manifest;
    let samples = manifest
        .experts
        .get(expert)
        .map_or(0, |entry| entry.samples);
    #[expect(clippy::cast_precision_loss, reason = "a share needs no exact count")]
    let samples = samples as f32;
    samples / (samples + manifest.prior.strength)
}

/// What was chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// Passes over the data.
    pub(super) passes: usize,
    /// Weight of what was learned.
    pub(super) head_weight: f32,
    /// Log loss with it.
    pub(super) loss: f64,
    tried: usize,
    platt: Platt,
}

impl Choice {
    /// The smallest change whose loss is within one standard error of the least: little data changes little. `None` where
    /// no loss is a number.
    pub(super) fn best(outs: &[Out], manifest: &Manifest) -> Option<Self> {
        let own = manifest.prior.head_weight;
        let mut weights = vec![own];
        weights.extend(WEIGHTS.iter().filter(|weight| **weight != own));
        weights.sort_by(|a, b| (a - own).abs().total_cmp(&(b - own).abs()));
        let mut tried: Vec<(Self, Vec<f64>)> = Vec::new();
        for (at, passes) in PASSES.iter().enumerate() {
            for head_weight in &weights {
                let points = points(outs, at, *head_weight);
                let platt = platt::fit(&points, manifest.calibration.global, PULL);
                let losses = losses(&points, platt);
                let loss = losses.iter().sum::<f64>() / count(losses.len().max(1));
                let choice = Self {
                    passes: *passes,
                    head_weight: *head_weight,
                    loss,
                    tried: at,
                    platt,
                };
                if loss.is_finite() {
                    tried.push((choice, losses));
                }
            }
        }
        let least = tried
            .iter()
            .min_by(|a, b| a.0.loss.total_cmp(&b.0.loss))?
            .1
            .clone();
        let near = tried.iter().find(|(_, losses)| {
            let behind: Vec<f64> = losses.iter().zip(&least).map(|(a, b)| a - b).collect();
            let n = count(behind.len().max(1));
            let mean = behind.iter().sum::<f64>() / n;
            let squares: f64 = behind.iter().map(|d| (d - mean).powi(2)).sum();
            mean <= (squares / (n - 1.0).max(1.0) / n).sqrt()
        });
        near.map(|(choice, _)| *choice)
    }

    /// Writes weight and calibration into a manifest.
    pub(super) fn write(&self, manifest: &mut Manifest, outs: &[Out]) {
        manifest.prior.head_weight = self.head_weight;
        manifest.calibration.global = self.platt;
        let points = points(outs, self.tried, self.head_weight);
        for (at, name) in manifest.domains.iter().enumerate() {
            let own: Vec<Point> = points.iter().filter(|p| p.domain == at).copied().collect();
            let platt = platt::fit(&own, self.platt, PULL);
            manifest.calibration.domains.insert(name.clone(), platt);
        }
    }
}

fn points(outs: &[Out], tried: usize, weight: f32) -> Vec<Point> {
    let point = |out: &Out| Point {
        domain: out.domain,
        logit: out.raw(tried, weight),
        label: out.label,
    };
    outs.iter().map(point).collect()
}

fn losses(points: &[Point], platt: Platt) -> Vec<f64> {
    let of = |p: &Point| binary(platt.scale * p.logit + platt.shift, p.label);
    points.iter().map(of).collect()
}

fn binary(logit: f32, label: f32) -> f64 {
    f64::from(logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p())
}

/// Mean log loss of a package on lessons, experts it does not know at its word for strangers.
pub(super) fn loss_of_live(
    live: &Package,
    lessons: &[&Lesson],
    tenant: &TenantId,
) -> Result<f64, RetrainError> {
    let gate = Gate::from_package(live)?;
    let mut scratch = Scratch::new();
    let (mut sum, mut n) = (0.0, 0_usize);
    for lesson in lessons {
        let view = view(tenant, lesson);
        if let Some(reading) = gate.recall(&lesson.features, &view, &mut scratch) {
            let quality = reading.predict(&Candidate::new(&lesson.expert, "")).quality;
            sum += binary(logit(quality), lesson.quality);
            n += 1;
        }
    }
    Ok(sum / count(n.max(1)))
}
