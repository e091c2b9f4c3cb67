//! The sequences of one expert that are written together: what each step reads, what is drawn from it, and who leaves.
//! It lives on the device thread.

mod sequence;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use decoder::{PAGE, Part, Text, Wanted};
use units::{AttemptStatus, Nanos};

use super::WriteLimits;
use super::cost::StepCost;
use super::job::{Closing, Last, WriteJob};
use super::pages::Pages;
use crate::device_clock::split;
use crate::job::Failure;
use sequence::Sequence;

/// The sequences of one expert.
#[derive(Debug)]
pub(crate) struct Batch {
    text: Text,
    limits: WriteLimits,
    context: usize,
    pages: Pages,
    /// In the order they came; each has pages for all it has read.
    running: Vec<Sequence>,
    /// Those that have none: they come back before new ones.
    paused: VecDeque<Sequence>,
    plan: Vec<Planned>,
    cost: StepCost,
    closed: Vec<Closing>,
}

/// A part of the next step.
#[derive(Debug, Clone, Copy)]
struct Planned {
    /// Its place among those that run.
    at: usize,
    tokens: usize,
    /// Is it one that was written, and nothing else?
    written: bool,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Report {
    /// Sequences that are still there.
    pub(crate) active: usize,
    /// Those that left.
    pub(crate) closed: Vec<Closing>,
}

impl Report {
    /// Nobody was taken in.
    pub(crate) fn refused(jobs: Vec<WriteJob>, failure: &Failure) -> Self {
        let closing = |job: WriteJob| Closing {
            status: AttemptStatus::Failed,
            spent: Nanos::ZERO,
            deadline: job.deadline,
            events: job.events,
            last: Last::Failed(failure.clone()),
        };
        Self {
            active: 0,
            closed: jobs.into_iter().map(closing).collect(),
        }
    }
}

impl Batch {
    /// An empty batch with so many pages.
    pub(crate) fn new(text: Text, limits: WriteLimits, context: usize, pages: usize) -> Self {
        Self {
            text,
            limits,
            context,
            pages: Pages::new(pages),
            running: Vec::new(),
            paused: VecDeque::new(),
            plan: Vec::new(),
            cost: StepCost::default(),
            closed: Vec::new(),
        }
    }

    /// Takes a sequence in.
    pub(crate) fn admit(&mut self, job: WriteJob) {
        self.paused.push_back(Sequence::new(job, self.text.clone()));
    }

    /// Decides about the next step; false where there is nothing to compute.
    pub(crate) fn plan(&mut self, now: Nanos) -> bool {
        self.remove_ended(now);
        self.resume();
        self.plan.clear();
        let mut room = self.limits.step_tokens.max(1);
        // Who is being written waits for nobody's prompt.
        for written in [true, false] {
            let mut at = 0;
            while let Some(sequence) = self.running.get(at) {
                let unread = sequence.unread();
                if (unread == 1) == written && room > 0 {
                    let tokens = unread.min(room);
                    if self.provide(at, tokens) {
                        room -= tokens;
                        self.plan.push(Planned {
                            at,
                            tokens,
                            written,
                        });
                    }
                }
                at += 1;
            }
        }
        for planned in &self.plan {
            if let Some(sequence) = self.running.get_mut(planned.at) {
                sequence.started.get_or_insert(now);
            }
        }
        !self.plan.is_empty()
    }

    /// What the next step reads.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let part = |planned: &Planned| {
            let sequence = self.running.get(planned.at)?;
            let end = sequence.read + planned.tokens;
            Some(Part {
                tokens: sequence.tokens.get(sequence.read..end)?,
                start: sequence.read,
                pages: &sequence.pages,
                wanted: if end == sequence.tokens.len() {
                    Wanted::Last
                } else {
                    Wanted::Nothing
                },
            })
        };
        self.plan.iter().filter_map(part).collect()
    }

    /// Draws from the logits of the step, a row for each sequence that was read to its end, and tells the clients.
    pub(crate) fn draw(&mut self, logits: &[f32]) {
        let wanted = |planned: &Planned, running: &[Sequence]| {
            let sequence = running.get(planned.at);
            sequence.is_some_and(|s| s.read + planned.tokens == s.tokens.len())
        };
        let count = self
            .plan
            .iter()
            .filter(|p| wanted(p, &self.running))
            .count();
        let mut rows = logits.chunks_exact((logits.len() / count.max(1)).max(1));
        let context = self.context;
        for planned in &self.plan {
            let draws = wanted(planned, &self.running);
            let Some(sequence) = self.running.get_mut(planned.at) else {
                continue;
            };
            sequence.read += planned.tokens;
            sequence.make_known(&mut self.pages);
            if draws {
                sequence.draw(rows.next().unwrap_or_default(), &self.text, context);
            }
        }
    }

    /// Books the time of the step on those that were in it.
    pub(crate) fn book(&mut self, took: Nanos) {
        let (read, written) = self.cost.weights();
        let weight = |planned: &Planned| {
            let tokens = u64::try_from(planned.tokens).unwrap_or(u64::MAX);
            if planned.written {
                written
            } else {
                tokens.saturating_mul(read)
            }
        };
        let weights: Vec<u64> = self.plan.iter().map(weight).collect();
        for (planned, share) in self.plan.iter().zip(split(took, &weights)) {
            if let Some(sequence) = self.running.get_mut(planned.at) {
                sequence.spent = sequence.spent.saturating_add(share);
            }
        }
        let prompts = self
            .plan
            .iter()
            .filter(|p| !p.written)
            .map(|p| p.tokens)
            .sum();
        let written = self.plan.iter().filter(|p| p.written).count();
        self.cost.learn(prompts, written, took);
    }

    /// Who left since the last report; those that are whole leave now.
    pub(crate) fn report(&mut self) -> Report {
        let mut at = 0;
        while let Some(sequence) = self.running.get(at) {
            if sequence.is_over() {
                let sequence = self.running.remove(at);
                self.close(sequence);
            } else {
                at += 1;
            }
        }
        self.plan.clear();
        Report {
            active: self.running.len() + self.paused.len(),
            closed: std::mem::take(&mut self.closed),
        }
    }

    /// Nothing of it can go on: everybody is told so.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        let all: Vec<Sequence> = self
            .running
            .drain(..)
            .chain(self.paused.drain(..))
            .collect();
        for sequence in all {
            self.close(sequence.failed(AttemptStatus::Failed, failure.clone()));
        }
        self.plan.clear();
    }

    /// Is nobody there?
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.paused.is_empty()
    }

    fn remove_ended(&mut self, now: Nanos) {
        let mut gone = Vec::new();
        let kept = |sequence: Sequence, gone: &mut Vec<Sequence>| match sequence.ended(now) {
            None => Some(sequence),
            Some(status) => {
                gone.push(sequence.failed(status, Failure::TimedOut));
                None
            }
        };
        let running = std::mem::take(&mut self.running).into_iter();
        self.running = running.filter_map(|one| kept(one, &mut gone)).collect();
        let paused = std::mem::take(&mut self.paused).into_iter();
        self.paused = paused.filter_map(|one| kept(one, &mut gone)).collect();
        for sequence in gone {
            self.close(sequence);
        }
    }

    /// Takes those back that have no pages, as long as there are pages for all they have to read.
    fn resume(&mut self) {
        while self.running.len() < self.limits.sequences.max(1) {
            let Some(mut sequence) = self.paused.pop_front() else {
                return;
            };
            sequence.find(&mut self.pages);
            let wanted = (sequence.tokens.len() + 1).div_ceil(PAGE);
            let lacking = wanted.saturating_sub(sequence.pages.len());
            if lacking > self.pages.available() && !self.running.is_empty() {
                sequence.give_back(&mut self.pages);
                self.paused.push_front(sequence);
                return;
            }
            self.running.push(sequence);
        }
    }

    /// Pages for so many more tokens of one that runs; for want of them, those that came last pause. False where it had to
    /// pause itself.
    fn provide(&mut self, at: usize, tokens: usize) -> bool {
        while let Some(sequence) = self.running.get_mut(at) {
            if sequence.pages.len() * PAGE >= sequence.read + tokens {
                return true;
            }
            if let Some(page) = self.pages.take() {
                sequence.pages.push(page);
                continue;
            }
            let Some(mut last) = self.running.pop() else {
                return false;
            };
            let place = self.running.len();
            self.plan.retain(|planned| planned.at != place);
            last.give_back(&mut self.pages);
            self.paused.push_front(last);
        }
        false
    }

    fn close(&mut self, mut sequence: Sequence) {
        sequence.give_back(&mut self.pages);
        self.closed.extend(sequence.closing());
    }
}
