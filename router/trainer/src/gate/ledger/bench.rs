//! `moegate-train gate bench --set ledger`: a gate retrained on one part of a gateway's own outcomes, measured on another
//! beside the gate before, a lookup table and the best single expert. Only the expert that answered was judged, so what the
//! others would have earned is estimated from the logged propensities, with intervals.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use gate_learn::metrics;
use gate_learn::off_policy::{Estimates, Interval};
use gate_learn::promotion::{Bar, Case, CaseOption, Policies, Verdict, judge};
use gate_learn::retrain::{Lesson, Options, retrain};
use router::{Gate, Package, Platt, Scratch};
use serde::Serialize;
use units::ExpertId;

use super::{Known, is_taught, ledger_set, lessons, log_loss, mean, qualities};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(in crate::gate) struct Task<'a> {
    /// The folder of the gate before.
    pub(in crate::gate) gate: &'a Path,
    /// The folder whose `train` rows are learned from.
    pub(in crate::gate) train: &'a Path,
    /// A folder whose rows are all reported on; without it the `dev` rows of `train` are.
    pub(in crate::gate) test: Option<&'a Path>,
    /// Seed of every random choice.
    pub(in crate::gate) seed: u64,
}

/// What was found. Quality is the judged score, money no object.
#[derive(Debug, Serialize)]
pub(in crate::gate) struct Report {
    set: &'static str,
    seed: u64,
    /// Outcomes learned from.
    train: usize,
    /// Outcomes reported on.
    rows: usize,
    /// Mean score of what was really chosen.
    logged: f64,
    /// Off-policy estimates of the mean score of each policy.
    policies: BTreeMap<&'static str, Estimates>,
    /// Paired difference of the retrained gate over the gate before.
    over_before: Option<Interval>,
    /// Paired difference of the retrained gate over the lookup table.
    over_lookup: Option<Interval>,
    /// Log loss of the outcomes seen, before and after.
    log_loss: [f64; 2],
    /// Calibration error on the outcomes seen, before and after.
    ece: [f64; 2],
    /// Entropy of the retrained gate's choices, over that of an even choice.
    selection_entropy: f64,
    /// Share of requests on which it chooses as the gate before.
    agreement: f64,
    /// Time of a decision from captured features: median and 99th percentile, ns.
    decision_ns: [u64; 2],
}

/// Measures.
pub(in crate::gate) fn run(task: &Task<'_>) -> Result<Report> {
    let (before, _) = Package::read(task.gate)?;
    let learned = ledger_set::read(task.train)?;
    let reported = task.test.map(ledger_set::read).transpose()?;
    let taught: Vec<&Known> = learned.iter().filter(|(row, _)| is_taught(row)).collect();
    let shown: Vec<&Known> = match &reported {
        Some(rows) => rows.iter().collect(),
        None => learned.iter().filter(|(row, _)| !is_taught(row)).collect(),
    };
    ensure!(!shown.is_empty(), "no outcome to report on");
    let taught = lessons(taught)?;
    let options = Options {
        seed: task.seed,
        version: "bench".to_owned(),
        domains: BTreeMap::new(),
    };
    let made = retrain(&before, &taught, &options)?.package;
    let gates = Policies {
        live: Gate::from_package(&before)?,
        candidate: Gate::from_package(&made)?,
        lookup: Gate::from_package(&without_learning(made))?,
    };
    let held = lessons(shown.clone())?;
    let mut seen = Seen::default();
    for ((row, _), lesson) in shown.iter().zip(&held) {
        let propensities = row.candidates.iter().map(|one| one.propensity);
        seen.add(&gates, lesson, propensities.collect())
            .with_context(|| format!("request {}", row.request))?;
    }
    let single = best_single(&taught);
    let bar = Bar {
        seed: task.seed,
        ..Bar::default()
    };
    let verdict = judge(&seen.cases, 0, &bar);
    let alone = judge(&seen.with_single(&held, single.as_ref()), 0, &bar);
    seen.report(task.seed, taught.len(), &verdict, &alone)
}

/// What was seen of each expert on each slice, without the learned part.
fn without_learning(mut package: Package) -> Package {
    package.manifest.prior.head_weight = 0.0;
    package.manifest.calibration.global = Platt::IDENTITY;
    package.manifest.calibration.domains.clear();
    package
}

/// The expert with the best mean score among those judged.
fn best_single(lessons: &[Lesson]) -> Option<ExpertId> {
    let mut sums: BTreeMap<&ExpertId, Vec<f64>> = BTreeMap::new();
    for lesson in lessons {
        let scores = sums.entry(&lesson.expert).or_default();
        scores.push(f64::from(lesson.quality));
    }
    let means = sums.into_iter().map(|(id, scores)| (id, mean(&scores)));
    means
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(id, _)| id.clone())
}

/// What the gates say about the rows reported on.
#[derive(Debug, Default)]
struct Seen {
    cases: Vec<Case>,
    pairs: [Vec<(f32, f32)>; 2],
    losses: [Vec<f64>; 2],
    choices: Vec<usize>,
    most: usize,
    nanos: Vec<u64>,
    scratch: Scratch,
}

impl Seen {
    fn add(
        &mut self,
        gates: &Policies<Gate>,
        lesson: &Lesson,
        propensities: Vec<f64>,
    ) -> Result<()> {
        let experts = &lesson.candidates;
        let chosen = experts.iter().position(|id| *id == lesson.expert);
        // Another expert answered than one of the candidates: a fallback, no choice of a gate.
        let Some(chosen) = chosen else {
            return Ok(());
        };
        let live = qualities(&gates.live, lesson, experts, &mut self.scratch)?;
        let started = Instant::now();
        let candidate = qualities(&gates.candidate, lesson, experts, &mut self.scratch)?;
        let took = started.elapsed().as_nanos();
        let lookup = qualities(&gates.lookup, lesson, experts, &mut self.scratch)?;
        self.nanos.push(u64::try_from(took).unwrap_or(u64::MAX));
        for (at, said) in [&live, &candidate].into_iter().enumerate() {
            let quality = said.get(chosen).copied().unwrap_or(0.5);
            if let Some((pairs, losses)) = self.pairs.get_mut(at).zip(self.losses.get_mut(at)) {
                pairs.push((quality, lesson.quality));
                losses.push(log_loss(quality, lesson));
            }
        }
        let options = propensities.into_iter().zip(&live);
        let options = options.map(|(propensity, model)| CaseOption {
            propensity,
            cost: 0.0,
            model: f64::from(*model),
        });
        self.most = self.most.max(experts.len());
        self.choices.push(best(&candidate));
        self.cases.push(Case {
            options: options.collect(),
            chosen,
            score: f64::from(lesson.quality),
            policies: Policies {
                live: certain(best(&live), experts.len()),
                candidate: certain(best(&candidate), experts.len()),
                lookup: certain(best(&lookup), experts.len()),
            },
        });
        Ok(())
    }

    /// The same requests with one expert for all of them as the candidate.
    fn with_single(&self, held: &[Lesson], single: Option<&ExpertId>) -> Vec<Case> {
        let chosen = held
            .iter()
            .filter(|lesson| lesson.candidates.contains(&lesson.expert));
        let cases = self.cases.iter().zip(chosen).map(|(case, lesson)| {
            let place = lesson.candidates.iter().position(|id| Some(id) == single);
            let policies = Policies {
                candidate: certain(place.unwrap_or(usize::MAX), case.options.len()),
                ..case.policies.clone()
            };
            Case {
                policies,
                ..case.clone()
            }
        });
        cases.collect()
    }

    fn report(
        mut self,
        seed: u64,
        train: usize,
        verdict: &Verdict,
        alone: &Verdict,
    ) -> Result<Report> {
        let worth = verdict.worth.context("no request was a choice of a gate")?;
        let mut policies = BTreeMap::from([
            ("gate", worth.candidate),
            ("gate before", worth.live),
            ("lookup", worth.lookup),
        ]);
        policies.extend(alone.worth.map(|worth| ("best single", worth.candidate)));
        self.nanos.sort_unstable();
        let quantile = |share: usize| {
            let at = self.nanos.len().saturating_sub(1).saturating_mul(share) / 100;
            self.nanos.get(at).copied().unwrap_or(0)
        };
        Ok(Report {
            set: "ledger",
            seed,
            train,
            rows: verdict.cases,
            logged: verdict.logged_score,
            policies,
            over_before: verdict.over_live,
            over_lookup: verdict.over_lookup,
            log_loss: self.losses.each_ref().map(|losses| mean(losses)),
            ece: self.pairs.each_ref().map(|pairs| metrics::ece(pairs)),
            selection_entropy: metrics::selection_entropy(self.choices.iter().copied(), self.most),
            agreement: verdict.agreement,
            decision_ns: [quantile(50), quantile(99)],
        })
    }
}

impl Report {
    /// The table for people.
    pub(in crate::gate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "ledger: {} outcomes learned from, {} reported on, mean score of what was chosen {:.4}",
            self.train, self.rows, self.logged
        )];
        for (name, worth) in &self.policies {
            let Interval { value, low, high } = worth.snips;
            lines.push(format!(
                "{name:<12} {value:.4} ({low:.4} to {high:.4}) off policy, doubly robust {:.4}, {:.1} % never tried",
                worth.dr.value,
                worth.unsupported * 100.0
            ));
        }
        let [before, after] = self.log_loss;
        lines.push(format!("log loss {before:.4} before, {after:.4} after"));
        lines
    }
}

fn best(values: &[f32]) -> usize {
    let pairs = values.iter().enumerate();
    pairs
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map_or(0, |(at, _)| at)
}

fn certain(place: usize, of: usize) -> Vec<f64> {
    (0..of).map(|at| f64::from(u8::from(at == place))).collect()
}

#[cfg(test)]
mod tests;
