//! One request and its answer on one connection, at whatever point of the way; it can be handed on
//! unfinished.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::conn::{Conn, SendError};
use crate::replica::Member;
use crate::{AttemptError, LocalAnswer, LocalSpent};

/// A request under way.
pub(crate) struct Exchange {
    member: Arc<Member>,
    /// Absent once it was given back or broke.
    conn: Option<Box<Conn>>,
    fresh: bool,
    answer: Option<Incoming>,
    /// The answer of an expert of this process: there is no connection then.
    local: Option<Box<dyn LocalAnswer>>,
    /// Its head was taken.
    headed: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
}

impl Exchange {
    /// Takes or makes a connection and queues the request on it.
    pub(crate) async fn start(
        member: &Arc<Member>,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Self, AttemptError> {
        if let Some(local) = &member.local {
            return Ok(Self {
                member: Arc::clone(member),
                conn: None,
                fresh: true,
                answer: None,
                local: Some(local.begin(request)),
                headed: false,
            });
        }
        let (mut conn, fresh) = match member.idle.take() {
            Some(conn) => (conn, false),
            None => {
                let conn = Conn::open(member.socket, member.tls.as_ref(), timeout).await?;
                (Box::new(conn), true)
            }
        };
        conn.start(request);
        Ok(Self {
            member: Arc::clone(member),
            conn: Some(conn),
            fresh,
            answer: None,
            local: None,
            headed: false,
        })
    }

    /// The head of the answer. A connection that closed before anything was sent is replaced by a
    /// new one, once.
    pub(crate) async fn head(&mut self, timeout: Duration) -> Result<Head, AttemptError> {
        if let Some(local) = &mut self.local {
            let (status, headers) = poll_fn(|cx| local.poll_head(cx)).await?;
            self.headed = true;
            return Ok(Head { status, headers });
        }
        loop {
            let conn = self.conn.as_mut().ok_or(AttemptError::Reset)?;
            match poll_fn(|cx| conn.poll_head(cx)).await {
                Ok(response) => {
                    let (parts, body) = response.into_parts();
                    self.answer = Some(body);
                    return Ok(Head {
                        status: parts.status.as_u16(),
                        headers: parts.headers,
                    });
                }
                Err(SendError::Unsent(request)) if !self.fresh => {
                    let member = &self.member;
                    let mut conn = Conn::open(member.socket, member.tls.as_ref(), timeout).await?;
                    conn.start(*request);
                    self.conn = Some(Box::new(conn));
                    self.fresh = true;
                }
                Err(SendError::Unsent(_) | SendError::Reset) => return Err(AttemptError::Reset),
                Err(SendError::Strange) => return Err(AttemptError::BadAnswer("no HTTP")),
            }
        }
    }

    /// Is the head of the answer still to come?
    pub(crate) fn awaits_head(&self) -> bool {
        match &self.local {
            Some(_) => !self.headed,
            None => self.answer.is_none() && self.conn.is_some(),
        }
    }

    /// The next piece of the answer; after its end the connection is kept for others.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, AttemptError>>> {
        if let Some(local) = &mut self.local {
            return local.poll_piece(cx);
        }
        let (Some(conn), Some(answer)) = (&mut self.conn, &mut self.answer) else {
            return Poll::Ready(None);
        };
        match ready!(conn.poll_body(cx, answer)) {
            Some(Ok(piece)) => Poll::Ready(Some(Ok(piece))),
            Some(Err(())) => {
                self.conn = None;
                Poll::Ready(Some(Err(AttemptError::Truncated)))
            }
            None => {
                if let Some(conn) = self.conn.take() {
                    self.member.idle.put(conn);
                }
                Poll::Ready(None)
            }
        }
    }

    /// The whole answer, at most `most` bytes.
    pub(crate) async fn whole(&mut self, most: usize) -> Result<Bytes, AttemptError> {
        let first = match poll_fn(|cx| self.poll_piece(cx)).await {
            None => return Ok(Bytes::new()),
            Some(piece) => piece?,
        };
        let mut bytes = first;
        let mut joined = BytesMut::new();
        loop {
            if bytes.len().saturating_add(joined.len()) > most {
                return Err(AttemptError::BadAnswer("too large"));
            }
            // A short answer comes in one piece, which is not copied.
            match poll_fn(|cx| self.poll_piece(cx)).await {
                None if joined.is_empty() => return Ok(bytes),
                None => {
                    joined.extend_from_slice(&bytes);
                    return Ok(joined.freeze());
                }
                Some(piece) => {
                    joined.extend_from_slice(&bytes);
                    bytes = piece?;
                }
            }
        }
    }

    /// What an expert of this process has used so far.
    pub(crate) fn spent(&self) -> Option<LocalSpent> {
        self.local.as_ref().map(|local| local.spent())
    }

    /// Gives the connection back if the answer is already at its end; closes it otherwise.
    pub(crate) fn close(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ended = self.poll_piece(&mut cx);
        self.conn = None;
    }
}
