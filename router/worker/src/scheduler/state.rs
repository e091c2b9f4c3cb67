//! What is behind the scheduler's lock, and the decisions made while it is held.

use units::{AttemptStatus, Nanos};

use super::lanes::Lanes;
use super::{Limits, Step, Work};
use crate::batch;
use crate::device_clock::{DeviceClock, Phase};
use crate::engine::{EngineError, Slot};
use crate::job::{Failure, Job, Refusal};
use crate::queue::Queue;
use crate::residency::Residency;
use crate::tally::Tally;
use crate::writing::Event;

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) lanes: Lanes,
    /// Was the last step one of writing? Then those that decide come first.
    pub(super) wrote: bool,
    pub(super) device: DeviceClock,
    pub(super) residency: Residency,
    pub(super) tally: Tally,
    /// Experts to load although nobody waits for them, because they have never been loaded.
    pub(super) wanted: Vec<Slot>,
    pub(super) stopping: bool,
}

/// A wait that clients are told when the true one is not known.
pub(super) const SOON_MS: u64 = 250;

pub(super) fn millis(wait: Nanos) -> u64 {
    wait.get().div_ceil(1_000_000).max(1)
}

impl State {
    pub(super) fn admits(&mut self, slot: Slot, now: Nanos) -> Result<(), Refusal> {
        if self.stopping {
            return Err(Refusal::Stopping);
        }
        if let Some(wait) = self.residency.wait(slot, now) {
            return Err(Refusal::Unavailable {
                retry_after_ms: millis(wait),
            });
        }
        if self.is_full() {
            self.prune(now);
        }
        if self.is_full() {
            let drain = self
                .tally
                .drain_time(self.device.finished_busy(), self.waiting());
            return Err(Refusal::Full {
                retry_after_ms: drain.map_or(SOON_MS, millis).clamp(10, 30_000),
            });
        }
        Ok(())
    }

    /// Sequences and requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len().saturating_add(self.lanes.waiting())
    }

    fn is_full(&self) -> bool {
        self.queue.is_full() || self.waiting() >= self.queue.bound()
    }

    pub(super) fn next(&mut self, now: Nanos, limits: &Limits) -> Option<Work> {
        self.prune(now);
        while let Some(slot) = self.wanted.pop() {
            if !self.residency.is_loaded(slot)
                && !self.stopping
                && let Some(evict) = self.begin_load(slot, now)
            {
                return Some(Work::Load { slot, evict });
            }
        }
        // Those that decide and those that write take turns.
        let first = if self.wrote {
            self.decide(now, limits).or_else(|| self.write(now, limits))
        } else {
            self.write(now, limits).or_else(|| self.decide(now, limits))
        };
        let idle = self.waiting() == 0 && self.lanes.active() == 0;
        first.or_else(|| (self.stopping && idle).then_some(Work::Stop))
    }

    /// A turn of an expert that writes. One that has to be loaded waits until there is room for it, and nobody else begins
    /// anything new until then.
    fn write(&mut self, now: Nanos, limits: &Limits) -> Option<Work> {
        let mut closed = false;
        for slot in self.lanes.turns() {
            if !self.residency.is_loaded(slot) {
                match self.begin_load(slot, now) {
                    Some(evict) => return Some(Work::Load { slot, evict }),
                    None => closed = true,
                }
                continue;
            }
            let fresh = self.lanes.take(slot, limits.write.sequences.max(1), closed);
            if fresh.is_empty() && !self.lanes.is_active(slot) {
                continue;
            }
            self.residency.touch(slot);
            self.tally.steps = self.tally.steps.saturating_add(1);
            self.device.enter(Phase::Busy, now);
            self.wrote = true;
            return Some(Work::Write { slot, fresh });
        }
        None
    }

    /// A step of an expert that decides.
    fn decide(&mut self, now: Nanos, limits: &Limits) -> Option<Work> {
        let slot = self.queue.oldest()?;
        if !self.residency.is_loaded(slot) {
            let evict = self.begin_load(slot, now)?;
            return Some(Work::Load { slot, evict });
        }
        self.wrote = false;
        let limits = &limits.batch;
        self.residency.touch(slot);
        let jobs = self.queue.take(
            slot,
            |lengths| batch::choose(lengths, limits),
            limits.members,
        );
        let (inputs, mut members): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.input, job.member)).unzip();
        for member in &mut members {
            member.started.get_or_insert(now);
        }
        self.tally.running = members.len();
        self.tally.steps = self.tally.steps.saturating_add(1);
        self.device.enter(Phase::Busy, now);
        Some(Work::Step(Step {
            slot,
            inputs,
            members,
        }))
    }

    /// Begins a load, and says who must make room; `None` where those in the way are writing.
    pub(super) fn begin_load(&mut self, slot: Slot, now: Nanos) -> Option<Vec<Slot>> {
        let evict = self.make_room(slot)?;
        self.device.enter(Phase::Load, now);
        Some(evict)
    }

    pub(super) fn make_room(&mut self, slot: Slot) -> Option<Vec<Slot>> {
        let lanes = &self.lanes;
        self.residency
            .make_room(slot, |other| lanes.is_active(other))
    }

    /// Lets those go whose deadline passed or whose client went away.
    pub(super) fn prune(&mut self, now: Nanos) {
        for (job, status) in self.lanes.remove_ended(now) {
            self.tally.settle(status, Nanos::ZERO);
            if status == AttemptStatus::TimedOut {
                drop(job.events.try_send(Event::Failed(Failure::TimedOut)));
            }
        }
        for (member, status) in self.queue.remove_ended(now) {
            self.tally.settle(status, member.spent);
            if status == AttemptStatus::TimedOut {
                drop(member.reply.send(Err(Failure::TimedOut)));
            }
        }
    }

    /// After a failed step: its members run again, each alone; one that failed alone is told so.
    pub(super) fn step_failed(
        &mut self,
        slot: Slot,
        mut jobs: Vec<Job>,
        error: &EngineError,
        now: Nanos,
    ) -> Vec<Slot> {
        self.tally.failed_steps = self.tally.failed_steps.saturating_add(1);
        if jobs.len() > 1 {
            for job in &mut jobs {
                job.member.alone = true;
            }
            self.queue.put_back(jobs);
            return Vec::new();
        }
        for job in jobs {
            self.tally.settle(AttemptStatus::Failed, job.member.spent);
            drop(job.member.reply.send(Err(Failure::Expert)));
        }
        if self.residency.step_failed(slot, &error.0, now) {
            self.fail_waiting(slot, now);
            return vec![slot];
        }
        Vec::new()
    }

    pub(super) fn fail_waiting(&mut self, slot: Slot, now: Nanos) {
        let retry_after_ms = self.residency.wait(slot, now).map_or(SOON_MS, millis);
        for job in self.lanes.remove_all(slot) {
            let status = job.ended(now).unwrap_or(AttemptStatus::Failed);
            self.tally.settle(status, Nanos::ZERO);
            let failure = Failure::Unavailable { retry_after_ms };
            drop(job.events.try_send(Event::Failed(failure)));
        }
        for member in self.queue.remove_all(slot) {
            let status = member.ended(now).unwrap_or(AttemptStatus::Failed);
            self.tally.settle(status, member.spent);
            let failure = Failure::Unavailable { retry_after_ms };
            drop(member.reply.send(Err(failure)));
        }
    }
}
