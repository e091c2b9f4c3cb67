//! The figures of one router on rows whose outcomes are known, each with a bootstrap interval.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::bench::EPSILON;
use crate::choose::{Choice, Value, cheapest, choose, served, values};
use crate::evaluate::Predictions;
use crate::metrics::hull::{aiq, hull};
use crate::metrics::ranking::{Pair, apgr, cpt, weighted_curve};
use crate::metrics::{count, selection_entropy};
use crate::table::Row;

/// Resamples behind an interval.
const RESAMPLES: usize = 400;

/// A figure with its 95 % interval over resampled rows.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Interval {
    /// On the rows themselves.
    pub value: f64,
    /// 2.5 % of the resamples lie below.
    pub low: f64,
    /// 2.5 % of the resamples lie above.
    pub high: f64,
}

impl Interval {
    /// A figure that has no interval.
    pub const fn exactly(value: f64) -> Self {
        Self {
            value,
            low: value,
            high: value,
        }
    }
}

/// What a router is worth on some rows.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Its name.
    pub router: String,
    /// Mean quality where money is no object.
    pub accuracy: Option<Interval>,
    /// Cost of 1,000 requests then, in units of money.
    pub cost_per_1k: Option<Interval>,
    /// Average performance gap recovered between the weak and the strong expert.
    pub apgr: Option<Interval>,
    /// Share of strong calls, in percent, that recovers half of the gap.
    pub cpt50: Option<Interval>,
    /// Share of strong calls, in percent, that recovers four fifths of the gap.
    pub cpt80: Option<Interval>,
    /// Mean quality under the convex hull of quality over cost, between the cheapest and the dearest expert.
    pub aiq: Option<Interval>,
    /// Mean quality at the value of an answer chosen elsewhere for the best single expert's quality.
    pub equal_accuracy: Option<Interval>,
    /// Cost of 1,000 requests there.
    pub equal_cost_per_1k: Option<Interval>,
    /// Share of the best single expert's cost that is saved there.
    pub equal_saving: Option<Interval>,
    /// The same where the value of an answer is chosen on these very rows: an upper end.
    pub equal_saving_in_hindsight: Option<f64>,
    /// Calibration error of the quality of every expert.
    pub ece: Option<Interval>,
    /// Mean quality of the lookup less its own, money no object; below 0 it beats the lookup.
    pub regret_to_lookup: Option<Interval>,
    /// Mean quality of the oracle less its own, money no object.
    pub regret_to_oracle: Option<Interval>,
    /// Entropy of the choice, money no object, from 0 (one expert) to 1 (all alike).
    pub entropy: Option<f64>,
    /// Quality over cost of 1,000 requests, by rising value of an answer.
    pub curve: Vec<(f64, f64)>,
}

/// A router to score.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it expects.
    pub predicted: &'a Predictions,
    /// Value of an answer chosen elsewhere for equal accuracy.
    pub value: Value,
    /// Its qualities are probabilities, so that they have a calibration.
    pub calibrated: bool,
}

/// What every router is held against, on the same rows.
#[derive(Debug)]
pub struct Field<'a> {
    /// The rows.
    pub rows: &'a [&'a Row],
    /// The weak expert of the pair: the cheapest.
    pub weak: usize,
    /// The strong one: the best on the train fold.
    pub strong: usize,
    /// What the lookup chooses, money no object.
    pub lookup: Vec<Choice>,
    /// What the oracle chooses.
    pub oracle: Vec<Choice>,
    /// The best single expert of the train fold on every row.
    pub single: Vec<Choice>,
    /// Mean cost of the cheapest and of the dearest expert.
    pub costs: (f64, f64),
    /// Seed of the resamples.
    pub seed: u64,
}

/// Thousand requests in units of money.
fn per_1k(pico: f64) -> f64 {
    pico * 1e-9
}

impl Field<'_> {
    /// Scores a router.
    pub fn score(&self, subject: &Subject<'_>) -> Score {
        let free = choose(self.rows, subject.predicted, Value::Free);
        let equal = choose(self.rows, subject.predicted, subject.value);
        let sweep: Vec<Vec<Choice>> = values(subject.predicted)
            .into_iter()
            .map(|value| choose(self.rows, subject.predicted, value))
            .collect();
        let pairs = self.pairs(subject.predicted);
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by(|a, b| pairs[*b].score.total_cmp(&pairs[*a].score));
        let bins = self.bins(subject);
        let figures = |times: &[usize]| -> [Option<f64>; FIGURES] {
            let mean = |choices: &[Choice]| weighted(choices, times);
            let (cost, quality) = mean(&free);
            let (equal_cost, equal_quality) = mean(&equal);
            let (single_cost, _) = mean(&self.single);
            let priced = self.costs.1 > 0.0;
            let sorted: Vec<(&Pair, usize)> =
                order.iter().map(|at| (&pairs[*at], times[*at])).collect();
            let curve = weighted_curve(&sorted).filter(|_| self.weak != self.strong);
            let hull = hull(
                &sweep
                    .iter()
                    .map(|choices| mean(choices))
                    .collect::<Vec<_>>(),
            );
            [
                Some(quality),
                priced.then(|| per_1k(cost)),
                curve.as_deref().map(apgr),
                curve.as_deref().map(|curve| 100.0 * cpt(curve, 0.5)),
                curve.as_deref().map(|curve| 100.0 * cpt(curve, 0.8)),
                priced.then(|| aiq(&hull, self.costs.0, self.costs.1)),
                priced.then_some(equal_quality),
                priced.then(|| per_1k(equal_cost)),
                (priced && single_cost > 0.0).then(|| 1.0 - equal_cost / single_cost),
                subject.calibrated.then(|| weighted_ece(&bins, times)),
                Some(mean(&self.lookup).1 - quality),
                Some(mean(&self.oracle).1 - quality),
            ]
        };
        let intervals = self.intervals(figures);
        let [
            accuracy,
            cost_per_1k,
            apgr,
            cpt50,
            cpt80,
            aiq,
            equal_accuracy,
            equal_cost_per_1k,
            equal_saving,
            ece,
            regret_to_lookup,
            regret_to_oracle,
        ] = intervals;
        Score {
            router: subject.name.to_owned(),
            accuracy,
            cost_per_1k,
            apgr,
            cpt50,
            cpt80,
            aiq,
            equal_accuracy,
            equal_cost_per_1k,
            equal_saving,
            equal_saving_in_hindsight: self.saving_in_hindsight(subject.predicted),
            ece,
            regret_to_lookup,
            regret_to_oracle,
            entropy: Some(selection_entropy(
                free.iter().map(|choice| choice.expert),
                self.rows.first().map_or(0, |row| row.outcomes.len()),
            )),
            curve: sweep
                .iter()
                .map(|choices| served(choices))
                .map(|(cost, quality)| (per_1k(cost), quality))
                .collect(),
        }
    }

    /// An expert drawn evenly for every text: means over the experts, of which nothing can be chosen.
    pub fn random(&self) -> Score {
        let mean = |row: &Row, of: &dyn Fn(usize) -> Option<f64>| {
            let known: Vec<f64> = (0..row.outcomes.len()).filter_map(of).collect();
            known.iter().sum::<f64>() / count(known.len().max(1))
        };
        let drawn: Vec<Choice> = self
            .rows
            .iter()
            .map(|row| Choice {
                expert: 0,
                quality: mean(row, &|at| {
                    crate::choose::outcome(row, at).map(|choice| choice.quality)
                }),
                cost: mean(row, &|at| {
                    crate::choose::outcome(row, at).map(|choice| choice.cost)
                }),
            })
            .collect();
        let figures = |times: &[usize]| -> [Option<f64>; FIGURES] {
            let (cost, quality) = weighted(&drawn, times);
            let mut found = [None; FIGURES];
            found[0] = Some(quality);
            found[1] = (self.costs.1 > 0.0).then(|| per_1k(cost));
            found[2] = Some(0.5);
            found[3] = Some(50.0);
            found[4] = Some(80.0);
            found[10] = Some(weighted(&self.lookup, times).1 - quality);
            found[11] = Some(weighted(&self.oracle, times).1 - quality);
            found
        };
        let found = self.intervals(figures);
        let (cost, quality) = served(&drawn);
        Score {
            router: "random".to_owned(),
            accuracy: found[0],
            cost_per_1k: found[1],
            apgr: found[2].filter(|_| self.weak != self.strong),
            cpt50: found[3].filter(|_| self.weak != self.strong),
            cpt80: found[4].filter(|_| self.weak != self.strong),
            aiq: None,
            equal_accuracy: None,
            equal_cost_per_1k: None,
            equal_saving: None,
            equal_saving_in_hindsight: None,
            ece: None,
            regret_to_lookup: found[10],
            regret_to_oracle: found[11],
            entropy: Some(1.0),
            curve: vec![(per_1k(cost), quality)],
        }
    }

    fn saving_in_hindsight(&self, predicted: &Predictions) -> Option<f64> {
        let (single, _) = served(&self.single);
        let value = cheapest(self.rows, predicted, &self.single, EPSILON);
        let (cost, _) = served(&choose(self.rows, predicted, value));
        (single > 0.0).then(|| 1.0 - cost / single)
    }

    fn pairs(&self, predicted: &Predictions) -> Vec<Pair> {
        let rows = self.rows.iter().zip(&predicted.quality);
        let of = |(row, quality): (&&Row, &Vec<f32>)| {
            let at = |expert: usize| quality.get(expert).copied().unwrap_or(0.0);
            Pair {
                score: at(self.strong) - at(self.weak),
                weak: row.evidence(self.weak).unwrap_or(0.0),
                strong: row.evidence(self.strong).unwrap_or(0.0),
            }
        };
        rows.map(of).collect()
    }

    /// For each row, every probability with its label.
    fn bins(&self, subject: &Subject<'_>) -> Vec<Vec<(f32, f32)>> {
        let rows = self.rows.iter().zip(&subject.predicted.quality);
        let labels = |(row, quality): (&&Row, &Vec<f32>)| {
            let pairs = quality.iter().enumerate();
            pairs
                .filter_map(|(at, quality)| Some((*quality, row.evidence(at)?)))
                .collect()
        };
        rows.map(labels).collect()
    }

    /// The figures on the rows, and their intervals over rows drawn with replacement.
    fn intervals(
        &self,
        figures: impl Fn(&[usize]) -> [Option<f64>; FIGURES],
    ) -> [Option<Interval>; FIGURES] {
        let n = self.rows.len();
        let values = figures(&vec![1; n]);
        let rng = &mut StdRng::seed_from_u64(self.seed);
        let mut drawn: Vec<[Option<f64>; FIGURES]> = Vec::with_capacity(RESAMPLES);
        for _ in 0..RESAMPLES {
            let mut times = vec![0; n];
            for _ in 0..n {
                times[rng.random_range(0..n)] += 1;
            }
            drawn.push(figures(&times));
        }
        std::array::from_fn(|at| {
            let value = values[at]?;
            let mut found: Vec<f64> = drawn.iter().filter_map(|figures| figures[at]).collect();
            found.sort_by(f64::total_cmp);
            let quantile = |of: usize| {
                found
                    .get(found.len() * of / 1_000)
                    .copied()
                    .unwrap_or(value)
            };
            Some(Interval {
                value,
                low: quantile(25),
                high: quantile(975),
            })
        })
    }
}

/// Figures that have intervals.
const FIGURES: usize = 12;

fn weighted(choices: &[Choice], times: &[usize]) -> (f64, f64) {
    let (mut cost, mut quality, mut n) = (0.0, 0.0, 0);
    for (choice, times) in choices.iter().zip(times) {
        cost += choice.cost * count(*times);
        quality += choice.quality * count(*times);
        n += times;
    }
    let n = count(n.max(1));
    (cost / n, quality / n)
}

fn weighted_ece(rows: &[Vec<(f32, f32)>], times: &[usize]) -> f64 {
    let pairs = rows.iter().zip(times);
    let pairs: Vec<(f32, f32)> = pairs
        .flat_map(|(pairs, times)| {
            pairs
                .iter()
                .copied()
                .flat_map(move |pair| std::iter::repeat_n(pair, *times))
        })
        .collect();
    crate::metrics::ece(&pairs)
}
