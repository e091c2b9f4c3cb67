//! Steps of one task each, of rows of about the same length.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Rows of one task that make one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position of the task.
    pub task: usize,
    /// Positions of the rows.
    pub rows: Vec<usize>,
}

/// How many batches are sorted by length together: large enough to save padding, small enough to keep chance.
const POOL: usize = 32;

/// Every row of every task once, in steps of at most `batch` rows, in random order. `lengths` are per task and row.
pub fn shuffle(lengths: &[Vec<usize>], batch: usize, random: &mut StdRng) -> Vec<Step> {
    let mut steps = Vec::new();
    for (task, lengths) in lengths.iter().enumerate() {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.shuffle(random);
        for pool in order.chunks_mut(batch * POOL) {
            pool.sort_by_key(|&row| lengths.get(row).copied());
            steps.extend(pool.chunks(batch).map(|rows| Step {
                task,
                rows: rows.to_vec(),
            }));
        }
    }
    steps.shuffle(random);
    steps
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::shuffle;

    const SEED: u64 = 5;

    #[test]
    fn every_row_comes_once_in_steps_of_like_length() {
        println!("seed {SEED}");
        let mut random = StdRng::seed_from_u64(SEED);
        let lengths = vec![(0..1_000).map(|i| i % 97).collect::<Vec<_>>(), vec![3; 10]];
        let steps = shuffle(&lengths, 16, &mut random);
        let mut seen = [vec![0; 1_000], vec![0; 10]];
        let mut spread = 0;
        for step in &steps {
            assert!((1..=16).contains(&step.rows.len()));
            let of = |row: &usize| lengths[step.task][*row];
            spread +=
                step.rows.iter().map(of).max().unwrap() - step.rows.iter().map(of).min().unwrap();
            for &row in &step.rows {
                seen[step.task][row] += 1;
            }
        }
        assert!(seen.iter().flatten().all(|&n| n == 1));
        assert!(
            spread / steps.len() < 10,
            "mean spread {} of 97",
            spread / steps.len()
        );
        assert_ne!(
            steps,
            shuffle(&lengths, 16, &mut random),
            "each pass has its own order"
        );
    }
}
