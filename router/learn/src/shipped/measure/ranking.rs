//! What the gate's choice is worth beside a lookup table, one fixed expert,
//! chance and an oracle.

use router::{Candidate, Package, Reading};
use serde::Serialize;
use units::ExpertId;

use crate::shipped::corpus::{Corpus, Row};
use crate::table::Fold;

/// Mean quality of the chosen expert over the rows of experts' tasks on which the quality of every expert is known.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Choice {
    /// Texts.
    pub n: usize,
    /// The expert of the best predicted quality.
    pub gate: f64,
    /// The best expert of the text's true domain on the train fold: a lookup that is told the domain.
    pub lookup: f64,
    /// The best single expert of the train fold.
    pub best_single: f64,
    /// An expert drawn evenly.
    pub random: f64,
    /// The best expert for each text.
    pub oracle: f64,
    /// `lookup - gate`: what the gate loses against the lookup that is told the domain.
    pub regret_to_lookup: f64,
}

/// Adds up choices.
pub(super) struct Chooser {
    experts: Vec<(ExpertId, String)>,
    lookup: Vec<usize>,
    single: usize,
    sums: [f64; 5],
    n: usize,
}

impl Chooser {
    pub(super) fn new(package: &Package, corpus: &Corpus) -> Self {
        let experts: Vec<_> = package
            .manifest
            .experts
            .iter()
            .map(|e| (e.id.clone(), e.domain.clone()))
            .collect();
        let domains = package.manifest.domains.len();
        let means = |holds: &dyn Fn(&Row) -> bool| best(corpus, experts.len(), holds);
        // The last place is for texts of no domain.
        let mut lookup: Vec<usize> = (0..domains)
            .map(|at| means(&|row: &Row| row.domain == Some(at)))
            .collect();
        lookup.push(means(&|row: &Row| row.domain.is_none()));
        let single = means(&|_: &Row| true);
        Self {
            experts,
            lookup,
            single,
            sums: [0.0; 5],
            n: 0,
        }
    }

    /// Takes one text; returns the predicted quality of each expert.
    pub(super) fn take(&mut self, row: &Row, reading: &Reading<'_>) -> Vec<f32> {
        let predicted: Vec<f32> = self
            .experts
            .iter()
            .map(|(id, domain)| reading.predict(&Candidate::new(id, domain)).quality)
            .collect();
        let known: Option<Vec<f32>> = row.quality.iter().copied().collect();
        let Some(known) = known.filter(|known| !known.is_empty() && row.task.is_some()) else {
            return predicted;
        };
        let of = |at: usize| f64::from(known.get(at).copied().unwrap_or(0.0));
        let told = row.domain.unwrap_or(self.lookup.len() - 1);
        let mean = known.iter().map(|q| f64::from(*q)).sum::<f64>() / as_float(known.len());
        let values = [
            of(largest(&predicted)),
            of(self.lookup.get(told).copied().unwrap_or(0)),
            of(self.single),
            mean,
            of(largest(&known)),
        ];
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += value;
        }
        self.n += 1;
        predicted
    }

    pub(super) fn finish(self) -> Choice {
        let n = as_float(self.n.max(1));
        let [gate, lookup, best_single, random, oracle] = self.sums.map(|sum| sum / n);
        let regret_to_lookup = lookup - gate;
        Choice {
            n: self.n,
            gate,
            lookup,
            best_single,
            random,
            oracle,
            regret_to_lookup,
        }
    }
}

/// The expert with the best mean quality over a slice of the train fold.
fn best(corpus: &Corpus, experts: usize, holds: &dyn Fn(&Row) -> bool) -> usize {
    let mut sums = vec![(0.0_f64, 0_usize); experts];
    let whole = |row: &&Row| row.task.is_some() && row.quality.iter().all(Option::is_some);
    for row in corpus
        .fold(Fold::Train)
        .filter(whole)
        .filter(|row| holds(row))
    {
        for (sum, label) in sums.iter_mut().zip(&row.quality) {
            if let Some(label) = label {
                *sum = (sum.0 + f64::from(*label), sum.1 + 1);
            }
        }
    }
    let means: Vec<f32> = sums
        .iter()
        .map(|(sum, n)| {
            #[expect(clippy::cast_possible_truncation, reason = "a mean needs no 64 bits")]
            let mean = (sum / as_float((*n).max(1))) as f32;
            mean
        })
        .collect();
    largest(&means)
}

fn largest(values: &[f32]) -> usize {
    let pairs = values.iter().copied().enumerate();
    pairs
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map_or(0, |(at, _)| at)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
fn as_float(count: usize) -> f64 {
    count as f64
}
