//! What happened so far, in counts and in device time, and the picture of it that `/status` gives.

use units::{AttemptStatus, Nanos};

use crate::device_clock::Totals;
use crate::residency::{Health, Residency};

/// Counts of one worker since its start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) rejected: u64,
    pub(crate) steps: u64,
    pub(crate) failed_steps: u64,
    /// Members of the step that runs.
    pub(crate) running: usize,
    /// Answers that are computed and not yet settled.
    pub(crate) delivering: usize,
    completed: Ended,
    failed: Ended,
    timed_out: Ended,
    cancelled: Ended,
}

/// Requests that ended one way, and the device time they took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How many.
    pub count: u64,
    /// Their shares of the steps they were in.
    pub device: Nanos,
}

impl Tally {
    /// Books the end of an accepted request.
    pub(crate) fn settle(&mut self, status: AttemptStatus, device: Nanos) {
        let ended = match status {
            AttemptStatus::Ok => &mut self.completed,
            AttemptStatus::TimedOut => &mut self.timed_out,
            AttemptStatus::Cancelled => &mut self.cancelled,
            AttemptStatus::Failed | AttemptStatus::Overloaded | AttemptStatus::Broken => {
                &mut self.failed
            }
        };
        ended.count = ended.count.saturating_add(1);
        ended.device = ended.device.saturating_add(device);
    }

    /// About how long so many requests take, by what the past ones took; unknown before the first.
    pub(crate) fn drain_time(&self, busy: Nanos, requests: usize) -> Option<Nanos> {
        let each = busy.get().checked_div(self.completed.count)?;
        let requests = u64::try_from(requests).ok()?;
        Some(Nanos::new(each.saturating_mul(requests)))
    }

    fn settled(&self) -> Nanos {
        let all = [self.completed, self.failed, self.timed_out, self.cancelled];
        all.into_iter().map(|ended| ended.device).sum()
    }
}

/// The books of a worker at one instant. Always: `busy + load + idle = provisioned`; `busy` is what
/// ended requests took, plus `unsettled`, plus `running_step`; and `requests` is rejected plus ended
/// plus waiting plus running plus delivering.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Time since the start.
    pub provisioned: Nanos,
    /// Time in steps, the running one included.
    pub busy: Nanos,
    /// Time in loads and evictions, the running one included.
    pub load: Nanos,
    /// All other time.
    pub idle: Nanos,
    /// Requests for a hosted expert.
    pub requests: u64,
    /// Requests that were refused: queue full, expert failing, worker stopping.
    pub rejected: u64,
    /// Requests answered, the answer taken by the client's connection.
    pub completed: Ended,
    /// Requests whose expert failed.
    pub failed: Ended,
    /// Requests whose deadline passed.
    pub timed_out: Ended,
    /// Requests whose client went away.
    pub cancelled: Ended,
    /// Device time of requests that have not ended.
    pub unsettled: Nanos,
    /// Time of the step that runs.
    pub running_step: Nanos,
    /// Steps begun.
    pub steps: u64,
    /// Steps that failed.
    pub failed_steps: u64,
    /// Requests in the queue.
    pub waiting: usize,
    /// Members of the step that runs, and sequences that are written.
    pub running: usize,
    /// Answers on their way to the client.
    pub delivering: usize,
    /// Every expert, in the order given at start.
    pub experts: Vec<ExpertSnapshot>,
}

/// One expert in a [`Snapshot`].
#[derive(Debug, Clone)]
pub struct ExpertSnapshot {
    /// Is it in memory?
    pub loaded: bool,
    /// Bytes its weights hold in memory.
    pub bytes: u64,
    /// Time of its loads.
    pub load: Nanos,
    /// Loads that worked.
    pub loads: u64,
    /// Times it made room for another.
    pub evictions: u64,
    /// Why it cannot be used, where it cannot.
    pub failure: Option<String>,
}

/// How many are where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// In the queue.
    pub(crate) waiting: usize,
    /// Written, over several steps.
    pub(crate) writing: usize,
}

impl Snapshot {
    pub(crate) fn of(
        tally: &Tally,
        totals: Totals,
        finished_busy: Nanos,
        residency: &Residency,
        places: Places,
    ) -> Self {
        let expert = |resident: &crate::residency::Resident| ExpertSnapshot {
            loaded: resident.loaded,
            bytes: resident.bytes,
            load: resident.load,
            loads: resident.loads,
            evictions: resident.evictions,
            failure: match &resident.health {
                Health::Fine => None,
                Health::Failing { reason, .. } => Some(reason.clone()),
            },
        };
        Self {
            provisioned: totals.provisioned,
            busy: totals.busy,
            load: totals.load,
            idle: totals.idle,
            requests: tally.requests,
            rejected: tally.rejected,
            completed: tally.completed,
            failed: tally.failed,
            timed_out: tally.timed_out,
            cancelled: tally.cancelled,
            unsettled: finished_busy.saturating_sub(tally.settled()),
            running_step: totals.busy.saturating_sub(finished_busy),
            steps: tally.steps,
            failed_steps: tally.failed_steps,
            waiting: places.waiting,
            running: tally.running.saturating_add(places.writing),
            delivering: tally.delivering,
            experts: residency.all().iter().map(expert).collect(),
        }
    }
}
