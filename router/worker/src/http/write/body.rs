//! The body of a streamed answer: a frame for each piece as it is written, and the books settled by the last one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use openai_api::{Delta, sse};
use tokio::sync::mpsc;

use super::{Meters, logprob, logprobs, reason};
use crate::answer;
use crate::http::head::Head;
use crate::http::refused;
use crate::job::Delivery;
use crate::writing::Event;

/// Frames of an answer that is being written. A client that goes away drops it, which ends the sequence before its next
/// step; taking the last frame books it as delivered.
pub(super) struct StreamBody {
    head: Head,
    meters: Meters,
    wants_usage: bool,
    ready: VecDeque<Bytes>,
    events: mpsc::Receiver<Event>,
    /// Nothing more is told.
    ended: bool,
    delivery: Option<Delivery>,
}

impl StreamBody {
    pub(super) fn new(
        head: Head,
        meters: Meters,
        wants_usage: bool,
        first: Event,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        let role = Delta {
            role: Some("assistant".to_owned()),
            content: Some(String::new()),
            ..Delta::default()
        };
        let mut body = Self {
            ready: VecDeque::from([head.piece(role, None, None)]),
            head,
            meters,
            wants_usage,
            events,
            ended: false,
            delivery: None,
        };
        body.hear(first);
        body
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Piece { text, told } => {
                let delta = Delta {
                    content: Some(text),
                    ..Delta::default()
                };
                let told = told.map(|told| vec![logprob(told)]).unwrap_or_default();
                let frame = self.head.piece(delta, logprobs(told), None);
                self.ready.push_back(frame);
            }
            Event::End(written) => {
                let end = Some(reason(written.finish));
                let mut last = self.head.piece(Delta::default(), None, end).to_vec();
                if self.wants_usage {
                    let usage = answer::usage(self.meters.receipt(&written));
                    last.extend_from_slice(&self.head.chunk(Vec::new(), Some(usage)));
                }
                last.extend_from_slice(&sse::DONE);
                self.ready.push_back(Bytes::from(last));
                self.delivery = Some(written.delivery);
                self.ended = true;
            }
            Event::Failed(failure) => self.fail(&refused::Refused::from(failure).into()),
        }
    }

    fn fail(&mut self, error: &openai_api::ApiError) {
        self.ready.push_back(sse::error_frame(error));
        self.ended = true;
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        while self.ready.is_empty() {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.events.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(event)) => self.hear(event),
                Poll::Ready(None) => {
                    let gone = refused::broken("the device thread has ended");
                    self.fail(&gone.into());
                }
            }
        }
        let frame = self.ready.pop_front();
        if self.ended
            && self.ready.is_empty()
            && let Some(delivery) = self.delivery.take()
        {
            delivery.delivered();
        }
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.ready.is_empty()
    }
}
