//! Experts that live in this process: asked with the same request as a worker, without a connection.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use units::{ExpertId, Nanos, PoolId};

use crate::AttemptError;

/// Something of the caller's that travels with a request to experts of this process, and nowhere else.
#[derive(Clone)]
pub struct CallScope(Arc<dyn Any + Send + Sync>);

impl CallScope {
    /// Wraps it.
    pub fn new<T: Any + Send + Sync>(scope: Arc<T>) -> Self {
        Self(scope)
    }

    /// What was wrapped, where it is of that type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }
}

impl fmt::Debug for CallScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallScope(…)")
    }
}

/// An expert of this process. It speaks the workers' protocol: the request is that of `POST /v1/chat/completions`
/// with the pool's headers; its [`CallScope`] is among the request's extensions.
pub trait LocalExpert: Send + Sync {
    /// Begins to answer. Must not block; dropping the answer gives it up.
    fn begin(&self, request: Request<Full<Bytes>>) -> Box<dyn LocalAnswer>;
}

/// An answer of an expert of this process.
pub trait LocalAnswer: Send {
    /// Status and headers, once.
    ///
    /// # Errors
    /// There will be no answer.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(u16, HeaderMap), AttemptError>>;

    /// The next piece of the body; `None` at its end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, AttemptError>>>;

    /// What was used so far; asked once, at the end, however it came.
    fn spent(&self) -> LocalSpent;
}

/// What an answer of this process used. Tokens are none: what it asked of others is told by their own attempts.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalSpent {
    /// CPU time.
    pub cpu_ns: Option<Nanos>,
    /// Fuel, where it is metered.
    pub fuel: Option<u64>,
}

/// An expert of this process as the pool is told of it.
#[derive(Clone)]
pub struct LocalSource {
    /// The expert.
    pub expert: ExpertId,
    /// Who charges for it.
    pub pool: PoolId,
    /// Most requests at once.
    pub capacity: u32,
    /// Who answers.
    pub answers: Arc<dyn LocalExpert>,
}

impl fmt::Debug for LocalSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSource")
            .field("expert", &self.expert)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
