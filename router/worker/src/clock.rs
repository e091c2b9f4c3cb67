//! The system's clock and random ids, for the binary; tests bring their own.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use units::{Clock, IdSource, Nanos, Timestamp};
use uuid::Uuid;

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX));
        Timestamp::from_unix_nanos(nanos)
    }

    fn monotonic(&self) -> Nanos {
        Nanos::from_duration(self.start.elapsed())
    }
}

/// UUIDv7 of the system's clock and random numbers, in order within a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
