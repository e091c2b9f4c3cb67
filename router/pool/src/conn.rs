//! One HTTP/1.1 connection, driven by the task that uses it: no task of its own, no hop between
//! threads, and closing it is dropping it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::AttemptError;
use crate::io::Io;
use crate::tls::Tls;

/// One connection to one address.
pub(crate) struct Conn {
    sender: SendRequest<Full<Bytes>>,
    driver: Connection<Io, Full<Bytes>>,
    answer: Option<Answering>,
    ended: bool,
}

type Sent = Request<Full<Bytes>>;
type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Incoming>, TrySendError<Sent>>> + Send>>;

/// Why no answer began.
pub(crate) enum SendError {
    /// The connection was closed before anything was sent: the request comes back.
    Unsent(Box<Sent>),
    /// The connection ended after the request may have been sent.
    Reset,
    /// What came is no HTTP.
    Strange,
}

impl Conn {
    pub(crate) async fn open(
        address: SocketAddr,
        tls: Option<&Tls>,
        timeout: Duration,
    ) -> Result<Self, AttemptError> {
        let connected = tokio::time::timeout(timeout, connect(address, tls)).await;
        let io = connected
            .map_err(|_| AttemptError::ConnectTimeout)?
            .map_err(|e| AttemptError::Connect(e.kind()))?;
        let (sender, driver) = http1::Builder::new()
            .handshake(io)
            .await
            .map_err(|_| AttemptError::Connect(io::ErrorKind::Other))?;
        Ok(Self {
            sender,
            driver,
            answer: None,
            ended: false,
        })
    }

    /// Queues a request; it goes out when the head of its answer is polled for.
    pub(crate) fn start(&mut self, request: Sent) {
        self.answer = Some(Box::pin(self.sender.try_send_request(request)));
    }

    /// The head of the answer to the request that was started.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<Incoming>, SendError>> {
        if !self.ended {
            self.ended = Pin::new(&mut self.driver).poll(cx).is_ready();
        }
        let Some(answer) = &mut self.answer else {
            return Poll::Ready(Err(SendError::Reset));
        };
        match answer.as_mut().poll(cx) {
            Poll::Ready(Ok(response)) => {
                self.answer = None;
                Poll::Ready(Ok(response))
            }
            Poll::Ready(Err(mut error)) => Poll::Ready(Err(match error.take_message() {
                Some(request) => SendError::Unsent(Box::new(request)),
                None if error.error().is_parse() => SendError::Strange,
                None => SendError::Reset,
            })),
            Poll::Pending if self.ended => Poll::Ready(Err(SendError::Reset)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The next piece of an answer's body. `Err` where it broke off.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        body: &mut Incoming,
    ) -> Poll<Option<Result<Bytes, ()>>> {
        loop {
            let ready = poll_data(cx, body);
            if ready.is_ready() {
                return ready;
            }
            if self.ended {
                return Poll::Ready(Some(Err(())));
            }
            // The driver fills the body; look again once it has done what it can.
            self.ended = Pin::new(&mut self.driver).poll(cx).is_ready();
            if !self.ended {
                return poll_data(cx, body);
            }
        }
    }

    /// May another request be sent? Also notices a peer that closed while nobody looked.
    pub(crate) fn is_usable(&mut self) -> bool {
        if !self.ended {
            let mut cx = Context::from_waker(Waker::noop());
            self.ended = Pin::new(&mut self.driver).poll(&mut cx).is_ready();
        }
        !self.ended && self.sender.is_ready()
    }
}

fn poll_data(cx: &mut Context<'_>, body: &mut Incoming) -> Poll<Option<Result<Bytes, ()>>> {
    loop {
        match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers are passed over.
                if let Ok(data) = Frame::into_data(frame) {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
            Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        }
    }
}

async fn connect(address: SocketAddr, tls: Option<&Tls>) -> io::Result<Io> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => Ok(Io::Plain(TokioIo::new(stream))),
        Some(tls) => {
            let stream = tls.connector.connect(tls.name.clone(), stream).await?;
            Ok(Io::Tls(Box::new(TokioIo::new(stream))))
        }
    }
}
