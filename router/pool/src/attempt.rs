//! One try under way. However it ends, it is told exactly once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use units::{AttemptId, AttemptStatus, Nanos, Purpose, Timestamp, TokenBuckets};

use crate::breaker::Outcome;
use crate::exchange::Exchange;
use crate::frames::Frames;
use crate::pool::Shared;
use crate::replica::{Permit, Replica};
use crate::usage::{SaidUsage, from_pieces};
use crate::{AttemptError, AttemptReport, ReplicaKind};

/// One try at one replica.
pub(crate) struct Attempt {
    shared: Arc<Shared>,
    permit: Permit,
    pub(crate) id: AttemptId,
    pub(crate) purpose: Purpose,
    started: Timestamp,
    began: Nanos,
    first_token: Option<Nanos>,
    pub(crate) http_status: Option<u16>,
    pub(crate) usage: Option<SaidUsage>,
    /// The stream so far.
    pub(crate) frames: Option<Frames>,
    /// The first frame was handed on: no other try may follow.
    pub(crate) streaming: bool,
    /// The request on its connection, as soon as there is one.
    pub(crate) exchange: Option<Exchange>,
}

impl Attempt {
    pub(crate) fn new(shared: &Arc<Shared>, permit: Permit, purpose: Purpose) -> Self {
        Self {
            id: shared.ids.attempt(),
            started: shared.clock.now(),
            began: shared.clock.monotonic(),
            shared: Arc::clone(shared),
            permit,
            purpose,
            first_token: None,
            http_status: None,
            usage: None,
            frames: None,
            streaming: false,
            exchange: None,
        }
    }

    pub(crate) fn replica(&self) -> &Arc<Replica> {
        self.permit.replica()
    }

    pub(crate) fn is_remote(&self) -> bool {
        self.replica().member.kind == ReplicaKind::Remote
    }

    /// Reads a stream up to its first frame.
    pub(crate) async fn first_frame(&mut self, most: usize) -> Result<(), AttemptError> {
        self.frames = Some(Frames::new(most));
        loop {
            if let Some(frames) = &self.frames {
                match frames.end() {
                    _ if frames.has_frame() => break,
                    Some(Err(error)) => return Err(error.clone()),
                    Some(Ok(())) => return Err(AttemptError::BadAnswer("an empty stream")),
                    None => {}
                }
            }
            poll_fn(|cx| self.poll_read(cx)).await;
        }
        self.streaming = true;
        Ok(())
    }

    /// Reads more of a stream into its frames.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(exchange), Some(frames)) = (&mut self.exchange, &mut self.frames) else {
            return Poll::Ready(());
        };
        match ready!(exchange.poll_piece(cx)) {
            Some(Ok(piece)) => frames.feed(&piece),
            Some(Err(error)) => frames.fail(error),
            None => frames.close(),
        }
        if self.first_token.is_none() && frames.pieces > 0 {
            let now = self.shared.clock.monotonic();
            self.first_token = Some(now.saturating_sub(self.began));
        }
        Poll::Ready(())
    }

    /// Ends the attempt, tells the breaker, and makes the report.
    pub(crate) fn finish(mut self, result: Result<(), AttemptError>) -> AttemptReport {
        let now = self.shared.clock.monotonic();
        let took = now.saturating_sub(self.began);
        let error = result.err();
        let status = match &error {
            None => AttemptStatus::Ok,
            Some(AttemptError::Overloaded { .. }) => AttemptStatus::Overloaded,
            Some(AttemptError::Deadline) => AttemptStatus::TimedOut,
            Some(AttemptError::Abandoned) => AttemptStatus::Cancelled,
            Some(_) if self.streaming => AttemptStatus::Broken,
            Some(_) => AttemptStatus::Failed,
        };
        self.tell_replica(error.as_ref(), took, now);
        let (said, pieces) = match &self.frames {
            Some(frames) => (frames.usage, frames.pieces),
            None => (self.usage, 0),
        };
        let mut receipt = match said {
            Some(usage) if self.is_remote() => {
                usage.of_remote().receipt(self.id, self.purpose, status)
            }
            Some(usage) => usage.receipt(self.id, self.purpose, status),
            None => from_pieces(pieces, self.id, self.purpose, status),
        };
        if let Some(spent) = self.exchange.as_ref().and_then(Exchange::spent) {
            receipt.cpu_ns = spent.cpu_ns;
            receipt.fuel = spent.fuel;
            receipt.tokens = TokenBuckets::NONE_USED;
        }
        receipt.total_ns = Some(took);
        receipt.first_token_ns = self.first_token.or(receipt.first_token_ns);
        let replica = self.permit.replica();
        AttemptReport {
            attempt: self.id,
            expert: replica.expert.clone(),
            pool: replica.member.pool.clone(),
            replica: Arc::clone(&replica.member.address),
            kind: replica.member.kind,
            purpose: self.purpose,
            status,
            http_status: self.http_status,
            started: self.started,
            finished: self.shared.clock.now(),
            receipt,
            estimated: said.is_none() && pieces > 0,
            error,
        }
    }

    fn tell_replica(&mut self, error: Option<&AttemptError>, took: Nanos, now: Nanos) {
        let replica = Arc::clone(self.permit.replica());
        let outcome = match error {
            None => {
                replica.took(took);
                Outcome::Success
            }
            // Tenants share the place, not the plugin: what one's version does closes nothing to the others. Versions
            // have circuits of their own.
            Some(_) if replica.member.kind == ReplicaKind::Local => Outcome::Neutral,
            Some(AttemptError::Overloaded { retry_after, .. }) => {
                if let Some(wait) = retry_after {
                    replica.pause(now.saturating_add(*wait));
                }
                Outcome::Neutral
            }
            Some(AttemptError::Abandoned) => Outcome::Neutral,
            // A short deadline of a client is no failure of the expert.
            Some(AttemptError::Deadline) => {
                let usual = replica.latency().map_or(1_000_000_000, Nanos::get);
                if took.get() >= usual.saturating_mul(4) {
                    Outcome::Failure
                } else {
                    Outcome::Neutral
                }
            }
            // The request is wrong, the replica is well.
            Some(AttemptError::Http(400..=499)) if !self.is_misplaced() => Outcome::Success,
            Some(_) => Outcome::Failure,
        };
        let waver = self.shared.random.next();
        self.permit.settle(outcome, now, waver);
    }

    /// Did the expert answer that we, not the client, are wrong: our key, our path, our model?
    pub(crate) fn is_misplaced(&self) -> bool {
        matches!(self.http_status, Some(401 | 403 | 404 | 407 | 408))
    }
}
