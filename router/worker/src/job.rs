//! One request in the scheduler's hands, and the two ends of its answer.

use std::sync::Arc;

use models::{Classification, Encoded};
use tokio::sync::oneshot;
use units::{AttemptStatus, Nanos};

use crate::Scheduler;
use crate::engine::Slot;

/// What comes back for an accepted request.
pub type Reply = Result<Done, Failure>;

/// A computed answer with its meters. Dropping it without [`Delivery::delivered`] books the work as
/// done for a client that went away.
#[derive(Debug)]
pub struct Done {
    /// What the expert says.
    pub outcome: Classification,
    /// From acceptance to the first step.
    pub queue: Nanos,
    /// Share of the steps it was in.
    pub device: Nanos,
    /// Settles the books when the answer leaves.
    pub delivery: Delivery,
}

/// Why an accepted request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its deadline passed before it was computed.
    TimedOut,
    /// Its expert failed while computing it.
    Expert,
    /// Its expert cannot be loaded; try again after so many milliseconds.
    Unavailable {
        /// When the next try is due.
        retry_after_ms: u64,
    },
}

/// Why a request is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is full; try again after so many milliseconds.
    Full {
        /// About the time until a place is free.
        retry_after_ms: u64,
    },
    /// Its deadline has passed.
    TimedOut,
    /// Its expert failed lately; try again after so many milliseconds.
    Unavailable {
        /// When the next try is due.
        retry_after_ms: u64,
    },
    /// The worker is stopping.
    Stopping,
}

/// A request that waits or runs.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: Encoded,
    pub(crate) member: Member,
}

/// A request without its input, which the engine holds during a step.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) slot: Slot,
    pub(crate) tokens: u64,
    pub(crate) arrived: Nanos,
    /// Start of its first step.
    pub(crate) started: Option<Nanos>,
    pub(crate) deadline: Option<Nanos>,
    /// Share of the steps it was in so far.
    pub(crate) spent: Nanos,
    /// Was in a step that failed, so runs alone, that one bad input harms nobody else.
    pub(crate) alone: bool,
    pub(crate) reply: oneshot::Sender<Reply>,
}

impl Member {
    /// How the request ended already, where it did: its deadline passed or its client went away.
    pub(crate) fn ended(&self, now: Nanos) -> Option<AttemptStatus> {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            Some(AttemptStatus::TimedOut)
        } else if self.reply.is_closed() {
            Some(AttemptStatus::Cancelled)
        } else {
            None
        }
    }
}

/// Settles one computed answer exactly once: as delivered when told so, else when dropped.
#[derive(Debug)]
pub struct Delivery {
    scheduler: Arc<Scheduler>,
    device: Nanos,
    deadline: Option<Nanos>,
    open: bool,
}

impl Delivery {
    pub(crate) fn new(scheduler: Arc<Scheduler>, device: Nanos, deadline: Option<Nanos>) -> Self {
        Self {
            scheduler,
            device,
            deadline,
            open: true,
        }
    }

    /// The answer has left for the client.
    pub fn delivered(mut self) {
        self.open = false;
        self.scheduler.settle(AttemptStatus::Ok, self.device);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if std::mem::take(&mut self.open) {
            let late = |deadline| deadline <= self.scheduler.now();
            let status = if self.deadline.is_some_and(late) {
                AttemptStatus::TimedOut
            } else {
                AttemptStatus::Cancelled
            };
            self.scheduler.settle(status, self.device);
        }
    }
}
