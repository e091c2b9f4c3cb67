//! What is behind the scheduler's lock, and the decisions made while it is held.

use units::{AttemptStatus, Nanos};

use super::{Step, Work};
use crate::batch::{self, BatchLimits};
use crate::device_clock::{DeviceClock, Phase};
use crate::engine::{EngineError, Slot};
use crate::job::{Failure, Job, Refusal};
use crate::queue::Queue;
use crate::residency::Residency;
use crate::tally::Tally;

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue,
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
        if self.queue.is_full() {
            self.prune(now);
        }
        if self.queue.is_full() {
            let drain = self
                .tally
                .drain_time(self.device.finished_busy(), self.queue.len());
            return Err(Refusal::Full {
                retry_after_ms: drain.map_or(SOON_MS, millis).clamp(10, 30_000),
            });
        }
        Ok(())
    }

    pub(super) fn next(&mut self, now: Nanos, limits: &BatchLimits) -> Option<Work> {
        self.prune(now);
        if let Some(slot) = self.wanted.pop() {
            if !self.residency.is_loaded(slot) && !self.stopping {
                let evict = self.begin_load(slot, now);
                return Some(Work::Load { slot, evict });
            }
            return self.next(now, limits);
        }
        let Some(slot) = self.queue.oldest() else {
            return self.stopping.then_some(Work::Stop);
        };
        if !self.residency.is_loaded(slot) {
            let evict = self.begin_load(slot, now);
            return Some(Work::Load { slot, evict });
        }
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

    pub(super) fn begin_load(&mut self, slot: Slot, now: Nanos) -> Vec<Slot> {
        self.device.enter(Phase::Load, now);
        self.residency.make_room(slot)
    }

    /// Lets those go whose deadline passed or whose client went away.
    pub(super) fn prune(&mut self, now: Nanos) {
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
        for member in self.queue.remove_all(slot) {
            let status = member.ended(now).unwrap_or(AttemptStatus::Failed);
            self.tally.settle(status, member.spent);
            let failure = Failure::Unavailable { retry_after_ms };
            drop(member.reply.send(Err(failure)));
        }
    }
}
