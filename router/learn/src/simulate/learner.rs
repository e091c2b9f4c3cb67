//! A learner that sees only what it chose: means of each expert, by slice, and by text, mixed by how much was seen; and a
//! choice that explores by the gap to the best (inverse gap weighting, Foster and Rakhlin 2020).

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde::Serialize;

use super::feedback::Judgement;
use crate::off_policy::count;
use crate::sparse::{Sparse, Tokens, logit, sigmoid};
use crate::world::World;

/// Rows at which a slice's mean weighs as much as the expert's, and text half as much as it ever does.
const STRENGTH: f64 = 20.0;
/// Weight of what was learned from text where judgements abound.
const TEXT: f64 = 0.8;
/// Bits of the table of tokens.
const BITS: u32 = 16;
/// Share that a weight goes back each time it is touched.
const SHRINK: f32 = 1e-4;
/// Judgements learned again at each new one.
const REPLAYS: usize = 4;

/// What a learner sees of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// Nothing: it learns one mean for each expert.
    Nothing,
    /// The slice: it learns a lookup table.
    Slice,
    /// The slice and the text: a gate.
    Text,
}

/// One learner.
#[derive(Debug)]
pub struct Learner<'w> {
    world: &'w World,
    tokens: &'w [Tokens],
    sight: Sight,
    cost_weight: f64,
    experts: Vec<Mean>,
    /// For each slice: a mean for each expert.
    slices: Vec<Vec<Mean>>,
    costs: Vec<Mean>,
    text: Vec<Sparse>,
    judged: Vec<Judgement>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    n: f64,
    sum: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.sum += value;
    }

    /// Shrunk to something wider.
    fn near(self, wider: f64, strength: f64) -> f64 {
        (self.sum + strength * wider) / (self.n + strength)
    }
}

/// A choice with its probability, and those of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The expert.
    pub expert: usize,
    /// The probability of each.
    pub propensities: Vec<f64>,
}

impl<'w> Learner<'w> {
    /// A learner that has seen nothing. `tokens` are those of the world's rows, see [`tokens`].
    pub fn new(world: &'w World, tokens: &'w [Tokens], sight: Sight, cost_weight: f64) -> Self {
        let experts = world.experts.len();
        let models = if sight == Sight::Text { experts } else { 0 };
        Self {
            world,
            tokens,
            sight,
            cost_weight,
            experts: vec![Mean::default(); experts],
            slices: vec![vec![Mean::default(); experts]; world.slices.len()],
            costs: vec![Mean::default(); experts],
            text: vec![Sparse::new(BITS); models],
            judged: Vec::new(),
        }
    }

    /// Expected quality of an expert on a request.
    pub fn quality(&self, row: usize, expert: usize) -> f64 {
        let prior = self.prior(row, expert);
        let (Some(model), Some(tokens)) = (self.text.get(expert), self.tokens.get(row)) else {
            return prior;
        };
        let seen = self.experts.get(expert).map_or(0.0, |mean| mean.n);
        let share = TEXT * seen / (seen + STRENGTH * 10.0);
        #[expect(clippy::cast_possible_truncation, reason = "a logit needs no 64 bits")]
        let (base, share) = (logit(prior as f32), share as f32);
        f64::from(sigmoid(base + share * model.logit(tokens)))
    }

    /// Chooses among all experts; the better one looks, the likelier it is, and none is ruled out.
    pub fn choose(&self, row: usize, rng: &mut StdRng) -> Choice {
        let worths: Vec<f64> = (0..self.world.experts.len())
            .map(|expert| self.quality(row, expert) - self.cost_weight * self.cost(expert))
            .collect();
        let best = best(&worths);
        let top = worths.get(best).copied().unwrap_or(0.0);
        let experts = count(worths.len());
        let sharp = 10.0 * (experts * (1.0 + count(self.judged.len()))).sqrt();
        let mut propensities: Vec<f64> = worths
            .iter()
            .map(|worth| 1.0 / (experts + sharp * (top - worth)))
            .collect();
        let others: f64 = propensities
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != best)
            .map(|(_, p)| p)
            .sum();
        if let Some(first) = propensities.get_mut(best) {
            *first = 1.0 - others;
        }
        let mut draw: f64 = rng.random();
        let mut expert = best;
        for (at, p) in propensities.iter().enumerate() {
            if draw < *p {
                expert = at;
                break;
            }
            draw -= p;
        }
        Choice {
            expert,
            propensities,
        }
    }

    /// Notes what an answer cost; that is known at once.
    pub fn paid(&mut self, row: usize, expert: usize) {
        let cost = self.world.cost(row, expert);
        if let Some(mean) = self.costs.get_mut(expert) {
            mean.add(cost);
        }
    }

    /// Learns from a judgement, and again from some before it.
    pub fn learn(&mut self, judgement: Judgement, rng: &mut StdRng) {
        let score = judgement.score;
        if let Some(mean) = self.experts.get_mut(judgement.expert) {
            mean.add(score);
        }
        let slice = self.slice(judgement.row);
        let cell = self
            .slices
            .get_mut(slice)
            .and_then(|row| row.get_mut(judgement.expert));
        if let Some(mean) = cell {
            mean.add(score);
        }
        self.judged.push(judgement);
        if self.sight == Sight::Text {
            self.fit(judgement);
            for _ in 0..REPLAYS {
                if let Some(again) = self.judged.choose(rng).copied() {
                    self.fit(again);
                }
            }
        }
    }

    fn fit(&mut self, judgement: Judgement) {
        let prior = self.prior(judgement.row, judgement.expert);
        let tokens = self.tokens.get(judgement.row);
        if let Some((model, tokens)) = self.text.get_mut(judgement.expert).zip(tokens) {
            #[expect(clippy::cast_possible_truncation, reason = "a logit needs no 64 bits")]
            let (base, label) = (logit(prior as f32), judgement.score as f32);
            let slope = sigmoid(base + model.logit(tokens)) - label;
            model.learn(tokens, slope, SHRINK);
        }
    }

    /// What the means say: those of all experts, of the expert, and of the expert on the slice.
    fn prior(&self, row: usize, expert: usize) -> f64 {
        let all = self.experts.iter().fold(Mean::default(), |a, b| Mean {
            n: a.n + b.n,
            sum: a.sum + b.sum,
        });
        let own = self.experts.get(expert).copied().unwrap_or_default();
        let own = own.near(all.near(0.5, 1.0), 2.0);
        if self.sight == Sight::Nothing {
            return own;
        }
        let cells = self.slices.get(self.slice(row));
        let cell = cells.and_then(|cells| cells.get(expert));
        cell.copied().unwrap_or_default().near(own, STRENGTH)
    }

    fn cost(&self, expert: usize) -> f64 {
        self.costs
            .get(expert)
            .map_or(0.0, |mean| mean.near(0.0, 1e-9))
    }

    fn slice(&self, row: usize) -> usize {
        self.world.rows.get(row).map_or(0, |row| row.slice)
    }
}

/// The tokens of every row of a world. `None` where a row's features are of too small a table.
pub fn tokens(world: &World) -> Option<Vec<Tokens>> {
    let rows = world.rows.iter();
    rows.map(|row| Tokens::of(&row.features, BITS)).collect()
}

/// Place of the largest value.
pub(super) fn best(values: &[f64]) -> usize {
    let pairs = values.iter().copied().enumerate();
    pairs
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map_or(0, |(at, _)| at)
}
