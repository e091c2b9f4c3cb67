//! Sequences at the desk: how one is taken, and how those that were written are booked.

use std::sync::Arc;

use tokio::sync::mpsc;
use units::{AttemptStatus, Nanos};

use super::Scheduler;
use crate::device_clock::Phase;
use crate::engine::{EngineError, Slot};
use crate::job::{Delivery, Refusal};
use crate::writing::{Event, Last, Prompt, Report, WriteJob, Written};

impl Scheduler {
    /// Puts a sequence in the queue; what comes of it is told over the receiver, which has room for all of it. Dropping it
    /// cancels the sequence before its next step.
    ///
    /// # Errors
    /// As of [`Scheduler::submit`].
    pub fn submit_prompt(
        &self,
        slot: Slot,
        prompt: Prompt,
        deadline: Option<Nanos>,
    ) -> Result<mpsc::Receiver<Event>, Refusal> {
        // A piece for every token, one for the rest, and the end.
        let (events, told) = mpsc::channel(prompt.most.saturating_add(2));
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        state.tally.requests = state.tally.requests.saturating_add(1);
        if deadline.is_some_and(|deadline| deadline <= now) {
            state.tally.settle(AttemptStatus::TimedOut, Nanos::ZERO);
            return Err(Refusal::TimedOut);
        }
        if let Err(refusal) = state.admits(slot, now) {
            state.tally.rejected = state.tally.rejected.saturating_add(1);
            return Err(refusal);
        }
        let job = WriteJob {
            prompt_tokens: prompt.tokens.len(),
            prompt,
            arrived: now,
            deadline,
            events,
        };
        state.lanes.push(slot, job);
        drop(state);
        self.wake.notify_one();
        Ok(told)
    }

    /// The step has ended; gives its time.
    pub(crate) fn stepped(&self) -> Nanos {
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        state.device.enter(Phase::Idle, now)
    }

    /// Books what a step of writing came to, and tells those that are over. Gives what must be evicted now.
    pub(crate) fn wrote(
        self: &Arc<Self>,
        slot: Slot,
        report: Report,
        failure: Option<&EngineError>,
    ) -> Vec<Slot> {
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        state.lanes.set_active(slot, report.active);
        for closing in &report.closed {
            match closing.last {
                Last::Whole { .. } => {
                    state.tally.delivering = state.tally.delivering.saturating_add(1);
                }
                Last::Failed(_) => state.tally.settle(closing.status, closing.spent),
            }
        }
        let mut evict = Vec::new();
        match failure {
            None => state.residency.step_worked(slot),
            Some(error) => {
                state.tally.failed_steps = state.tally.failed_steps.saturating_add(1);
                state.residency.fail_now(slot, &error.0, now);
                state.fail_waiting(slot, now);
                evict.push(slot);
            }
        }
        drop(state);
        for closing in report.closed {
            let event = match closing.last {
                Last::Failed(failure) => Event::Failed(failure),
                Last::Whole {
                    finish,
                    read,
                    cached,
                    tokens,
                    queue,
                } => Event::End(Written {
                    finish,
                    read,
                    cached,
                    tokens,
                    queue,
                    device: closing.spent,
                    delivery: Delivery::new(self.clone(), closing.spent, closing.deadline),
                }),
            };
            // Where nobody listens any more, dropping the answer books it.
            drop(closing.events.try_send(event));
        }
        evict
    }
}
