//! What seeing more is worth: paired differences by request, over all orders, with bootstrap intervals over requests.

use serde::Serialize;

use super::{Plan, Played, Step, Who};
use crate::off_policy::{Interval, count};
use crate::resample;
use crate::world::World;

/// Resamples of an interval.
const ROUNDS: usize = 1_000;
/// Probability that an interval holds the truth.
const LEVEL: f64 = 0.95;

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lift {
    /// Over the whole stream, learning included.
    pub whole: Interval,
    /// Over its second half.
    pub late: Interval,
}

impl Lift {
    /// Is it above nothing, in the second half, with the interval's confidence?
    pub fn shows(&self) -> bool {
        self.late.low > 0.0
    }
}

/// The comparisons. Both sides learn alike, explore alike and are judged alike; they differ in what they see.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lifts {
    /// The gate less the learner that sees nothing.
    pub of_context: Lift,
    /// The gate less the learner that sees the slice only.
    pub of_text: Lift,
    /// The gate less the lookup table that is told all.
    pub over_lookup: Lift,
    /// The gate less the best single expert.
    pub over_single: Lift,
}

pub(super) fn of(world: &World, plan: &Plan, orders: &[Played]) -> Option<Lifts> {
    let lift = |other: Who| {
        let of = |from: usize| {
            let differences = differences(world, orders, other, from);
            resample::mean(&differences, ROUNDS, LEVEL, plan.seed)
        };
        Some(Lift {
            whole: of(0)?,
            late: of(world.rows.len() / 2)?,
        })
    };
    Some(Lifts {
        of_context: lift(Who::MeansOnly)?,
        of_text: lift(Who::SliceOnly)?,
        over_lookup: lift(Who::Lookup)?,
        over_single: lift(Who::BestSingle)?,
    })
}

/// Mean difference for each request that came at `from` or later in at least one order.
fn differences(world: &World, orders: &[Played], other: Who, from: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_usize); world.rows.len()];
    for played in orders {
        let gate = steps(played, Who::Gate).iter().skip(from);
        for (own, theirs) in gate.zip(steps(played, other).iter().skip(from)) {
            if let Some((sum, n)) = sums.get_mut(own.row) {
                *sum += own.worth - theirs.worth;
                *n += 1;
            }
        }
    }
    let seen = sums.into_iter().filter(|(_, n)| *n > 0);
    seen.map(|(sum, n)| sum / count(n)).collect()
}

pub(super) fn steps(played: &Played, who: Who) -> &[Step] {
    let found = played.steps.iter().find(|(of, _)| *of == who);
    found.map_or(&[], |(_, steps)| steps.as_slice())
}
