//! Clocks and id makers are passed in, so that tests decide what time it is.

use uuid::Uuid;

use crate::{AttemptId, DecisionId, Nanos, RequestId, Timestamp};

/// A source of time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;

    /// A clock that never goes backwards, from an arbitrary start.
    fn monotonic(&self) -> Nanos;
}

/// A source of UUIDv7.
pub trait IdSource: Send + Sync + std::fmt::Debug {
    /// The next identifier; later ones sort after earlier ones of the same source.
    fn next(&self) -> Uuid;

    /// A new request id.
    fn request(&self) -> RequestId {
        RequestId::from_uuid(self.next())
    }

    /// A new attempt id.
    fn attempt(&self) -> AttemptId {
        AttemptId::from_uuid(self.next())
    }

    /// A new decision id.
    fn decision(&self) -> DecisionId {
        DecisionId::from_uuid(self.next())
    }
}
