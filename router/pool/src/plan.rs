//! What the gateway asks of the pool for one request.

use std::fmt;

use http::HeaderValue;
use units::{ExpertId, Nanos, RequestId};

use crate::{Answer, AttemptReport, CallScope, ExpertStream, PoolFailure, RequestBody};

/// Takes the reports that nobody waits for any more. It may run inside a `drop`: it must not block.
pub type OnAbandon = Box<dyn FnOnce(Vec<AttemptReport>) + Send>;

/// One request to be answered.
pub struct CallPlan {
    /// The request; sent as `x-request-id`.
    pub request: RequestId,
    /// What the client asked.
    pub body: RequestBody,
    /// The chosen expert first, then the next-best ones.
    pub candidates: Vec<ExpertId>,
    /// Time left for all tries together.
    pub timeout: Nanos,
    /// The caller's trace, passed on unchanged.
    pub traceparent: Option<HeaderValue>,
    /// The task the request is about, sent as `x-moegate-task`: a hint that experts without such a
    /// task pass over.
    pub task: Option<HeaderValue>,
    /// Who asks, sent to our own workers as `x-moegate-tenant`: what one tenant had them read is nothing to another. No
    /// remote is told.
    pub tenant: Option<HeaderValue>,
    /// Goes with the request to experts of this process.
    pub scope: Option<CallScope>,
    /// How often the request may be tried.
    pub limits: AttemptLimits,
    /// Called once if the future of the call, or later the stream, is dropped before it gave its
    /// outcome: with every attempt not yet handed over. Never called otherwise.
    pub on_abandon: Option<OnAbandon>,
}

impl fmt::Debug for CallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallPlan")
            .field("request", &self.request)
            .field("candidates", &self.candidates)
            .field("timeout", &self.timeout)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How often one request may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Tries in all, the first included.
    pub total: u32,
    /// Tries at one expert.
    pub per_expert: u32,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            total: 4,
            per_expert: 3,
        }
    }
}

/// How a whole answer came about.
#[derive(Debug)]
pub struct CallOutcome {
    /// Every try, in order; the last one gave the answer if there is one.
    pub attempts: Vec<AttemptReport>,
    /// The answer, or why there is none.
    pub result: Result<Answer, PoolFailure>,
}

/// How a streamed answer began.
#[derive(Debug)]
pub struct StreamOutcome {
    /// The tries that failed before the stream began, in order. The try that streams is told by
    /// [`crate::StreamEvent::End`], or by [`CallPlan::on_abandon`].
    pub attempts: Vec<AttemptReport>,
    /// The stream with its first frame at hand, or why there is none.
    pub result: Result<ExpertStream, PoolFailure>,
}
