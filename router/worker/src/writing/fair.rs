//! Turns by tenant: deficit round robin (Shreedhar and Varghese 1995) over the tokens that sequences may come to.

use std::collections::VecDeque;
use std::sync::Arc;

use units::{AttemptStatus, Nanos};

use super::job::WriteJob;

/// Tokens that a tenant is given with each turn.
const QUANTUM: u64 = 1_024;

/// Sequences that wait for one expert.
#[derive(Debug, Default)]
pub(crate) struct Fair {
    /// Tenants with something waiting, the one whose turn it is first.
    turns: VecDeque<Turn>,
    waiting: usize,
}

#[derive(Debug)]
struct Turn {
    tenant: Arc<str>,
    jobs: VecDeque<WriteJob>,
    /// Tokens it may still spend in this turn.
    credit: u64,
    /// Was it given its tokens for this turn?
    begun: bool,
}

impl Fair {
    /// How many wait.
    pub(crate) const fn len(&self) -> usize {
        self.waiting
    }

    /// Adds one behind those of its tenant.
    pub(crate) fn push(&mut self, job: WriteJob) {
        self.waiting = self.waiting.saturating_add(1);
        let own = self
            .turns
            .iter_mut()
            .find(|turn| turn.tenant == job.prompt.tenant);
        match own {
            Some(turn) => turn.jobs.push_back(job),
            None => self.turns.push_back(Turn {
                tenant: Arc::clone(&job.prompt.tenant),
                jobs: VecDeque::from([job]),
                credit: 0,
                begun: false,
            }),
        }
    }

    /// The one whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<WriteJob> {
        loop {
            let turn = self.turns.front_mut()?;
            let Some(next) = turn.jobs.front() else {
                self.turns.pop_front();
                continue;
            };
            let cost = next.cost();
            if !turn.begun {
                turn.begun = true;
                turn.credit = turn.credit.saturating_add(QUANTUM);
            }
            if turn.credit < cost {
                turn.begun = false;
                self.turns.rotate_left(1);
                continue;
            }
            turn.credit = turn.credit.saturating_sub(cost);
            let job = turn.jobs.pop_front();
            if turn.jobs.is_empty() {
                // Who has nothing left saves nothing up.
                self.turns.pop_front();
            }
            self.waiting = self.waiting.saturating_sub(1);
            return job;
        }
    }

    /// Takes out those that ended: their deadline passed or their client went away.
    pub(crate) fn remove_ended(&mut self, now: Nanos) -> Vec<(WriteJob, AttemptStatus)> {
        let mut gone = Vec::new();
        for turn in &mut self.turns {
            if turn.jobs.iter().all(|job| job.ended(now).is_none()) {
                continue;
            }
            for job in std::mem::take(&mut turn.jobs) {
                match job.ended(now) {
                    Some(status) => gone.push((job, status)),
                    None => turn.jobs.push_back(job),
                }
            }
        }
        self.waiting = self.waiting.saturating_sub(gone.len());
        gone
    }

    /// Takes out all.
    pub(crate) fn remove_all(&mut self) -> Vec<WriteJob> {
        self.waiting = 0;
        self.turns.drain(..).flat_map(|turn| turn.jobs).collect()
    }
}

#[cfg(test)]
mod tests {
    use decoder::Sampling;
    use tokio::sync::mpsc;

    use super::*;
    use crate::writing::Prompt;

    fn job(tenant: &str, tokens: usize) -> WriteJob {
        // The receiver is dropped: nothing here is told.
        let (events, _) = mpsc::channel(1);
        WriteJob {
            prompt: Prompt {
                tokens: vec![0; tokens],
                sampling: Sampling::GREEDY,
                stops: Vec::new(),
                most: 0,
                tenant: tenant.into(),
            },
            prompt_tokens: tokens,
            arrived: Nanos::ZERO,
            deadline: None,
            events,
        }
    }

    #[test]
    fn a_flood_holds_nobody_up() {
        let mut fair = Fair::default();
        for _ in 0..100 {
            fair.push(job("flood", 512));
        }
        for _ in 0..4 {
            fair.push(job("small", 512));
            fair.push(job("long", 2_048));
        }
        let mut order = Vec::new();
        while let Some(job) = fair.pop() {
            order.push(job.prompt.tenant.to_string());
        }
        assert_eq!((order.len(), fair.len()), (108, 0));
        // In tokens everybody has as much, as long as there is something to have.
        let tokens = |tenant: &str| -> usize {
            let each = if tenant == "long" { 2_048 } else { 512 };
            order.iter().take(10).filter(|t| *t == tenant).count() * each
        };
        for tenant in ["flood", "small", "long"] {
            assert!(
                (1_024..=3_072).contains(&tokens(tenant)),
                "{tenant}: {order:?}"
            );
        }
    }

    #[test]
    fn one_longer_than_a_turn_comes_too() {
        let mut fair = Fair::default();
        fair.push(job("a", 10_000));
        fair.push(job("b", 10));
        assert_eq!(fair.pop().unwrap().prompt.tenant.as_ref(), "b");
        assert_eq!(fair.pop().unwrap().prompt.tenant.as_ref(), "a");
        assert!(fair.pop().is_none());
    }
}
