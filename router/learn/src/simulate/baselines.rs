//! Those who need no feedback, or get all of it.

use super::learner::best;
use super::{Plan, Step, Who, step};
use crate::off_policy::count;
use crate::world::World;

/// Rows at which a slice's mean weighs as much as the whole's.
const STRENGTH: f64 = 20.0;

/// Everybody's steps over one order of the stream.
pub(super) fn play(world: &World, plan: &Plan, order: &[usize]) -> Vec<(Who, Vec<Step>)> {
    let single = best(&worths(world, plan, |_| true));
    let mut lookup = Lookup::new(world);
    let [mut looked, mut fixed, mut drawn, mut known] = [const { Vec::<Step>::new() }; 4];
    for row in order.iter().copied() {
        let all: Vec<Step> = (0..world.experts.len())
            .map(|expert| step(world, plan, row, expert))
            .collect();
        let worths: Vec<f64> = all.iter().map(|step| step.worth).collect();
        let slice = world.rows.get(row).map_or(0, |row| row.slice);
        looked.extend(all.get(lookup.choose(slice)));
        fixed.extend(all.get(single));
        known.extend(all.get(best(&worths)));
        let mean = |of: fn(&Step) -> f64| all.iter().map(of).sum::<f64>() / count(all.len());
        drawn.push(Step {
            row,
            worth: mean(|step| step.worth),
            quality: mean(|step| step.quality),
            cost: mean(|step| step.cost),
        });
        lookup.learn(slice, &worths);
    }
    vec![
        (Who::Lookup, looked),
        (Who::BestSingle, fixed),
        (Who::Random, drawn),
        (Who::Oracle, known),
    ]
}

/// The best expert of each slice over the whole table.
pub(super) fn best_of_slices(world: &World, plan: &Plan) -> Vec<usize> {
    let slices = 0..world.slices.len();
    slices
        .map(|slice| best(&worths(world, plan, |of| of == slice)))
        .collect()
}

/// Sum of each expert's worth over the slices that hold.
fn worths(world: &World, plan: &Plan, holds: impl Fn(usize) -> bool) -> Vec<f64> {
    let rows = world.rows.iter().enumerate();
    let rows: Vec<usize> = rows
        .filter(|(_, row)| holds(row.slice))
        .map(|(at, _)| at)
        .collect();
    let sum = |expert: usize| {
        rows.iter()
            .map(|row| step(world, plan, *row, expert).worth)
            .sum()
    };
    (0..world.experts.len()).map(sum).collect()
}

/// Means of every expert by slice, shrunk to those of all slices.
struct Lookup {
    slices: Vec<(f64, Vec<f64>)>,
    all: (f64, Vec<f64>),
}

impl Lookup {
    fn new(world: &World) -> Self {
        let empty = (0.0, vec![0.0; world.experts.len()]);
        Self {
            slices: vec![empty.clone(); world.slices.len()],
            all: empty,
        }
    }

    fn choose(&self, slice: usize) -> usize {
        let near = |(n, sums): &(f64, Vec<f64>), expert: usize, wider: f64, strength: f64| {
            let sum = sums.get(expert).copied().unwrap_or(0.0);
            (sum + strength * wider) / (n + strength)
        };
        let means: Vec<f64> = (0..self.all.1.len())
            .map(|expert| {
                let wide = near(&self.all, expert, 0.5, 1.0);
                let cells = self.slices.get(slice);
                cells.map_or(wide, |cells| near(cells, expert, wide, STRENGTH))
            })
            .collect();
        best(&means)
    }

    fn learn(&mut self, slice: usize, worths: &[f64]) {
        let cells = self.slices.get_mut(slice).into_iter();
        for (n, sums) in cells.chain([&mut self.all]) {
            *n += 1.0;
            for (sum, worth) in sums.iter_mut().zip(worths) {
                *sum += worth;
            }
        }
    }
}
