//! Curves and figures of a simulation.

use serde::Serialize;

use super::lift::{self, Lifts, steps};
use super::{Plan, Played, Who};
use crate::off_policy::{Estimates, Logged, Options, count, estimate};
use crate::world::World;

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Requests of the stream.
    pub requests: usize,
    /// Judgements of the gate that had come by the end, over all orders.
    pub judged: usize,
    /// Everybody.
    pub curves: Vec<Curve>,
    /// What seeing more is worth.
    pub lifts: Lifts,
    /// What the gate's logs say of a fixed lookup table, beside the truth.
    pub off_policy: Option<OffPolicy>,
}

/// One who chose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// Who.
    pub who: Who,
    /// Mean quality of the answers over the whole stream.
    pub accuracy: f64,
    /// The same over its second half.
    pub late_accuracy: f64,
    /// Mean cost of the answers.
    pub cost: f64,
    /// After so many requests: mean worth so far.
    pub worth: Vec<(usize, f64)>,
    /// After so many requests: the sum of worth by which it lies behind the lookup, the best single and the oracle.
    pub regret: Vec<(usize, [f64; 3])>,
}

/// Off-policy estimates beside the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OffPolicy {
    /// True mean score of the lookup table, the judges' errors included.
    pub truth: f64,
    /// The estimates from the gate's logs.
    pub estimates: Estimates,
}

pub(super) fn of(
    world: &World,
    plan: &Plan,
    orders: &[Played],
    best_of_slice: &[usize],
) -> Option<Outcome> {
    let n = world.rows.len();
    let rivals = [Who::Lookup, Who::BestSingle, Who::Oracle].map(|who| running(orders, who, n));
    let curves = Who::ALL.iter().map(|who| {
        let own = running(orders, *who, n);
        let marks = (1..=plan.points.max(1)).map(|k| (n * k / plan.points.max(1)).max(1));
        let marks: Vec<usize> = marks.collect();
        let at = |sums: &[f64], mark: usize| sums.get(mark.saturating_sub(1)).copied();
        let worth = marks
            .iter()
            .filter_map(|mark| Some((*mark, at(&own, *mark)? / count(*mark))));
        let regret = marks.iter().filter_map(|mark| {
            let sum = at(&own, *mark)?;
            let behind = rivals
                .each_ref()
                .map(|rival| at(rival, *mark).unwrap_or(sum) - sum);
            Some((*mark, behind))
        });
        let mean = |of: fn(&super::Step) -> f64, from: usize| {
            let all = orders.iter().flat_map(|p| steps(p, *who).iter().skip(from));
            let (sum, n) = all.fold((0.0, 0_usize), |(sum, n), step| (sum + of(step), n + 1));
            sum / count(n.max(1))
        };
        Curve {
            who: *who,
            accuracy: mean(|step| step.quality, 0),
            late_accuracy: mean(|step| step.quality, n / 2),
            cost: mean(|step| step.cost, 0),
            worth: worth.collect(),
            regret: regret.collect(),
        }
    });
    Some(Outcome {
        requests: n,
        judged: orders.iter().map(|played| played.logged.len()).sum(),
        curves: curves.collect(),
        lifts: lift::of(world, plan, orders)?,
        off_policy: off_policy(world, plan, orders, best_of_slice),
    })
}

/// Sum of worth so far, after each request, mean over orders.
fn running(orders: &[Played], who: Who, n: usize) -> Vec<f64> {
    let mut sums = vec![0.0; n];
    for played in orders {
        let mut sum = 0.0;
        for (total, step) in sums.iter_mut().zip(steps(played, who)) {
            sum += step.worth;
            *total += sum / count(orders.len());
        }
    }
    sums
}

fn off_policy(
    world: &World,
    plan: &Plan,
    orders: &[Played],
    best_of_slice: &[usize],
) -> Option<OffPolicy> {
    // One log: the same request in another order is no new request.
    let rows: &[Logged] = orders.first().map(|played| played.logged.as_slice())?;
    let estimates = estimate(rows, &Options::default())?;
    let noise = plan.feedback.noise;
    let of = |(at, row): (usize, &crate::world::Row)| {
        let best = best_of_slice.get(row.slice).copied().unwrap_or(0);
        let quality = world.quality(at, best);
        quality * (1.0 - noise) + (1.0 - quality) * noise
    };
    let sum: f64 = world.rows.iter().enumerate().map(of).sum();
    Some(OffPolicy {
        truth: sum / count(world.rows.len()),
        estimates,
    })
}
