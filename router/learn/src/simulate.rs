//! Replays a full table of outcomes as a stream: learners choose, see only their own answers, and are judged late, not
//! always and not always rightly. What each earned before it learned is compared, request by request.

mod baselines;
mod feedback;
mod learner;
mod lift;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

pub use feedback::{Feedback, Judgement, Mail};
pub use learner::{Choice, Learner, Sight, tokens};
pub use lift::{Lift, Lifts};
pub use outcome::{Curve, OffPolicy, Outcome};

use crate::off_policy::Logged;
use crate::sparse::Tokens;
use crate::world::World;

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plan {
    /// How feedback comes.
    pub feedback: Feedback,
    /// What a unit of cost takes from a request's worth; 0 looks at quality alone.
    pub cost_weight: f64,
    /// Orders of the stream that are played.
    pub orders: u32,
    /// The first seed; later orders take the next ones.
    pub seed: u64,
    /// Points of each curve.
    pub points: usize,
}

/// Who chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The learner that sees slice and text.
    Gate,
    /// The same that sees the slice only.
    SliceOnly,
    /// The same that sees nothing.
    MeansOnly,
    /// A lookup table that is told every expert's outcome on every earlier request, at once and rightly.
    Lookup,
    /// The expert that is best over the whole table.
    BestSingle,
    /// An expert drawn evenly.
    Random,
    /// The best expert for each request.
    Oracle,
}

impl Who {
    /// Everybody, in the order of the figures.
    pub const ALL: [Self; 7] = [
        Self::Gate,
        Self::SliceOnly,
        Self::MeansOnly,
        Self::Lookup,
        Self::BestSingle,
        Self::Random,
        Self::Oracle,
    ];

    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::SliceOnly => "slice only",
            Self::MeansOnly => "means only",
            Self::Lookup => "lookup, told all",
            Self::BestSingle => "best single",
            Self::Random => "random",
            Self::Oracle => "oracle",
        }
    }
}

/// One request as somebody handled it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    row: usize,
    worth: f64,
    quality: f64,
    cost: f64,
}

/// Everything of one order: everybody's steps, and the gate's log where it was judged.
struct Played {
    steps: Vec<(Who, Vec<Step>)>,
    logged: Vec<Logged>,
}

/// Plays every order. `None` where the table is empty or its features are of too small a table.
pub fn play(world: &World, plan: &Plan) -> Option<Outcome> {
    let tokens = tokens(world)?;
    if world.rows.is_empty() || world.experts.is_empty() {
        return None;
    }
    let stage = Stage {
        world,
        tokens: &tokens,
        plan,
        best_of_slice: baselines::best_of_slices(world, plan),
    };
    let orders = (0..plan.orders.max(1)).map(|nth| stage.order(u64::from(nth)));
    outcome::of(
        world,
        plan,
        &orders.collect::<Vec<_>>(),
        &stage.best_of_slice,
    )
}

/// What all orders share.
struct Stage<'w> {
    world: &'w World,
    tokens: &'w [Tokens],
    plan: &'w Plan,
    /// The fixed lookup table that off-policy estimates are made for.
    best_of_slice: Vec<usize>,
}

impl Stage<'_> {
    /// Plays one order of the stream.
    fn order(&self, nth: u64) -> Played {
        let seed = self.plan.seed.wrapping_add(nth);
        let mut order: Vec<usize> = (0..self.world.rows.len()).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut played = Played {
            steps: baselines::play(self.world, self.plan, &order),
            logged: Vec::new(),
        };
        for (who, sight) in [
            (Who::Gate, Sight::Text),
            (Who::SliceOnly, Sight::Slice),
            (Who::MeansOnly, Sight::Nothing),
        ] {
            let (steps, logged) = self.learn(sight, &order, seed);
            played.steps.push((who, steps));
            if who == Who::Gate {
                played.logged = logged;
            }
        }
        played
    }

    /// One learner over the stream: it is tested on each request before it learns anything of it.
    fn learn(&self, sight: Sight, order: &[usize], seed: u64) -> (Vec<Step>, Vec<Logged>) {
        let mut learner = Learner::new(self.world, self.tokens, sight, self.plan.cost_weight);
        let mut mail = Mail::default();
        let [mut choosing, mut judging, mut replaying] =
            [1, 2, 3].map(|of| StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(of)));
        let mut log: HashMap<usize, Logged> = HashMap::new();
        let (mut steps, mut judged) = (Vec::with_capacity(order.len()), Vec::new());
        for (now, row) in (0_u64..).zip(order.iter().copied()) {
            let choice = learner.choose(row, &mut choosing);
            log.insert(row, self.log(&learner, row, &choice));
            learner.paid(row, choice.expert);
            steps.push(step(self.world, self.plan, row, choice.expert));
            let truth = Judgement {
                row,
                expert: choice.expert,
                score: self.world.quality(row, choice.expert),
            };
            mail.send(now, &self.plan.feedback, truth, &mut judging);
            for judgement in mail.arrived(now) {
                judged.extend(log.get(&judgement.row).map(|logged| Logged {
                    reward: judgement.score,
                    ..*logged
                }));
                learner.learn(judgement, &mut replaying);
            }
        }
        (steps, judged)
    }

    /// A choice as an off-policy estimate of the fixed lookup table needs it. The model is what the learner expects at
    /// that moment, which it has not learned from this request.
    fn log(&self, learner: &Learner<'_>, row: usize, choice: &Choice) -> Logged {
        let slice = self.world.rows.get(row).map_or(0, |row| row.slice);
        let target = self.best_of_slice.get(slice).copied().unwrap_or(0);
        let propensity = choice.propensities.get(choice.expert).copied();
        Logged {
            propensity: propensity.unwrap_or(0.0),
            reward: 0.0,
            target: if target == choice.expert { 1.0 } else { 0.0 },
            model: learner.quality(row, choice.expert),
            expected: learner.quality(row, target),
            unsupported: 0.0,
        }
    }
}

fn step(world: &World, plan: &Plan, row: usize, expert: usize) -> Step {
    let (quality, cost) = (world.quality(row, expert), world.cost(row, expert));
    Step {
        row,
        worth: quality - plan.cost_weight * cost,
        quality,
        cost,
    }
}
