//! What the pool tells about every try, and how a request can fail.

use std::sync::Arc;

use bytes::Bytes;
use units::{AttemptId, AttemptStatus, ExpertId, Nanos, PoolId, Purpose, Receipt, Timestamp};

/// One try at one expert, told exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The attempt; the same id went to the expert in `x-moegate-attempt`.
    pub attempt: AttemptId,
    /// The expert that was asked.
    pub expert: ExpertId,
    /// The workers' pool, or the provider of a remote.
    pub pool: PoolId,
    /// The address that was asked.
    pub replica: Arc<str>,
    /// Our worker, or a remote API.
    pub kind: ReplicaKind,
    /// Why the attempt was made.
    pub purpose: Purpose,
    /// How it ended.
    pub status: AttemptStatus,
    /// The HTTP status, where the expert answered at all.
    pub http_status: Option<u16>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// What it used; unknown meters are absent.
    pub receipt: Receipt,
    /// The tokens were counted from what was seen, because the expert told no usage.
    pub estimated: bool,
    /// What went wrong.
    pub error: Option<AttemptError>,
}

/// Who answers for an expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplicaKind {
    /// A worker of ours: it stops when the connection closes, and tells its counters.
    Worker,
    /// A remote API: it may go on, and bill, after the connection closes.
    Remote,
    /// An expert of this process: it stops when its answer is dropped.
    Local,
}

/// What went wrong with one attempt. Never holds text of the request or of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// No connection: nothing was sent.
    #[error("no connection: {0}")]
    Connect(std::io::ErrorKind),
    /// Connecting took too long: nothing was sent.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The connection ended before an answer began.
    #[error("the connection ended before an answer")]
    Reset,
    /// The expert refused for load.
    #[error("refused for load with status {status}")]
    Overloaded {
        /// 429 or 503.
        status: u16,
        /// When to come back.
        retry_after: Option<Nanos>,
    },
    /// Another status that is no success.
    #[error("status {0}")]
    Http(u16),
    /// The answer is no answer of the API.
    #[error("not an answer of the API: {0}")]
    BadAnswer(&'static str),
    /// The answer ended before it was whole.
    #[error("the answer broke off")]
    Truncated,
    /// The expert told of a failure in mid-stream.
    #[error("the expert failed in mid-stream")]
    InStream,
    /// The deadline passed, or the stream was silent for too long.
    #[error("the deadline passed")]
    Deadline,
    /// The client went away.
    #[error("the client went away")]
    Abandoned,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolFailure {
    /// No candidate has a replica that may be asked now; nothing was tried.
    #[error("no replica is available")]
    NoReplica,
    /// Every candidate refused for load: the client may come back.
    #[error("the experts are overloaded")]
    Overloaded {
        /// The earliest time that a replica named.
        retry_after: Option<Nanos>,
    },
    /// The deadline passed.
    #[error("the deadline passed")]
    TimedOut,
    /// The expert says the request is wrong. The body is what it said, at most 64 KiB.
    #[error("{expert} refuses the request with status {status}")]
    Refused {
        /// Who refuses.
        expert: ExpertId,
        /// Its HTTP status, 400 to 499.
        status: u16,
        /// Its answer.
        body: Bytes,
    },
    /// The last try failed, and no other was safe or left.
    #[error("{expert} failed: {error}")]
    Failed {
        /// Who was asked last.
        expert: ExpertId,
        /// What went wrong.
        error: AttemptError,
    },
}
