//! What a step's tokens cost: weights of a token that is read and of one that is written, fitted to the times that steps
//! took.

use units::Nanos;

/// How fast old steps are forgotten.
const FORGET: f64 = 0.98;
/// Steps before which a guess counts.
const LEAST: u32 = 8;

/// A least-squares fit of `time = a · read + b · written` with old steps forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepCost {
    steps: u32,
    read_read: f64,
    read_written: f64,
    written_written: f64,
    read_time: f64,
    written_time: f64,
}

impl StepCost {
    /// Learns from a step that read so many tokens of prompts and wrote so many.
    #[expect(
        clippy::cast_precision_loss,
        reason = "steps are far below 2^52 ns and tokens"
    )]
    pub(crate) fn learn(&mut self, read: usize, written: usize, took: Nanos) {
        let (read, written, took) = (read as f64, written as f64, took.get() as f64);
        let sums = [
            (&mut self.read_read, read * read),
            (&mut self.read_written, read * written),
            (&mut self.written_written, written * written),
            (&mut self.read_time, read * took),
            (&mut self.written_time, written * took),
        ];
        for (sum, more) in sums {
            *sum = *sum * FORGET + more;
        }
        self.steps = self.steps.saturating_add(1);
    }

    /// Weights of a token that is read and of one that is written, as whole numbers. Until there is a fit, a written one
    /// weighs as four: it reads all weights alone, the others together.
    pub(crate) fn weights(&self) -> (u64, u64) {
        const GUESS: (u64, u64) = (1_000, 4_000);
        let det = self.read_read * self.written_written - self.read_written * self.read_written;
        // Where all steps are alike the two cannot be told apart.
        if self.steps < LEAST || det <= 1e-6 * self.read_read * self.written_written {
            return GUESS;
        }
        let read =
            (self.read_time * self.written_written - self.written_time * self.read_written) / det;
        let written =
            (self.written_time * self.read_read - self.read_time * self.read_written) / det;
        if !(read > 0.0 && written > 0.0) {
            return GUESS;
        }
        // Neither is ever nothing beside the other.
        let ratio = (written / read).clamp(0.1, 100.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 100 and 100 000"
        )]
        let written = (ratio * 1_000.0) as u64;
        (1_000, written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_found_in_the_times() {
        let mut cost = StepCost::default();
        assert_eq!(cost.weights(), (1_000, 4_000));
        for step in 0..100_u64 {
            let (read, written) = (step * 37 % 200, 1 + step * 11 % 16);
            let noise = step * 7_919 % 1_000;
            let took = Nanos::new(read * 600_000 + written * 1_500_000 + noise * 1_000);
            cost.learn(
                usize::try_from(read).unwrap(),
                usize::try_from(written).unwrap(),
                took,
            );
        }
        let (read, written) = cost.weights();
        assert_eq!(read, 1_000);
        assert!((2_200..2_800).contains(&written), "{written}");
    }

    #[test]
    fn alike_steps_tell_nothing() {
        let mut cost = StepCost::default();
        for _ in 0..50 {
            cost.learn(0, 4, Nanos::new(1_000));
        }
        assert_eq!(cost.weights(), (1_000, 4_000));
    }
}
