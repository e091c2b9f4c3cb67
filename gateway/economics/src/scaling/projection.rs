//! Variable projection: given both exponents the law is linear in its three weights, so only the exponents are searched.

use super::huber::{huber, pull};
use super::{Form, Run};

/// A start for the descent: weights are those of powers around the middle of the runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) weights: [f64; 3],
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) objective: f64,
}

/// The best weights for every pair of exponents of the grid that the form allows, best first.
pub(super) fn grid(runs: &[Run], centre: [f64; 2], exponents: &[f64], form: Form) -> Vec<Start> {
    let powers = |log: fn(&Run) -> f64, centre: f64| -> Vec<Vec<f64>> {
        let of = |exponent: &f64| {
            runs.iter()
                .map(|r| (-exponent * (log(r) - centre)).exp())
                .collect()
        };
        exponents.iter().map(of).collect()
    };
    let by_params = powers(|run| run.params().ln(), centre[0]);
    let by_tokens = powers(|run| run.tokens().ln(), centre[1]);
    let mut starts = Vec::new();
    for (&alpha, x) in exponents.iter().zip(&by_params) {
        for (&beta, y) in exponents.iter().zip(&by_tokens) {
            if form == Form::Tied && alpha != beta {
                continue;
            }
            let (weights, objective) = project(runs, x, y);
            starts.push(Start {
                weights,
                alpha,
                beta,
                objective,
            });
        }
    }
    starts.sort_by(|a, b| a.objective.total_cmp(&b.objective));
    starts
}

/// Weights of `loss = w0 + w1 x + w2 y`, none negative, that lower the Huber loss of relative residuals: least squares
/// whose rows are weighted anew by the residuals of the round before.
fn project(runs: &[Run], x: &[f64], y: &[f64]) -> ([f64; 3], f64) {
    const ROUNDS: usize = 8;
    let mut row_weights = vec![1.0; runs.len()];
    let (mut weights, mut objective) = ([0.0; 3], f64::INFINITY);
    for _ in 0..ROUNDS {
        weights = non_negative_least_squares(runs, x, y, &row_weights);
        objective = 0.0;
        for (((run, x), y), row_weight) in runs.iter().zip(x).zip(y).zip(&mut row_weights) {
            let residual = ((weights[0] + weights[1] * x + weights[2] * y) / run.loss()).ln();
            *row_weight = pull(residual);
            objective += huber(residual).0;
        }
    }
    (weights, objective)
}

/// Least squares of relative residuals over three columns, by trying every set of columns that may be in use: the best
/// of those whose weights are all above 0 is the solution.
fn non_negative_least_squares(runs: &[Run], x: &[f64], y: &[f64], rows: &[f64]) -> [f64; 3] {
    let mut normal = [[0.0; 3]; 3];
    let mut right = [0.0; 3];
    for (((run, x), y), weight) in runs.iter().zip(x).zip(y).zip(rows) {
        // Divided by the loss, the target is 1 in every row.
        let columns = [1.0 / run.loss(), x / run.loss(), y / run.loss()];
        for ((line, side), c) in normal.iter_mut().zip(&mut right).zip(&columns) {
            for (cell, d) in line.iter_mut().zip(&columns) {
                *cell += weight * c * d;
            }
            *side += weight * c;
        }
    }
    const SETS: [[bool; 3]; 7] = [
        [true, true, true],
        [false, true, true],
        [true, false, true],
        [true, true, false],
        [true, false, false],
        [false, true, false],
        [false, false, true],
    ];
    let mut best = ([0.0; 3], 0.0);
    for used in SETS {
        let Some(weights) = solve(&normal, &right, used) else {
            continue;
        };
        // The squared error falls by `right . weights` against that of no column at all.
        let gain: f64 = right.iter().zip(&weights).map(|(r, w)| r * w).sum();
        if weights.iter().all(|w| *w >= 0.0) && gain > best.1 {
            best = (weights, gain);
        }
    }
    best.0
}

/// Solves the normal equations over the used columns by elimination with pivots; `None` where they are degenerate.
fn solve(normal: &[[f64; 3]; 3], right: &[f64; 3], used: [bool; 3]) -> Option<[f64; 3]> {
    let mut rows: [[f64; 4]; 3] = std::array::from_fn(|i| {
        std::array::from_fn(|j| match (used.get(i), used.get(j)) {
            (Some(true), None) => right[i],
            (Some(true), Some(true)) => normal[i][j],
            _ => f64::from(u8::from(i == j)),
        })
    });
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|&i, &j| rows[i][column].abs().total_cmp(&rows[j][column].abs()))?;
        rows.swap(column, pivot);
        let top = rows[column];
        if top[column].abs() <= f64::EPSILON * normal[column][column].abs().max(f64::MIN_POSITIVE) {
            return None;
        }
        for (at, row) in rows.iter_mut().enumerate() {
            if at != column {
                let factor = row[column] / top[column];
                for (cell, t) in row.iter_mut().zip(&top) {
                    *cell -= factor * t;
                }
            }
        }
    }
    Some(std::array::from_fn(|i| rows[i][3] / rows[i][i]))
}

#[cfg(test)]
mod tests {
    use super::solve;

    #[test]
    fn equations_are_solved_over_the_used_columns() {
        let normal = [[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]];
        let right = [6.0, 10.0, 8.0];
        let near = |found: [f64; 3], expected: [f64; 3]| {
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(f, e)| (f - e).abs() < 1e-12),
                "{found:?}"
            );
        };
        near(solve(&normal, &right, [true; 3]).unwrap(), [1.0, 2.0, 3.0]);
        near(
            solve(&normal, &right, [false, false, true]).unwrap(),
            [0.0, 0.0, 4.0],
        );
        near(
            solve(&normal, &right, [true, true, false]).unwrap(),
            [8.0 / 11.0, 34.0 / 11.0, 0.0],
        );
        assert_eq!(solve(&[[1.0; 3]; 3], &[1.0; 3], [true; 3]), None);
    }
}
