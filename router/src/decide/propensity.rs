//! Exploration: an even draw among near-ties with a small probability, and the propensities of it.

use crate::policy::Exploration;

/// The near-ties at the head of the ranking and the probability of drawing among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near {
    count: u32,
    epsilon: f64,
}

impl Near {
    /// Counts those within the margin of the first. `worths` are sorted, best first.
    pub(super) fn of(
        worths: impl Iterator<Item = f64>,
        exploration: &Exploration,
        value: f64,
    ) -> Self {
        let margin = f64::from(exploration.margin.max(0.0)) * value.abs();
        let mut top = None;
        let mut count = 0;
        for worth in worths {
            let first = *top.get_or_insert(worth);
            if first - worth > margin {
                break;
            }
            count += 1;
        }
        let epsilon = f64::from(exploration.epsilon);
        let epsilon = if epsilon.is_finite() {
            epsilon.clamp(0.0, 1.0)
        } else {
            0.0
        };
        Self {
            count: u32::max(count, 1),
            epsilon,
        }
    }
}

/// Writes the propensities in the order of the ranking and returns the place the draw falls on.
pub(super) fn spread<'a>(
    slots: impl Iterator<Item = &'a mut f64>,
    near: Near,
    random: f64,
) -> usize {
    let share = near.epsilon / f64::from(near.count);
    // The first takes what the others leave, so that the sum is 1 to the last bit that matters.
    let first = 1.0 - share * f64::from(near.count - 1);
    let random = if random.is_finite() {
        random.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let (mut sum, mut chosen) = (0.0, 0);
    for ((place, slot), rank) in slots.enumerate().zip(0_u32..) {
        *slot = match rank {
            0 => first,
            _ if rank < near.count => share,
            _ => 0.0,
        };
        if *slot > 0.0 && random >= sum {
            chosen = place;
        }
        sum += *slot;
    }
    chosen
}
