//! Feedback as it comes: late, not always, and not always right.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::Rng;
use rand::rngs::StdRng;

/// How feedback comes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Feedback {
    /// Median delay in requests; delays are log-normal.
    pub delay: f64,
    /// Standard deviation of the delay's logarithm.
    pub spread: f64,
    /// Share of requests that nobody judges.
    pub missing: f64,
    /// Share of judgements that are turned round.
    pub noise: f64,
}

impl Default for Feedback {
    /// Half of the judgements within 50 requests, a twentieth after more than 260; 30 % missing; 5 % wrong.
    fn default() -> Self {
        Self {
            delay: 50.0,
            spread: 1.0,
            missing: 0.3,
            noise: 0.05,
        }
    }
}

/// One judgement under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// Place of the request in the table.
    pub row: usize,
    /// The expert that answered.
    pub expert: usize,
    /// The score, as the judge gives it.
    pub score: f64,
}

/// Judgements under way, by the time they arrive.
#[derive(Debug, Default)]
pub struct Mail {
    due: BinaryHeap<Reverse<(u64, usize)>>,
    judgements: Vec<Judgement>,
}

impl Mail {
    /// Sends the judgement of an answer of this quality, if anybody judges it.
    pub fn send(&mut self, now: u64, feedback: &Feedback, truth: Judgement, rng: &mut StdRng) {
        // Every request draws the same number of times, so that learners that choose alike are told alike.
        let normal = normal(rng);
        let missing = rng.random_bool(feedback.missing.clamp(0.0, 1.0));
        let wrong = rng.random_bool(feedback.noise.clamp(0.0, 1.0));
        if missing {
            return;
        }
        let score = if wrong {
            1.0 - truth.score
        } else {
            truth.score
        };
        let delay = (feedback.delay.max(0.0).ln_1p() + feedback.spread * normal).exp();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast from float saturates"
        )]
        let delay = delay.max(0.0) as u64;
        self.due
            .push(Reverse((now.saturating_add(delay), self.judgements.len())));
        self.judgements.push(Judgement { score, ..truth });
    }

    /// The judgements that have arrived by now, in the order of their arrival.
    pub fn arrived(&mut self, now: u64) -> Vec<Judgement> {
        let mut arrived = Vec::new();
        while let Some(Reverse((at, place))) = self.due.peek().copied() {
            if at > now {
                break;
            }
            self.due.pop();
            arrived.extend(self.judgements.get(place));
        }
        arrived
    }
}

/// A draw of the standard normal distribution (Box and Muller).
fn normal(rng: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn shares_and_delays_are_those_that_were_asked_for() {
        let rng = &mut StdRng::seed_from_u64(11);
        let feedback = Feedback::default();
        let mut mail = Mail::default();
        let n = 20_000;
        for row in 0..n {
            let truth = Judgement {
                row,
                expert: 0,
                score: 1.0,
            };
            mail.send(0, &feedback, truth, rng);
        }
        let share = |count: usize| count as f64 / n as f64;
        let soon = mail.arrived(51).len();
        let late = mail.arrived(u64::MAX);
        let all = soon + late.len();
        assert!((share(all) - 0.7).abs() < 0.02, "{all}");
        assert!(
            (soon as f64 / all as f64 - 0.5).abs() < 0.03,
            "{soon} of {all}"
        );
        let wrong = late.iter().filter(|j| j.score < 0.5).count();
        assert!((wrong as f64 / late.len() as f64 - 0.05).abs() < 0.01);
        assert!(mail.arrived(u64::MAX).is_empty());
    }
}
