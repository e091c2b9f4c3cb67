//! The desk between the requests and the device thread: one bounded queue, the choice of the next
//! step, the memory of the device, and the books that account for every nanosecond and request.
//!
//! Everything is behind one lock that is held for bookkeeping only, so `/status` is one instant's truth.

mod lanes;
#[cfg(test)]
mod schedules;
mod state;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use models::{Classification, Encoded};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use units::{AttemptStatus, Clock, Nanos};

use crate::batch::BatchLimits;
use crate::device_clock::{DeviceClock, Phase, split};
use crate::engine::{EngineError, Slot};
use crate::job::{Delivery, Done, Job, Member, Refusal, Reply};
use crate::queue::Queue;
use crate::residency::Residency;
use crate::tally::{Places, Snapshot, Tally};
use crate::writing::{WriteJob, WriteLimits};
use lanes::Lanes;
use state::{SOON_MS, State, millis};

/// Bounds of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests that may wait, all experts together; at least 1.
    pub queue: usize,
    /// Bounds of one step.
    pub batch: BatchLimits,
    /// Bounds of steps that write.
    pub write: WriteLimits,
    /// Bytes the experts in memory may hold together.
    pub memory_bytes: u64,
}

/// Hands requests to the device thread and answers back. Shared by all threads of a worker.
#[derive(Debug)]
pub struct Scheduler {
    state: Mutex<State>,
    wake: Condvar,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// What the device thread does next.
#[derive(Debug)]
pub(crate) enum Work {
    /// Evict, then load, then report to [`Scheduler::loaded`].
    Load { slot: Slot, evict: Vec<Slot> },
    /// Compute, then report to [`Scheduler::finish`].
    Step(Step),
    /// Take these in and write on, then report to [`Scheduler::stepped`] and [`Scheduler::wrote`].
    Write { slot: Slot, fresh: Vec<WriteJob> },
    /// Nothing will come any more.
    Stop,
}

/// The members of one step and what they ask, in the same order.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) slot: Slot,
    pub(crate) inputs: Vec<Encoded>,
    pub(crate) members: Vec<Member>,
}

impl Scheduler {
    /// A desk for experts of which the cards say so many bytes. The device counts as provisioned
    /// from now on.
    pub fn new(
        limits: Limits,
        clock: Arc<dyn Clock>,
        bytes: impl IntoIterator<Item = u64>,
    ) -> Arc<Self> {
        let residency = Residency::new(limits.memory_bytes, bytes);
        let state = State {
            queue: Queue::new(limits.queue, residency.all().len()),
            lanes: Lanes::new(residency.all().len()),
            wrote: false,
            device: DeviceClock::new(clock.monotonic()),
            residency,
            tally: Tally::default(),
            wanted: Vec::new(),
            stopping: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            wake: Condvar::new(),
            clock,
            limits,
        })
    }

    /// The monotonic time of this worker.
    pub fn now(&self) -> Nanos {
        self.clock.monotonic()
    }

    /// Bytes the experts in memory may hold together.
    pub fn memory_bytes(&self) -> u64 {
        self.limits.memory_bytes
    }

    /// The bounds of this worker.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Puts a request in the queue. Dropping the receiver cancels it: it leaves before it is
    /// computed, or is booked as cancelled if its step has begun.
    pub fn submit(
        &self,
        slot: Slot,
        input: Encoded,
        deadline: Option<Nanos>,
    ) -> Result<oneshot::Receiver<Reply>, Refusal> {
        let (reply, ticket) = oneshot::channel();
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
        let tokens = u64::try_from(input.ids.len()).unwrap_or(u64::MAX);
        let member = Member {
            slot,
            tokens,
            arrived: now,
            started: None,
            deadline,
            spent: Nanos::ZERO,
            alone: false,
            reply,
        };
        state.queue.push(Job { input, member });
        drop(state);
        self.wake.notify_one();
        Ok(ticket)
    }

    /// Asks for a load of an expert that could not be loaded at start, unless it is too early to
    /// try again. Gives the milliseconds after which a client may try again.
    pub fn want(&self, slot: Slot) -> u64 {
        let mut state = self.state.lock();
        if let Some(wait) = state.residency.wait(slot, self.clock.monotonic()) {
            return millis(wait);
        }
        if !state.wanted.contains(&slot) {
            state.wanted.push(slot);
        }
        drop(state);
        self.wake.notify_one();
        SOON_MS
    }

    /// Counts a request that was refused before it came to the queue.
    pub(crate) fn refuse(&self) {
        let mut state = self.state.lock();
        state.tally.requests = state.tally.requests.saturating_add(1);
        state.tally.rejected = state.tally.rejected.saturating_add(1);
    }

    /// Takes no more requests; those that wait are still computed.
    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_all();
    }

    /// The books at this instant. Who waits no longer is counted out first.
    pub fn snapshot(&self) -> Snapshot {
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        state.prune(now);
        let totals = state.device.totals(now);
        let finished = state.device.finished_busy();
        Snapshot::of(
            &state.tally,
            totals,
            finished,
            &state.residency,
            Places {
                waiting: state.waiting(),
                writing: state.lanes.active(),
            },
        )
    }

    /// The next thing to do; waits for it.
    pub(crate) fn next(&self) -> Work {
        let mut state = self.state.lock();
        loop {
            if let Some(work) = state.next(self.clock.monotonic(), &self.limits) {
                return work;
            }
            self.wake.wait(&mut state);
        }
    }

    /// The next thing to do, where there is one.
    #[cfg(test)]
    pub(crate) fn try_next(&self) -> Option<Work> {
        let mut state = self.state.lock();
        state.next(self.clock.monotonic(), &self.limits)
    }

    /// Begins a load at start, in the order of the experts.
    pub(crate) fn begin_load(&self, slot: Slot) -> Vec<Slot> {
        let evict = self.state.lock().begin_load(slot, self.clock.monotonic());
        evict.unwrap_or_default()
    }

    /// Books a load, with the bytes it took. Gives what must be evicted now.
    pub(crate) fn loaded(&self, slot: Slot, result: Result<u64, EngineError>) -> Vec<Slot> {
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        let took = state.device.enter(Phase::Idle, now);
        let failure = match result {
            Ok(bytes) => match state.residency.loaded(slot, bytes, took) {
                Ok(()) => return state.make_room(slot).unwrap_or_default(),
                Err(too_large) => {
                    state
                        .residency
                        .load_failed(slot, too_large.to_string(), Nanos::ZERO, now);
                    vec![slot]
                }
            },
            Err(error) => {
                state.residency.load_failed(slot, error.0, took, now);
                Vec::new()
            }
        };
        state.fail_waiting(slot, now);
        failure
    }

    /// Books a step and hands the answers out. Gives what must be evicted now.
    pub(crate) fn finish(
        self: &Arc<Self>,
        step: Step,
        result: Result<Vec<Classification>, EngineError>,
    ) -> Vec<Slot> {
        let Step {
            slot,
            inputs,
            mut members,
        } = step;
        let mut state = self.state.lock();
        let now = self.clock.monotonic();
        let whole = state.device.enter(Phase::Idle, now);
        state.tally.running = 0;
        let weights: Vec<u64> = members.iter().map(|m| m.tokens).collect();
        for (member, share) in members.iter_mut().zip(split(whole, &weights)) {
            member.spent = member.spent.saturating_add(share);
        }
        let result = result.and_then(|outcomes| {
            if outcomes.len() == members.len() {
                Ok(outcomes)
            } else {
                let (got, asked) = (outcomes.len(), members.len());
                Err(EngineError(format!("{got} answers for {asked} requests")))
            }
        });
        let outcomes = match result {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let jobs = inputs.into_iter().zip(members);
                let jobs = jobs.map(|(input, member)| Job { input, member });
                return state.step_failed(slot, jobs.collect(), &error, now);
            }
        };
        state.residency.step_worked(slot);
        state.tally.delivering = state.tally.delivering.saturating_add(members.len());
        drop(state);
        for (member, outcome) in members.into_iter().zip(outcomes) {
            let started = member.started.unwrap_or(member.arrived);
            let delivery = Delivery::new(self.clone(), member.spent, member.deadline);
            let done = Done {
                outcome,
                queue: started.saturating_sub(member.arrived),
                device: member.spent,
                delivery,
            };
            // Where nobody waits any more, dropping the answer books it.
            drop(member.reply.send(Ok(done)));
        }
        Vec::new()
    }

    /// Settles one computed answer.
    pub(crate) fn settle(&self, status: AttemptStatus, device: Nanos) {
        let mut state = self.state.lock();
        state.tally.delivering = state.tally.delivering.saturating_sub(1);
        state.tally.settle(status, device);
    }
}
