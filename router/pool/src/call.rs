//! The life of one request in the pool: choose, try, judge, and try again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use units::{ExpertId, Nanos, Purpose};

use crate::answer::{Answer, read_answer};
use crate::attempt::Attempt;
use crate::exchange::{Exchange, Head};
use crate::guard::Guard;
use crate::pick::{Unavailable, pick};
use crate::pool::Shared;
use crate::replica::{Permit, Replica};
use crate::request::{Ask, Form};
use crate::verdict::{Next, next, of_status};
use crate::{AttemptError, AttemptLimits, CallPlan, PoolFailure};

/// An error body is passed on up to this length.
const REFUSAL_BYTES: usize = 64 << 10;

/// What a successful try gives.
pub(crate) enum Won {
    Answer(Answer),
    /// The first frame is at hand.
    Stream,
}

/// What a failed try leaves.
struct Lost {
    error: AttemptError,
    /// What the expert said to a wrong request.
    body: bytes::Bytes,
}

impl From<AttemptError> for Lost {
    fn from(error: AttemptError) -> Self {
        Self {
            error,
            body: bytes::Bytes::new(),
        }
    }
}

/// A request on its way through the candidates.
pub(crate) struct Call<'a> {
    shared: &'a Arc<Shared>,
    ask: Ask<'a>,
    candidates: &'a [ExpertId],
    limits: AttemptLimits,
    deadline: Instant,
    tries: u32,
    /// The last failure that a try gave.
    last: Option<PoolFailure>,
    /// The earliest time at which a full replica may be asked again.
    full_until: Option<Nanos>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, plan: &'a CallPlan, form: Form) -> Self {
        Self {
            shared,
            ask: Ask::of(plan, form),
            candidates: &plan.candidates,
            limits: plan.limits,
            deadline: Instant::now() + plan.timeout.to_duration().min(FOREVER),
            tries: 0,
            last: None,
            full_until: None,
        }
    }

    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Goes through the candidates, best first; where all are full and say when they are not, once
    /// more after that.
    pub(crate) async fn run(&mut self, guard: &mut Guard) -> Result<Won, PoolFailure> {
        self.shared.budget.earn();
        for round in 0..2_u32 {
            for (place, expert) in self.candidates.iter().enumerate() {
                let first = match (place, round) {
                    (0, 0) => Purpose::Serve,
                    (0, _) => Purpose::Retry,
                    _ => Purpose::Fallback,
                };
                if let Some(over) = self.ask_expert(expert, first, guard).await {
                    return over;
                }
            }
            if round > 0 || !self.wait_for_room().await {
                break;
            }
        }
        Err(self.failure())
    }

    /// Tries one expert as often as it is allowed. `None` sends the request to the next one.
    async fn ask_expert(
        &mut self,
        expert: &ExpertId,
        first: Purpose,
        guard: &mut Guard,
    ) -> Option<Result<Won, PoolFailure>> {
        let mut tried: Vec<Arc<Replica>> = Vec::new();
        let mut here = 0_u32;
        while here < self.limits.per_expert && self.tries < self.limits.total {
            let permit = self.permit(expert, &tried)?;
            if self.tries > 0 && !self.shared.budget.spend() {
                return Some(Err(self.failure()));
            }
            let again = tried.iter().any(|t| Arc::ptr_eq(t, permit.replica()));
            if again && !self.back_off(here).await {
                return Some(Err(PoolFailure::TimedOut));
            }
            tried.push(Arc::clone(permit.replica()));
            let purpose = if here == 0 { first } else { Purpose::Retry };
            self.tries = self.tries.saturating_add(1);
            here = here.saturating_add(1);
            let lost = match self.try_once(permit, purpose, guard).await {
                Ok(won) => return Some(Ok(won)),
                Err(lost) => lost,
            };
            let step = next(&lost.error);
            self.remember(expert, lost);
            match step {
                Next::Again => {}
                Next::Elsewhere => return None,
                Next::Over => return Some(Err(self.failure())),
            }
        }
        None
    }

    fn permit(&mut self, expert: &ExpertId, tried: &[Arc<Replica>]) -> Option<Permit> {
        let snapshot = self.shared.membership.snapshot();
        let replicas = snapshot.get(expert)?;
        let now = self.shared.clock.monotonic();
        match pick(replicas, tried, now, &self.shared.random) {
            Ok(permit) => Some(permit),
            Err(Unavailable { full_until }) => {
                self.full_until = self.full_until.into_iter().chain(full_until).min();
                None
            }
        }
    }

    async fn try_once(
        &self,
        permit: Permit,
        purpose: Purpose,
        guard: &mut Guard,
    ) -> Result<Won, Lost> {
        let attempt = guard.begin(Attempt::new(self.shared, permit, purpose));
        let tried = tokio::time::timeout_at(self.deadline, self.exchange(attempt)).await;
        let tried = tried.unwrap_or_else(|_| Err(AttemptError::Deadline.into()));
        match &tried {
            // The stream goes on: its attempt ends with it.
            Ok(Won::Stream) => {}
            Ok(Won::Answer(_)) => guard.end(Ok(())),
            Err(lost) => guard.end(Err(lost.error.clone())),
        }
        tried
    }

    /// Sends the request and takes the answer, or its first frame.
    async fn exchange(&self, attempt: &mut Attempt) -> Result<Won, Lost> {
        let replica = Arc::clone(attempt.replica());
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = Nanos::from_duration(left);
        let request = self.ask.build(&replica, attempt.id, attempt.purpose, left);
        let timeout = self.shared.connections.connect_timeout;
        let most = self.shared.connections.max_answer_bytes;
        let exchange = Exchange::start(&replica.member, request, timeout).await?;
        let exchange = attempt.exchange.insert(exchange);
        let head = exchange.head(timeout).await?;
        attempt.http_status = Some(head.status);
        if let Some(error) = of_status(head.status, &head.headers) {
            let body = exchange.whole(REFUSAL_BYTES).await.unwrap_or_default();
            return Err(Lost { error, body });
        }
        match self.ask.form {
            Form::Whole => {
                let body = exchange.whole(most).await?;
                let (answer, usage) = read_answer(&replica.expert, head.status, &body)
                    .ok_or(AttemptError::BadAnswer("no chat completion"))?;
                attempt.usage = usage.filter(crate::usage::SaidUsage::is_known);
                Ok(Won::Answer(answer))
            }
            Form::Stream => {
                if !is_events(&head) {
                    return Err(AttemptError::BadAnswer("no event stream").into());
                }
                attempt.first_frame(most).await?;
                Ok(Won::Stream)
            }
        }
    }

    /// Waits before the same replica is asked again. False where the deadline comes first.
    async fn back_off(&self, here: u32) -> bool {
        let wait = self
            .shared
            .retry
            .backoff
            .saturating_mul(1 << here.saturating_sub(1).min(10));
        self.wait(self.shared.random.vary(wait)).await
    }

    /// Waits until a full replica may be asked again, if that is worth it.
    async fn wait_for_room(&self) -> bool {
        let full = matches!(self.last, None | Some(PoolFailure::Overloaded { .. }));
        let Some(until) = self.full_until.filter(|_| full) else {
            return false;
        };
        let wait = until.saturating_sub(self.shared.clock.monotonic());
        let wait = wait.to_duration();
        let allowed = wait <= self.shared.retry.patience && self.tries < self.limits.total;
        allowed && self.wait(wait).await
    }

    async fn wait(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        if until >= self.deadline {
            return false;
        }
        tokio::time::sleep_until(until).await;
        true
    }

    fn remember(&mut self, expert: &ExpertId, lost: Lost) {
        self.last = Some(match lost.error {
            AttemptError::Overloaded { retry_after, .. } => PoolFailure::Overloaded { retry_after },
            AttemptError::Deadline => PoolFailure::TimedOut,
            AttemptError::Http(status @ 400..=499) if next(&lost.error) == Next::Over => {
                PoolFailure::Refused {
                    expert: expert.clone(),
                    status,
                    body: lost.body,
                }
            }
            error => PoolFailure::Failed {
                expert: expert.clone(),
                error,
            },
        });
    }

    fn failure(&mut self) -> PoolFailure {
        let full_until = self.full_until;
        self.last.take().unwrap_or(match full_until {
            Some(until) => PoolFailure::Overloaded {
                retry_after: Some(until.saturating_sub(self.shared.clock.monotonic())),
            },
            None => PoolFailure::NoReplica,
        })
    }
}

/// A deadline that is further away would overflow a clock.
const FOREVER: Duration = Duration::from_secs(86_400);

fn is_events(head: &Head) -> bool {
    head.headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"))
}
