//! Tells an idle connection from one whose request head comes too slowly, and from one whose client does not
//! take its answer.
//!
//! hyper has one timer for the first two, so a short time for heads would also end idle connections that a
//! load balancer wants to use again; for the third it has none.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Watch {
    start: Instant,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// Requests that are being served.
    running: AtomicU32,
    /// Since when the connection is idle, in nanoseconds after `start`.
    idle_since: AtomicU64,
    /// When the first byte of an unfinished head came; 0 where there is none.
    head_since: AtomicU64,
    /// HTTP/2 mixes control frames with heads; there only the idle time counts.
    multiplexed: AtomicBool,
    seen_bytes: AtomicBool,
    /// Answers that wait for the client to take more, by number, and since when.
    untaken: Mutex<Vec<(u32, u64)>>,
    answers: AtomicU32,
}

/// What to do with a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Close,
    LookAgain(Duration),
}

impl Watch {
    pub(super) fn new(header_timeout: Duration, idle_timeout: Duration) -> Self {
        Self {
            start: Instant::now(),
            header_timeout,
            idle_timeout,
            running: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            multiplexed: AtomicBool::new(false),
            seen_bytes: AtomicBool::new(false),
            untaken: Mutex::default(),
            answers: AtomicU32::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// A request begins: its head is complete.
    pub(super) fn begin(watch: &Arc<Self>) -> Running {
        watch.running.fetch_add(1, Ordering::AcqRel);
        watch.head_since.store(0, Ordering::Release);
        Running(Arc::clone(watch))
    }

    /// It is the client's turn: this answer has something for it.
    fn offer(&self, answer: u32) {
        let now = self.now();
        let mut untaken = self.untaken.lock();
        match untaken.iter_mut().find(|(number, _)| *number == answer) {
            Some((_, since)) => *since = now,
            None => untaken.push((answer, now)),
        }
    }

    /// It is the expert's turn, or the answer has ended.
    fn taken(&self, answer: u32) {
        let mut untaken = self.untaken.lock();
        if let Some(at) = untaken.iter().position(|(number, _)| *number == answer) {
            untaken.swap_remove(at);
        }
    }

    /// Since when the slowest client of the connection has not taken what is offered.
    fn offered_since(&self) -> Option<u64> {
        self.untaken.lock().iter().map(|(_, since)| *since).min()
    }

    fn saw(&self, bytes: &[u8]) {
        if !self.seen_bytes.swap(true, Ordering::AcqRel) {
            self.multiplexed
                .store(bytes.starts_with(b"PRI"), Ordering::Release);
        }
        let waiting = self.running.load(Ordering::Acquire) == 0;
        if waiting && self.head_since.load(Ordering::Acquire) == 0 {
            self.head_since.store(self.now(), Ordering::Release);
        }
    }

    /// Closes what is idle, slow or untaken for too long, else says when to look again.
    pub(super) fn look(&self) -> Verdict {
        if self.running.load(Ordering::Acquire) > 0 {
            let Some(since) = self.offered_since() else {
                return Verdict::LookAgain(self.header_timeout.min(self.idle_timeout));
            };
            let waited = Duration::from_nanos(self.now().saturating_sub(since));
            return match self.idle_timeout.checked_sub(waited) {
                None => Verdict::Close,
                Some(left) => Verdict::LookAgain(left.min(self.header_timeout)),
            };
        }
        let head_since = self.head_since.load(Ordering::Acquire);
        let in_head = head_since > 0 && !self.multiplexed.load(Ordering::Acquire);
        let (since, bound) = if in_head {
            (head_since, self.header_timeout)
        } else {
            (self.idle_since.load(Ordering::Acquire), self.idle_timeout)
        };
        let lasted = Duration::from_nanos(self.now().saturating_sub(since));
        match bound.checked_sub(lasted) {
            None | Some(Duration::ZERO) => Verdict::Close,
            Some(left) => Verdict::LookAgain(left.min(self.header_timeout)),
        }
    }
}

/// A request that is being served; dropped when its answer is written or abandoned.
#[derive(Debug)]
pub(super) struct Running(Arc<Watch>);

impl Drop for Running {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.idle_since.store(now, Ordering::Release);
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream that tells the watch of the bytes it reads.
#[derive(Debug)]
pub(super) struct WatchedIo<S> {
    stream: S,
    watch: Arc<Watch>,
}

impl<S> WatchedIo<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..)
            && !new.is_empty()
        {
            self.watch.saw(new);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A body that keeps its request running until it is written or dropped. Between two polls it is the client's
/// turn: hyper asks for more once the client has taken what there was.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: Body,
    number: u32,
    running: Running,
}

impl WatchedBody {
    pub(super) fn new(body: Body, running: Running) -> Self {
        let watch = &running.0;
        let number = watch.answers.fetch_add(1, Ordering::Relaxed);
        watch.offer(number);
        Self {
            body,
            number,
            running,
        }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.running.0.taken(self.number);
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let (watch, number) = (&self.running.0, self.number);
        match &polled {
            Poll::Ready(Some(Ok(_))) => watch.offer(number),
            Poll::Ready(_) | Poll::Pending => watch.taken(number),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_slow_head_is_closed_and_an_idle_connection_is_not() {
        let watch = Arc::new(Watch::new(Duration::ZERO, LONG));
        assert!(matches!(watch.look(), Verdict::LookAgain(_)));
        watch.saw(b"GET / HT");
        assert_eq!(watch.look(), Verdict::Close);
    }

    #[test]
    fn a_running_request_keeps_its_connection() {
        let watch = Arc::new(Watch::new(Duration::ZERO, Duration::ZERO));
        watch.saw(b"GET / HTTP/1.1\r\n\r\n");
        let running = Watch::begin(&watch);
        assert!(matches!(watch.look(), Verdict::LookAgain(_)));
        drop(running);
        assert_eq!(watch.look(), Verdict::Close);
    }

    #[test]
    fn an_answer_that_nobody_takes_is_given_up_and_one_that_waits_for_its_expert_is_not() {
        let watch = Arc::new(Watch::new(LONG, Duration::ZERO));
        let running = Watch::begin(&watch);
        assert_ne!(watch.look(), Verdict::Close, "the expert's turn");
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from("a"))]);
        let body = Body::from_stream(futures_util::StreamExt::chain(
            pieces,
            futures_util::stream::pending(),
        ));
        let mut body = WatchedBody::new(body, running);
        let later = || {
            while watch.offered_since() == Some(watch.now()) {}
        };
        later();
        assert_eq!(watch.look(), Verdict::Close, "not asked for yet");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        later();
        assert_eq!(watch.look(), Verdict::Close, "handed out, not taken");
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        assert_ne!(watch.look(), Verdict::Close, "taken, and no more there");
        drop(body);
        assert!(watch.untaken.lock().is_empty());
    }

    #[test]
    fn control_frames_of_http2_are_no_slow_head() {
        let watch = Arc::new(Watch::new(Duration::ZERO, LONG));
        watch.saw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(matches!(watch.look(), Verdict::LookAgain(_)));
    }
}
