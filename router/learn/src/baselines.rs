//! What a gate has to beat: a lookup table that is told the slice, nearest neighbours, one fixed expert, and the oracle.

use std::collections::HashMap;

use crate::encode::{Encoded, Encoder};
use crate::evaluate::{Predictions, pico};
use crate::metrics::count;
use crate::pack::STRENGTH;
use crate::table::{Fold, OutcomeTable, Row};

/// Texts that a neighbourhood holds.
const NEIGHBOURS: usize = 50;
/// Bits of the table that neighbours are looked for in.
const BITS: u32 = 18;

/// Sums of quality and cost of every expert.
#[derive(Debug, Clone)]
struct Tally {
    cells: Vec<[f64; 4]>,
}

impl Tally {
    fn new(experts: usize) -> Self {
        Self {
            cells: vec![[0.0; 4]; experts],
        }
    }

    fn add(&mut self, row: &Row, weight: f64) {
        for (cell, (at, outcome)) in self.cells.iter_mut().zip(row.outcomes.iter().enumerate()) {
            if let Some(quality) = row.evidence(at) {
                cell[0] += weight * f64::from(quality);
                cell[1] += weight;
            }
            if let Some(cost) = outcome.cost {
                cell[2] += weight * pico(cost);
                cell[3] += weight;
            }
        }
    }

    /// Means, shrunk to those of `wider` as to so many more rows.
    fn means(&self, wider: Option<&[(f32, f64)]>, strength: f64) -> Vec<(f32, f64)> {
        let mean = |at: usize, sum: f64, n: f64, of: &dyn Fn(&(f32, f64)) -> f64| {
            let prior = wider
                .and_then(|wider| wider.get(at))
                .map_or((0.0, 0.0), |w| (of(w), strength));
            (sum + prior.0 * prior.1) / f64::max(n + prior.1, 1e-9)
        };
        let cells = self.cells.iter().enumerate();
        cells
            .map(|(at, [quality, seen, cost, charged])| {
                let quality = mean(at, *quality, *seen, &|w| f64::from(w.0));
                #[expect(clippy::cast_possible_truncation, reason = "a mean needs no 64 bits")]
                let quality = quality as f32;
                (quality, mean(at, *cost, *charged, &|w| w.1))
            })
            .collect()
    }
}

fn overall(table: &OutcomeTable) -> Vec<(f32, f64)> {
    let mut tally = Tally::new(table.experts.len());
    table.fold(Fold::Train).for_each(|row| tally.add(row, 1.0));
    tally.means(None, 0.0)
}

fn push(predictions: &mut Predictions, means: &[(f32, f64)]) {
    predictions
        .quality
        .push(means.iter().map(|(quality, _)| *quality).collect());
    predictions
        .cost
        .push(means.iter().map(|(_, cost)| *cost).collect());
}

/// Every row alike: mean quality and cost of each expert over the train fold.
pub fn same(table: &OutcomeTable, rows: &[&Row]) -> Predictions {
    let (means, mut found) = (overall(table), Predictions::default());
    rows.iter().for_each(|_| push(&mut found, &means));
    found
}

/// By the true slice of each row, of which the gate is not told: means over the train fold, shrunk to those of all slices.
pub fn lookup(table: &OutcomeTable, rows: &[&Row]) -> Predictions {
    let overall = overall(table);
    let mut slices = vec![Tally::new(table.experts.len()); table.domains.len()];
    for row in table.fold(Fold::Train) {
        if let Some(tally) = row.domain.and_then(|at| slices.get_mut(at)) {
            tally.add(row, 1.0);
        }
    }
    let means: Vec<_> = slices
        .iter()
        .map(|tally| tally.means(Some(&overall), f64::from(STRENGTH)))
        .collect();
    let mut found = Predictions::default();
    for row in rows {
        push(
            &mut found,
            row.domain.and_then(|at| means.get(at)).unwrap_or(&overall),
        );
    }
    found
}

/// By the nearest texts of the train fold: cosine of their words and pairs of words, each weighed by its rarity.
pub fn neighbours(table: &OutcomeTable, rows: &[&Row]) -> Predictions {
    let encoder = Encoder::new(4, BITS);
    let train: Vec<&Row> = table.fold(Fold::Train).collect();
    let texts: Vec<Encoded> = train
        .iter()
        .map(|row| encoder.encode(&row.text, None))
        .collect();
    let mut holders: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, text) in texts.iter().enumerate() {
        for row in &text.wide[0] {
            holders.entry(*row).or_default().push(at);
        }
    }
    let rarity = |holders: &HashMap<u32, Vec<usize>>, row: u32| {
        holders.get(&row).map_or(0.0, |list| {
            1.0 + (count(train.len()) / count(list.len())).ln()
        })
    };
    let lengths: Vec<f64> = texts
        .iter()
        .map(|text| {
            text.wide[0]
                .iter()
                .map(|row| rarity(&holders, *row).powi(2))
                .sum::<f64>()
                .sqrt()
        })
        .collect();
    let overall = overall(table);
    let mut found = Predictions::default();
    let mut scores = vec![0.0_f64; train.len()];
    for row in rows {
        let text = encoder.encode(&row.text, None);
        scores.fill(0.0);
        for token in &text.wide[0] {
            let weight = rarity(&holders, *token).powi(2);
            for at in holders.get(token).into_iter().flatten() {
                if let Some(score) = scores.get_mut(*at) {
                    *score += weight;
                }
            }
        }
        for (score, length) in scores.iter_mut().zip(&lengths) {
            *score /= length.max(1e-9);
        }
        let mut order: Vec<usize> = (0..train.len()).collect();
        let by_score = |a: &usize, b: &usize| {
            let of = |at: &usize| scores.get(*at).copied().unwrap_or(0.0);
            of(b).total_cmp(&of(a))
        };
        if order.len() > NEIGHBOURS {
            order.select_nth_unstable_by(NEIGHBOURS, by_score);
            order.truncate(NEIGHBOURS);
        }
        let most = order
            .iter()
            .filter_map(|at| scores.get(*at))
            .copied()
            .fold(0.0, f64::max);
        let mut tally = Tally::new(table.experts.len());
        for at in order {
            if let Some((near, score)) = train.get(at).zip(scores.get(at)) {
                tally.add(near, (score / f64::max(most, 1e-9)).powi(2));
            }
        }
        push(&mut found, &tally.means(Some(&overall), 1.0));
    }
    found
}

/// Who knows every outcome beforehand.
pub fn oracle(rows: &[&Row]) -> Predictions {
    let mut found = Predictions::default();
    for row in rows {
        let experts = row.outcomes.iter().enumerate();
        found.quality.push(
            experts
                .map(|(at, _)| row.evidence(at).unwrap_or(0.0))
                .collect(),
        );
        found.cost.push(
            row.outcomes
                .iter()
                .map(|o| o.cost.map_or(0.0, pico))
                .collect(),
        );
    }
    found
}
