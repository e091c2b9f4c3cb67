//! A streamed answer on its way to the client.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};
use units::{AttemptId, ExpertId};

use crate::attempt::Attempt;
use crate::drain::{self, Left};
use crate::pool::Shared;
use crate::request::Form;
use crate::{AttemptError, AttemptReport, Frame, OnAbandon};

/// What a stream gives.
#[derive(Debug)]
pub enum StreamEvent {
    /// A chunk.
    Frame(Frame),
    /// The end, well or not: look at the report's status. `[DONE]` is left to the receiver.
    End(Box<AttemptReport>),
}

/// A streamed answer. Its attempt is told exactly once: by [`StreamEvent::End`], or, when the stream
/// is dropped before that, by [`crate::CallPlan::on_abandon`].
pub struct ExpertStream {
    shared: Arc<Shared>,
    expert: ExpertId,
    id: AttemptId,
    /// Absent after the end.
    attempt: Option<Attempt>,
    on_abandon: Option<OnAbandon>,
    deadline: Instant,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl fmt::Debug for ExpertStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpertStream")
            .field("expert", &self.expert)
            .field("attempt", &self.id)
            .finish_non_exhaustive()
    }
}

impl ExpertStream {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        attempt: Attempt,
        deadline: Instant,
        on_abandon: Option<OnAbandon>,
    ) -> Self {
        let heard = Instant::now();
        let alarm = deadline.min(heard + shared.connections.stream_idle);
        Self {
            shared: Arc::clone(shared),
            expert: attempt.replica().expert.clone(),
            id: attempt.id,
            attempt: Some(attempt),
            on_abandon,
            deadline,
            heard,
            alarm: Box::pin(sleep_until(alarm)),
        }
    }

    /// The expert that answers.
    pub fn expert(&self) -> &ExpertId {
        &self.expert
    }

    /// The attempt that streams.
    pub fn attempt(&self) -> AttemptId {
        self.id
    }

    /// The next event; `None` after the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next event, for who polls.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamEvent>> {
        loop {
            let Some(attempt) = &mut self.attempt else {
                return Poll::Ready(None);
            };
            let (frame, end) = match &mut attempt.frames {
                Some(frames) => (frames.next(), frames.end().cloned()),
                None => (None, Some(Ok(()))),
            };
            if let Some(frame) = frame {
                return Poll::Ready(Some(StreamEvent::Frame(frame)));
            }
            if let Some(result) = end {
                return Poll::Ready(self.finish(result));
            }
            if attempt.poll_read(cx).is_ready() {
                self.heard = Instant::now();
            } else if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            } else {
                let silent = self.heard + self.shared.connections.stream_idle;
                let alarm = self.deadline.min(silent);
                if alarm > Instant::now() {
                    self.alarm.as_mut().reset(alarm);
                } else if let Some(frames) = attempt.frames.as_mut() {
                    frames.fail(AttemptError::Deadline);
                }
            }
        }
    }

    fn finish(&mut self, result: Result<(), AttemptError>) -> Option<StreamEvent> {
        let mut attempt = self.attempt.take()?;
        if let Some(exchange) = &mut attempt.exchange {
            exchange.close();
        }
        Some(StreamEvent::End(Box::new(attempt.finish(result))))
    }
}

impl Drop for ExpertStream {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            let left = Left {
                reports: Vec::new(),
                attempt: Some(attempt),
                form: Form::Stream,
                on_abandon: self.on_abandon.take(),
            };
            drain::abandon(&self.shared, left);
        }
    }
}
