//! The body of an answer: frames that leave one by one, and the books settled by the last of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::job::Delivery;

/// Frames of a computed answer. A client that goes away between two of them drops the body, which
/// books the answer as cancelled; taking the last frame books it as delivered.
pub(crate) struct AnswerBody {
    frames: VecDeque<Bytes>,
    last: Option<Last>,
    /// Give the connection a chance to flush, and to notice that the client is gone.
    pause: bool,
    delivery: Option<Delivery>,
}

/// Makes the last frame at the moment it leaves, so that it can say how long everything took.
type Last = Box<dyn FnOnce() -> Bytes + Send>;

impl AnswerBody {
    /// One frame.
    pub(crate) fn whole(content: Bytes, delivery: Delivery) -> Self {
        Self {
            frames: VecDeque::from([content]),
            last: None,
            pause: false,
            delivery: Some(delivery),
        }
    }

    /// Some frames, each flushed by itself, then the one made by `last`.
    pub(crate) fn stream(
        frames: VecDeque<Bytes>,
        last: impl FnOnce() -> Bytes + Send + 'static,
        delivery: Delivery,
    ) -> Self {
        Self {
            frames,
            last: Some(Box::new(last)),
            pause: false,
            delivery: Some(delivery),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut self.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pause = true;
        let frame = self.frames.pop_front();
        let frame = frame.or_else(|| self.last.take().map(|make| make()));
        if self.is_end_stream()
            && let Some(delivery) = self.delivery.take()
        {
            delivery.delivered();
        }
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.last.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.last.is_some() {
            return SizeHint::default();
        }
        let lengths = self.frames.iter().map(Bytes::len);
        let sum = lengths.fold(0_usize, usize::saturating_add);
        SizeHint::with_exact(u64::try_from(sum).unwrap_or(u64::MAX))
    }
}
