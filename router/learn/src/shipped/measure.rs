//! Figures on the report fold, by the gate as it is shipped: eight-bit table, calibration and thresholds included.

mod ranking;

use std::collections::BTreeMap;

use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::StdRng;
use router::{Gate, Package, RequestView, Role, Scratch, Turn};
use serde::Serialize;
use units::TenantId;

use crate::evaluate::Quantiles;
use crate::metrics::{auroc, ece};
use crate::noise;
use crate::shipped::corpus::{Corpus, DOMAINS, Row, SCENARIOS, is_evidence};
use crate::table::Fold;
pub use ranking::Choice;

/// What the gate does on texts it has not seen.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Rows of the report fold.
    pub rows: usize,
    /// Rows of it with an observed outcome.
    pub observed_rows: usize,
    /// Share of texts whose domain is right.
    pub domain_accuracy: f64,
    /// The same by source, with the rows behind it.
    pub domain_by_source: BTreeMap<String, Share>,
    /// The same over texts in languages the experts do not read.
    pub domain_foreign: Share,
    /// Share of texts whose scenario is right, `unassigned` included.
    pub scenario_accuracy: f64,
    /// Area under the curve: texts outside every expert's kind against the others.
    pub ood_auroc: f64,
    /// The same with the out-of-scope rows of clinc150 only.
    pub ood_auroc_clinc: f64,
    /// Share of outside texts over the threshold.
    pub ood_recall: f64,
    /// Share of inside texts over the threshold.
    pub ood_false_alarms: f64,
    /// Calibration error of the quality of every expert: observed outcomes and the 0 on other experts' tasks.
    pub quality_ece: f64,
    /// Calibration error of the best predicted quality: how far to trust the gate in its own choice.
    pub choice_ece: f64,
    /// Area under the curve of the quality over observed outcomes: right against wrong answers.
    pub quality_auroc_observed: Option<f64>,
    /// Mean quality of the choice, by who chooses.
    pub choice: Choice,
    /// Share of texts whose domain stays the same with an error in a tenth of the words.
    pub stable_under_typos: f64,
}

/// A share with the rows behind it.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Share {
    /// In `[0, 1]`.
    pub share: f64,
    /// Rows.
    pub n: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    hits: usize,
    n: usize,
}

impl Tally {
    fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.n += 1;
    }

    fn share(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
        let share = self.hits as f64 / self.n.max(1) as f64;
        share
    }

    fn with_rows(self) -> Share {
        Share {
            share: self.share(),
            n: self.n,
        }
    }
}

/// Measures a package on the report fold.
pub fn measure(package: &Package, corpus: &Corpus, seed: u64) -> Result<Figures> {
    let gate = Gate::from_package(package)?;
    let limit = gate.manifest().ood_threshold;
    let (mut domain, mut scenario, mut foreign) = <(Tally, Tally, Tally)>::default();
    let mut by_source = vec![Tally::default(); corpus.sources.len()];
    let (mut inside, mut outside, mut outside_clinc) = <(Vec<f32>, Vec<f32>, Vec<f32>)>::default();
    let (mut labels, mut chosen, mut observed) = (Vec::new(), Vec::new(), Vec::new());
    let mut choice = ranking::Chooser::new(package, corpus);
    each_reading(&gate, corpus, Fold::Report, |row, reading| {
        let name = reading.domain().name;
        if let Some(gold) = row.domain.and_then(|at| DOMAINS.get(at)) {
            domain.add(**gold == *name);
            if let Some(tally) = by_source.get_mut(row.source) {
                tally.add(**gold == *name);
            }
            if row.foreign {
                foreign.add(**gold == *name);
            }
        }
        if let Some(gold) = row.scenario.and_then(|at| SCENARIOS.get(at)) {
            scenario.add(reading.scenario().id.as_str() == *gold);
        }
        let score = reading.out_of_distribution();
        if row.outside {
            outside.push(score);
            if row.task.is_some() {
                outside_clinc.push(score);
            }
        } else {
            inside.push(score);
        }
        let found = choice.take(row, reading);
        let best = found.iter().copied().fold(0.0, f32::max);
        for ((quality, label), seen) in found.iter().zip(&row.quality).zip(&row.observed) {
            let Some(label) = label.filter(|_| is_evidence(row, *seen, *label)) else {
                continue;
            };
            labels.push((*quality, label));
            if *quality >= best {
                chosen.push((*quality, label));
            }
            if *seen {
                observed.push((*quality, label));
            }
        }
    })?;
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let over = |scores: &[f32]| {
        scores.iter().filter(|s| **s >= limit).count() as f64 / scores.len().max(1) as f64
    };
    let parted: (Vec<_>, Vec<_>) = observed.iter().partition(|(_, label)| *label >= 0.5);
    let scores = |pairs: Vec<(f32, f32)>| pairs.into_iter().map(|(q, _)| q).collect::<Vec<_>>();
    let (right, wrong) = (scores(parted.0), scores(parted.1));
    let named = corpus
        .sources
        .iter()
        .zip(&by_source)
        .filter(|(_, tally)| tally.n > 0);
    Ok(Figures {
        rows: corpus.fold(Fold::Report).count(),
        observed_rows: crate::shipped::labels::observed(corpus, Fold::Report),
        domain_accuracy: domain.share(),
        domain_by_source: named
            .map(|(read, tally)| (read.source.name.to_owned(), tally.with_rows()))
            .collect(),
        domain_foreign: foreign.with_rows(),
        scenario_accuracy: scenario.share(),
        ood_auroc: auroc(&outside, &inside),
        ood_auroc_clinc: auroc(&outside_clinc, &inside),
        ood_recall: over(&outside),
        ood_false_alarms: over(&inside),
        quality_ece: ece(&labels),
        choice_ece: ece(&chosen),
        quality_auroc_observed: (!observed.is_empty()).then(|| auroc(&right, &wrong)),
        choice: choice.finish(),
        stable_under_typos: stability(&gate, corpus, seed)?,
    })
}

/// Share of the report fold's texts whose domain is the same after typing errors.
fn stability(gate: &Gate, corpus: &Corpus, seed: u64) -> Result<f64> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let tenant = TenantId::new("trainer")?;
    let (mut before, mut after) = (Scratch::new(), Scratch::new());
    let mut same = Tally::default();
    for row in corpus.fold(Fold::Report) {
        let noisy = noise::typos(&row.text, 0.1, rng);
        let turn = |text| {
            [Turn {
                role: Role::User,
                text,
            }]
        };
        let (plain, changed) = (turn(row.text.as_str()), turn(noisy.as_str()));
        let first = gate
            .read(&RequestView::of_turns(&tenant, &plain), &mut before)
            .domain()
            .name;
        let then = gate
            .read(&RequestView::of_turns(&tenant, &changed), &mut after)
            .domain()
            .name;
        same.add(first == then);
    }
    Ok(same.share())
}

/// Time of whole decisions on prompts made of texts of the report fold.
pub fn latency(package: &Package, corpus: &Corpus) -> Result<Quantiles> {
    let texts = corpus.fold(Fold::Report).map(|row| row.text.as_str());
    Ok(crate::evaluate::latency(package, texts)?)
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
