//! Choices under a price of quality: what each is worth on rows whose outcomes are known.

use crate::evaluate::{Predictions, pico};
use crate::metrics::hull::Served;
use crate::table::Row;

/// Quality and cost of the expert chosen for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Position of the expert.
    pub expert: usize,
    /// Quality of its answer.
    pub quality: f64,
    /// What the call cost, in 1e-12 units.
    pub cost: f64,
}

/// The price of quality: what one accepted answer is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Money is no object: the best quality, the cheaper of two alike.
    Free,
    /// So much, in 1e-12 units.
    Pico(f64),
}

/// Chooses for every row. Experts without an outcome on a row cannot be chosen for it.
pub fn choose(rows: &[&Row], predicted: &Predictions, value: Value) -> Vec<Choice> {
    let pairs = rows
        .iter()
        .zip(predicted.quality.iter().zip(&predicted.cost));
    let choices = pairs.filter_map(|(row, (quality, cost))| best(row, quality, cost, value));
    choices.collect()
}

fn best(row: &Row, quality: &[f32], costs: &[f64], value: Value) -> Option<Choice> {
    let mut best: Option<((f64, f64), usize)> = None;
    for (at, (quality, cost)) in quality.iter().zip(costs).enumerate() {
        if row.evidence(at).is_none() {
            continue;
        }
        let worth = match value {
            Value::Free => (f64::from(*quality), -cost),
            Value::Pico(value) => (value * f64::from(*quality) - cost, 0.0),
        };
        if best.is_none_or(|(most, _)| worth > most) {
            best = Some((worth, at));
        }
    }
    best.and_then(|(_, at)| outcome(row, at))
}

/// What an expert did on a row.
pub fn outcome(row: &Row, expert: usize) -> Option<Choice> {
    Some(Choice {
        expert,
        quality: f64::from(row.evidence(expert)?),
        cost: row.outcomes.get(expert)?.cost.map_or(0.0, pico),
    })
}

/// Mean cost and quality of some choices.
pub fn served(choices: &[Choice]) -> Served {
    let n = crate::metrics::count(choices.len().max(1));
    let cost: f64 = choices.iter().map(|choice| choice.cost).sum();
    let quality: f64 = choices.iter().map(|choice| choice.quality).sum();
    (cost / n, quality / n)
}

/// Values of an answer from nothing to more than any call costs, evenly in their logarithm, and no object at last.
pub fn values(predicted: &Predictions) -> Vec<Value> {
    let costs: Vec<f64> = predicted
        .cost
        .iter()
        .flatten()
        .copied()
        .filter(|cost| *cost > 0.0)
        .collect();
    let most = costs.iter().copied().fold(0.0, f64::max);
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let mut values = vec![Value::Pico(0.0)];
    if most > 0.0 {
        let (from, to) = ((least * 0.3).ln(), (most * 300.0).ln());
        values.extend((0..=STEPS).map(|step| {
            Value::Pico((from + (to - from) * f64::from(step) / f64::from(STEPS)).exp())
        }));
    }
    values.push(Value::Free);
    values
}

/// Values that are tried between the least and the most.
const STEPS: u32 = 120;

/// The value of an answer at which choices cost least while their quality is no more than `loss` under that of
/// `against`, the choices of another router on the same rows; free where there is none.
pub fn cheapest(rows: &[&Row], predicted: &Predictions, against: &[Choice], loss: f64) -> Value {
    let least = served(against).1 - loss;
    let mut best = (f64::INFINITY, Value::Free);
    for value in values(predicted) {
        let (cost, quality) = served(&choose(rows, predicted, value));
        if quality >= least && cost < best.0 {
            best = (cost, value);
        }
    }
    best.1
}
