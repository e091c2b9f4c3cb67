//! Checks the estimates where the truth is known: logs are drawn from a full table of outcomes under a known policy, and
//! each interval either holds the true value or not.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Estimates, Interval, Logged, Options, count, estimate};
use crate::world::World;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Logs drawn.
    pub replications: usize,
    /// Requests of each log.
    pub rows: usize,
    /// Share of logged choices that are made evenly at random, above 0.
    pub exploration: f64,
    /// Share of rewards that are turned round.
    pub noise: f64,
    /// Seed of every draw.
    pub seed: u64,
    /// How estimates are made.
    pub options: Options,
}

/// How one estimator did over all logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Covered {
    /// Share of intervals that held the truth.
    pub coverage: f64,
    /// Mean estimate less the truth.
    pub bias: f64,
    /// Mean width of the intervals.
    pub width: f64,
}

/// How the three did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Logs drawn.
    pub replications: usize,
    /// Requests of each.
    pub rows: usize,
    /// The target policy's true mean reward.
    pub truth: f64,
    /// The logging policy's.
    pub logging: f64,
    /// Inverse propensity scores.
    pub ips: Covered,
    /// Self-normalised.
    pub snips: Covered,
    /// Doubly robust.
    pub dr: Covered,
}

/// Draws logs from a table and checks the estimates. The logging policy takes the best single expert, and any with some
/// probability; the target policy takes the best expert of the request's slice. The model is the slice's mean over every
/// other row of the table, so it errs. `None` where the table is empty.
pub fn check(world: &World, plan: &Plan) -> Option<Coverage> {
    let lookup = Lookup::new(world)?;
    let rng = &mut StdRng::seed_from_u64(plan.seed);
    let flip = |quality: f64| quality * (1.0 - plan.noise) + (1.0 - quality) * plan.noise;
    let mean = |of: &dyn Fn(usize) -> f64| {
        let rows = 0..world.rows.len();
        rows.map(of).sum::<f64>() / count(world.rows.len())
    };
    let truth = mean(&|row| flip(world.quality(row, lookup.target(world, row))));
    let logging = mean(&|row| {
        let all = 0..world.experts.len();
        let sum: f64 = all
            .map(|expert| lookup.propensity(expert, plan) * flip(world.quality(row, expert)))
            .sum();
        sum
    });
    let mut tallies = [Tally::default(); 3];
    for _ in 0..plan.replications {
        let rows: Vec<Logged> = (0..plan.rows)
            .map(|_| lookup.draw(world, plan, rng))
            .collect();
        let Some(Estimates { ips, snips, dr, .. }) = estimate(&rows, &plan.options) else {
            continue;
        };
        for (tally, found) in tallies.iter_mut().zip([ips, snips, dr]) {
            tally.add(&found, truth);
        }
    }
    let [ips, snips, dr] = tallies.map(Tally::finish);
    Some(Coverage {
        replications: plan.replications,
        rows: plan.rows,
        truth,
        logging,
        ips,
        snips,
        dr,
    })
}

/// The policies and the model.
struct Lookup {
    single: usize,
    /// For each slice: the best expert.
    best: Vec<usize>,
    /// For each slice and expert: mean quality over every other row.
    model: Vec<Vec<f64>>,
}

impl Lookup {
    fn new(world: &World) -> Option<Self> {
        let overall = world.means(|_, _| true);
        let single = largest(overall.iter().copied())?;
        let slices = 0..world.slices.len();
        let best = slices.clone().map(|slice| {
            let means = world.means(|_, row| row.slice == slice);
            largest(means.into_iter()).unwrap_or(single)
        });
        let model = slices.map(|slice| world.means(|at, row| at % 2 == 0 && row.slice == slice));
        Some(Self {
            single,
            best: best.collect(),
            model: model.collect(),
        })
    }

    fn target(&self, world: &World, row: usize) -> usize {
        let slice = world.rows.get(row).map_or(0, |row| row.slice);
        self.best.get(slice).copied().unwrap_or(self.single)
    }

    fn expects(&self, world: &World, row: usize, expert: usize) -> f64 {
        let slice = world.rows.get(row).map_or(0, |row| row.slice);
        let means = self.model.get(slice);
        means
            .and_then(|means| means.get(expert))
            .copied()
            .unwrap_or(0.5)
    }

    fn propensity(&self, expert: usize, plan: &Plan) -> f64 {
        let even = plan.exploration / count(self.model.first().map_or(1, Vec::len).max(1));
        if expert == self.single {
            1.0 - plan.exploration + even
        } else {
            even
        }
    }

    fn draw(&self, world: &World, plan: &Plan, rng: &mut StdRng) -> Logged {
        let row = rng.random_range(0..world.rows.len());
        let expert = if rng.random_bool(plan.exploration.clamp(0.0, 1.0)) {
            rng.random_range(0..world.experts.len())
        } else {
            self.single
        };
        let turned = rng.random_bool(plan.noise.clamp(0.0, 1.0));
        let quality = world.quality(row, expert);
        let target = self.target(world, row);
        Logged {
            propensity: self.propensity(expert, plan),
            reward: if turned { 1.0 - quality } else { quality },
            target: if target == expert { 1.0 } else { 0.0 },
            model: self.expects(world, row, expert),
            expected: self.expects(world, row, target),
            unsupported: 0.0,
        }
    }
}

fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let best = values
        .enumerate()
        .reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(at, _)| at)
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    n: usize,
    held: usize,
    error: f64,
    width: f64,
}

impl Tally {
    fn add(&mut self, found: &Interval, truth: f64) {
        self.n += 1;
        self.held += usize::from(found.holds(truth));
        self.error += found.value - truth;
        self.width += found.high - found.low;
    }

    fn finish(self) -> Covered {
        let n = count(self.n.max(1));
        Covered {
            coverage: count(self.held) / n,
            bias: self.error / n,
            width: self.width / n,
        }
    }
}
