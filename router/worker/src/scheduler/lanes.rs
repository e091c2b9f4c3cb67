//! Experts that write: who waits for each, how many it writes for, and whose turn is next.

use units::{AttemptStatus, Nanos};

use crate::engine::Slot;
use crate::writing::{Fair, WriteJob};

/// A lane for each expert.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    turn: u64,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: Fair,
    /// Sequences the device has.
    active: usize,
    /// The turn in which it was stepped last.
    stepped: u64,
}

impl Lanes {
    pub(super) fn new(experts: usize) -> Self {
        Self {
            lanes: (0..experts).map(|_| Lane::default()).collect(),
            turn: 0,
        }
    }

    /// Sequences that wait.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// Sequences that are written.
    pub(super) fn active(&self) -> usize {
        self.lanes.iter().map(|lane| lane.active).sum()
    }

    /// Is something of this expert being written?
    pub(super) fn is_active(&self, slot: Slot) -> bool {
        self.get(slot).is_some_and(|lane| lane.active > 0)
    }

    pub(super) fn push(&mut self, slot: Slot, job: WriteJob) {
        if let Some(lane) = self.get_mut(slot) {
            lane.waiting.push(job);
        }
    }

    /// Experts with something to do, the one that was stepped longest ago first.
    pub(super) fn turns(&self) -> Vec<Slot> {
        let busy = |lane: &Lane| lane.active > 0 || lane.waiting.len() > 0;
        let lanes = self.lanes.iter().enumerate().filter(|(_, lane)| busy(lane));
        let mut turns: Vec<(u64, usize)> = lanes.map(|(at, lane)| (lane.stepped, at)).collect();
        turns.sort_unstable();
        turns.into_iter().map(|(_, at)| Slot::new(at)).collect()
    }

    /// Gives the expert its turn, with as many new sequences as there are places for; none where `closed`.
    pub(super) fn take(&mut self, slot: Slot, places: usize, closed: bool) -> Vec<WriteJob> {
        self.turn = self.turn.saturating_add(1);
        let turn = self.turn;
        let Some(lane) = self.get_mut(slot) else {
            return Vec::new();
        };
        lane.stepped = turn;
        let mut fresh = Vec::new();
        while !closed && lane.active < places {
            let Some(job) = lane.waiting.pop() else { break };
            lane.active = lane.active.saturating_add(1);
            fresh.push(job);
        }
        fresh
    }

    pub(super) fn set_active(&mut self, slot: Slot, active: usize) {
        if let Some(lane) = self.get_mut(slot) {
            lane.active = active;
        }
    }

    pub(super) fn remove_ended(&mut self, now: Nanos) -> Vec<(WriteJob, AttemptStatus)> {
        let lanes = self.lanes.iter_mut();
        lanes
            .flat_map(|lane| lane.waiting.remove_ended(now))
            .collect()
    }

    pub(super) fn remove_all(&mut self, slot: Slot) -> Vec<WriteJob> {
        let lane = self.get_mut(slot);
        lane.map(|lane| lane.waiting.remove_all())
            .unwrap_or_default()
    }

    fn get(&self, slot: Slot) -> Option<&Lane> {
        self.lanes.get(slot.position())
    }

    fn get_mut(&mut self, slot: Slot) -> Option<&mut Lane> {
        self.lanes.get_mut(slot.position())
    }
}
