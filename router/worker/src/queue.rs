//! The queue `worker.requests`: bounded over all experts, in order of arrival per expert.

use std::collections::VecDeque;

use units::{AttemptStatus, Nanos};

use crate::engine::Slot;
use crate::job::{Job, Member};

/// Of how many times a step's members those that wait longest are looked at for a step.
const WINDOW_STEPS: usize = 4;

/// Requests that wait.
#[derive(Debug)]
pub(crate) struct Queue {
    bound: usize,
    waiting: usize,
    lanes: Vec<VecDeque<Job>>,
}

impl Queue {
    /// The queue's name in logs and metrics.
    pub(crate) const NAME: &str = "worker.requests";

    /// An empty queue of at most `bound` requests for so many experts.
    pub(crate) fn new(bound: usize, experts: usize) -> Self {
        Self {
            bound: bound.max(1),
            waiting: 0,
            lanes: (0..experts).map(|_| VecDeque::new()).collect(),
        }
    }

    /// Requests that wait, all experts together.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Requests that may wait.
    pub(crate) const fn bound(&self) -> usize {
        self.bound
    }

    /// Is there no place for another request?
    pub(crate) fn is_full(&self) -> bool {
        self.waiting >= self.bound
    }

    /// Adds a request at the end. The caller has asked [`Queue::is_full`].
    pub(crate) fn push(&mut self, job: Job) {
        if let Some(lane) = self.lanes.get_mut(job.member.slot.position()) {
            lane.push_back(job);
            self.waiting = self.waiting.saturating_add(1);
        }
    }

    /// Puts requests of one expert back where they came from: before all later ones.
    pub(crate) fn put_back(&mut self, jobs: Vec<Job>) {
        for job in jobs.into_iter().rev() {
            if let Some(lane) = self.lanes.get_mut(job.member.slot.position()) {
                lane.push_front(job);
                self.waiting = self.waiting.saturating_add(1);
            }
        }
    }

    /// The expert whose first request has waited longest.
    pub(crate) fn oldest(&self) -> Option<Slot> {
        let fronts = self.lanes.iter().enumerate();
        fronts
            .filter_map(|(at, lane)| Some((lane.front()?.member.arrived, at)))
            .min()
            .map(|(_, at)| Slot::new(at))
    }

    /// Takes the members of a step for one expert: `choose` gets the lengths of those that wait
    /// longest, in order of arrival, and gives positions, ascending. A request that must run alone
    /// does so.
    pub(crate) fn take(
        &mut self,
        slot: Slot,
        choose: impl FnOnce(&[usize]) -> Vec<usize>,
        members: usize,
    ) -> Vec<Job> {
        let Some(lane) = self.lanes.get_mut(slot.position()) else {
            return Vec::new();
        };
        let chosen = match lane.front() {
            Some(first) if first.member.alone => vec![0],
            _ => {
                let window = members.saturating_mul(WINDOW_STEPS).max(1);
                let shared = lane.iter().take_while(|job| !job.member.alone);
                let lengths: Vec<usize> =
                    shared.take(window).map(|job| job.input.ids.len()).collect();
                choose(&lengths)
            }
        };
        let mut taken = Vec::with_capacity(chosen.len());
        for at in chosen.into_iter().rev() {
            taken.extend(lane.remove(at));
        }
        taken.reverse();
        self.waiting = self.waiting.saturating_sub(taken.len());
        taken
    }

    /// Takes out those that ended: their deadline passed or their client went away.
    pub(crate) fn remove_ended(&mut self, now: Nanos) -> Vec<(Member, AttemptStatus)> {
        let mut gone = Vec::new();
        for lane in &mut self.lanes {
            if lane.iter().all(|job| job.member.ended(now).is_none()) {
                continue;
            }
            let mut kept = VecDeque::with_capacity(lane.len());
            for job in lane.drain(..) {
                match job.member.ended(now) {
                    Some(status) => gone.push((job.member, status)),
                    None => kept.push_back(job),
                }
            }
            *lane = kept;
        }
        self.waiting = self.waiting.saturating_sub(gone.len());
        gone
    }

    /// Takes out all that wait for one expert.
    pub(crate) fn remove_all(&mut self, slot: Slot) -> Vec<Member> {
        let lane = self.lanes.get_mut(slot.position());
        let jobs = lane.map(std::mem::take).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(jobs.len());
        jobs.into_iter().map(|job| job.member).collect()
    }
}
