//! The one place where the gateway reads the wall clock and makes identifiers.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use units::{Clock, IdSource, Nanos, Timestamp};
use uuid::Uuid;

/// The system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Nanos {
        Nanos::from_duration(self.start.elapsed())
    }
}

/// UUIDv7 of the system's clock and random source; later ones of one process sort after earlier ones.
#[derive(Debug, Default)]
pub struct UuidSource;

impl IdSource for UuidSource {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
