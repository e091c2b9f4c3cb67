//! A candidate from the live gate and recorded outcomes, each of the one expert that answered: the lookup prior is
//! updated, a sparse correction of each expert's quality is learned on captured features, and how far to go (passes over
//! the data, weight against the prior, calibration) is chosen on folds that were left out. Domains, scenarios and the
//! out-of-distribution head stay those of the live gate. With little data the candidate is close to the live gate.

mod folds;
mod grow;
mod prior;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use router::{Captured, Gate, GateError, Package, RequestView, Scratch, Source};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use units::{ExpertId, IdError, ScenarioId, TenantId};

use crate::drift::Reference;
use crate::sparse::Tokens;
use folds::{Choice, Out};

/// Fewest outcomes a candidate is made from.
pub const LEAST: usize = 20;
/// Folds of the data.
const FOLDS: u64 = 4;

/// One judged answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// What the gate read of the request.
    pub features: Captured,
    /// The task it counts for; `unassigned` where none was found.
    pub scenario: ScenarioId,
    /// Who answered.
    pub expert: ExpertId,
    /// How good the answer was, in `[0, 1]`.
    pub quality: f32,
    /// Output tokens, where they were counted.
    pub output_tokens: Option<u64>,
    /// The experts that could have answered.
    pub candidates: Vec<ExpertId>,
}

/// How a candidate is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed of every random choice.
    pub seed: u64,
    /// Version written into the package.
    pub version: String,
    /// Domains of experts that the live gate does not know; others count as of its first domain.
    pub domains: BTreeMap<ExpertId, String>,
}

/// A candidate with how it was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrained {
    /// The package.
    pub package: Package,
    /// The figures; they are in its metrics too.
    pub figures: Figures,
}

/// How a candidate was chosen, on outcomes that were left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Outcomes learned from.
    pub lessons: usize,
    /// Outcomes that could not be used: captured with smaller tables than the gate's.
    pub unusable: usize,
    /// Experts with outcomes, and how many.
    pub experts: BTreeMap<ExpertId, usize>,
    /// Passes over the data.
    pub passes: usize,
    /// Weight of what was learned against the lookup prior.
    pub head_weight: f32,
    /// Log loss of the live gate on the outcomes.
    pub loss_live: f64,
    /// Log loss of the candidate, each outcome predicted by a fold that had not seen it.
    pub loss: f64,
}

/// Why there is no candidate.
#[derive(Debug, thiserror::Error)]
pub enum RetrainError {
    /// Too little was judged: wait for more.
    #[error("{have} judged requests with captured features, {LEAST} are needed")]
    TooFew {
        /// Judged requests.
        have: usize,
    },
    /// The live gate or the candidate breaks a rule of packages.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The losses are no numbers: nothing can be chosen.
    #[error("the loss is no number on the outcomes left out")]
    NoLoss,
}

/// Makes a candidate.
///
/// # Errors
/// Too few outcomes, or a package that breaks a rule.
pub fn retrain(
    live: &Package,
    lessons: &[Lesson],
    options: &Options,
) -> Result<Retrained, RetrainError> {
    let spec = &live.manifest.features;
    let widest = spec.bucket_bits.max(spec.wide_bits.saturating_sub(1));
    let usable: Vec<&Lesson> = lessons
        .iter()
        .filter(|l| l.features.table_bits >= widest && l.features.known_bits >= spec.known_bits)
        .collect();
    if usable.len() < LEAST {
        return Err(RetrainError::TooFew { have: usable.len() });
    }
    let grown = grow::grow(live, &usable, options)?;
    let tenant = TenantId::new("trainer")?;
    let class = Class::new(&grown, &usable, &tenant)?;
    let outs = class.left_out(options.seed)?;
    let choice = Choice::best(&outs, &grown.manifest).ok_or(RetrainError::NoLoss)?;
    let mut package = grown.clone();
    package.manifest.prior.rows = prior::updated(&grown.manifest, &class.marks);
    let everything: Vec<usize> = (0..usable.len()).collect();
    let models = class.models(&everything, choice.passes, options.seed);
    write::corrections(&mut package, &models);
    write::counts(&mut package, &usable, live.manifest.experts.len());
    choice.write(&mut package.manifest, &outs);
    let figures = Figures {
        lessons: usable.len(),
        unusable: lessons.len() - usable.len(),
        experts: count_by_expert(&usable),
        passes: choice.passes,
        head_weight: choice.head_weight,
        loss_live: folds::loss_of_live(live, &usable, &tenant)?,
        loss: choice.loss,
    };
    describe(&mut package, &figures, &usable, options);
    reference(&usable, &tenant, &mut package)?;
    // What does not survive its own files is no candidate.
    let (json, tensors) = package.to_bytes(Path::new("candidate"))?;
    let package = Package::parse(Path::new("candidate"), &json, &tensors)?;
    Ok(Retrained { package, figures })
}

/// The lessons as the grown gate reads them.
struct Class<'a> {
    grown: &'a Package,
    lessons: &'a [&'a Lesson],
    tenant: &'a TenantId,
    tokens: Vec<Tokens>,
    /// What the live gate's learned part says of the expert that answered, as a logit.
    base: Vec<f32>,
    marks: Vec<prior::Mark>,
}

impl<'a> Class<'a> {
    fn new(
        grown: &'a Package,
        lessons: &'a [&'a Lesson],
        tenant: &'a TenantId,
    ) -> Result<Self, RetrainError> {
        let gate = Gate::from_package(grown)?;
        let mut class = Self {
            grown,
            lessons,
            tenant,
            tokens: Vec::with_capacity(lessons.len()),
            base: Vec::with_capacity(lessons.len()),
            marks: Vec::with_capacity(lessons.len()),
        };
        let mut scratch = Scratch::new();
        for lesson in lessons {
            let view = view(tenant, lesson);
            let expert = place(grown, &lesson.expert);
            let tokens = Tokens::of(&lesson.features, grown.manifest.features.wide_bits);
            let reading = gate.recall(&lesson.features, &view, &mut scratch);
            let Some((reading, tokens)) = reading.zip(tokens) else {
                return Err(RetrainError::TooFew { have: 0 });
            };
            class
                .base
                .push(reading.learned(router::Column::Quality, expert));
            class.marks.push(prior::Mark {
                domain: reading.domain().name,
                scenario: lesson.scenario.clone(),
                outside: reading.out_of_distribution() >= grown.manifest.ood_threshold,
                expert: lesson.expert.clone(),
                quality: lesson.quality,
            });
            class.tokens.push(tokens);
        }
        Ok(class)
    }

    /// The fold of a lesson: the same text is in the same fold, whoever answered.
    fn fold(&self, at: usize, seed: u64) -> u64 {
        let digest = self.lessons.get(at).map_or(0, |l| l.features.digest);
        spread(u64::from(digest) ^ seed) % FOLDS
    }

    /// Every lesson, predicted from the others.
    fn left_out(&self, seed: u64) -> Result<Vec<Out>, RetrainError> {
        let mut outs = Vec::with_capacity(self.lessons.len());
        for fold in 0..FOLDS {
            let (own, others): (Vec<usize>, Vec<usize>) =
                (0..self.lessons.len()).partition(|at| self.fold(*at, seed) == fold);
            if own.is_empty() {
                continue;
            }
            folds::predict(self, &own, &others, seed, &mut outs)?;
        }
        Ok(outs)
    }

    /// The corrections of every expert after so many passes over some lessons.
    fn models(&self, over: &[usize], passes: usize, seed: u64) -> Vec<crate::sparse::Sparse> {
        let mut fitting = folds::Fitting::new(self);
        let rng = &mut StdRng::seed_from_u64(seed);
        for _ in 0..passes {
            fitting.pass(over, rng);
        }
        fitting.models
    }
}

/// A lesson as a request without text.
fn view<'a>(tenant: &'a TenantId, lesson: &'a Lesson) -> RequestView<'a> {
    let known = lesson.scenario != ScenarioId::unassigned();
    RequestView {
        scenario: known.then_some(&lesson.scenario),
        ..RequestView::of_turns(tenant, &[])
    }
}

/// Place of an expert in a package that knows it.
fn place(package: &Package, expert: &ExpertId) -> usize {
    let experts = &package.manifest.experts;
    experts
        .iter()
        .position(|entry| entry.id == *expert)
        .unwrap_or(usize::MAX)
}

fn count_by_expert(lessons: &[&Lesson]) -> BTreeMap<ExpertId, usize> {
    let mut counts = BTreeMap::new();
    for lesson in lessons {
        *counts.entry(lesson.expert.clone()).or_insert(0) += 1;
    }
    counts
}

/// What it was made from, for people and for the next comparison.
fn describe(package: &mut Package, figures: &Figures, lessons: &[&Lesson], options: &Options) {
    let mut hash = Sha256::new();
    for lesson in lessons {
        hash.update(lesson.features.to_bytes());
        hash.update(lesson.expert.as_str().as_bytes());
        hash.update(lesson.quality.to_le_bytes());
    }
    let sha256: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let rows = u64::try_from(lessons.len()).unwrap_or(u64::MAX);
    let manifest = &mut package.manifest;
    manifest.version.clone_from(&options.version);
    let training = &mut manifest.training;
    training.data_sha256.clone_from(&sha256);
    training.seed = options.seed;
    training.rows = training.rows.saturating_add(rows);
    training.quality_labels = "the gate before it, and outcomes recorded by the gateway".to_owned();
    training.sources.retain(|source| source.name != "ledger");
    training.sources.push(Source {
        name: "ledger".to_owned(),
        licence: "the tenants' own".to_owned(),
        sha256,
        rows,
    });
    manifest.metrics = serde_json::Map::new();
    if let Ok(value) = serde_json::to_value(figures) {
        manifest.metrics.insert("retrained".to_owned(), value);
    }
}

/// Notes what the candidate's best scores and the prompts' lengths were like.
fn reference(
    lessons: &[&Lesson],
    tenant: &TenantId,
    package: &mut Package,
) -> Result<(), RetrainError> {
    let gate = Gate::from_package(package)?;
    let mut reference = Reference::new();
    let mut scratch = Scratch::new();
    for lesson in lessons {
        let view = view(tenant, lesson);
        if let Some(reading) = gate.recall(&lesson.features, &view, &mut scratch) {
            let experts = lesson.candidates.iter().chain([&lesson.expert]);
            let predicted = experts.map(|id| reading.predict(&router::Candidate::new(id, "")));
            let known = predicted.filter(|prediction| prediction.known);
            let best = known
                .map(|prediction| prediction.quality)
                .fold(0.0, f32::max);
            let length = lesson.features.dense.first().copied().unwrap_or(0.0);
            reference.add(best, length);
        }
    }
    reference.put(&mut package.manifest);
    Ok(())
}

/// Spreads the bits of a number (splitmix64).
pub fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
