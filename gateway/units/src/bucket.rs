//! The 15-minute UTC bucket, the grain of every rollup.
//!
//! Every current IANA offset is a multiple of 15 minutes, so a tenant's local day is a whole number of buckets.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Index of a 15-minute interval: Unix seconds divided by 900, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(i64);

impl Bucket {
    /// Length of a bucket in seconds.
    pub const SECONDS: i64 = 900;

    /// The bucket that holds an instant.
    pub const fn of(at: Timestamp) -> Self {
        Self(at.unix_seconds().div_euclid(Self::SECONDS))
    }

    /// Wraps an index, as a store gives it back.
    pub const fn from_index(index: i64) -> Self {
        Self(index)
    }

    /// The index.
    pub const fn index(self) -> i64 {
        self.0
    }

    /// First instant of the bucket.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.saturating_mul(Self::SECONDS))
    }

    /// First instant after the bucket.
    pub const fn end(self) -> Timestamp {
        Timestamp::from_unix_seconds(self.0.saturating_add(1).saturating_mul(Self::SECONDS))
    }

    /// The bucket after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_belong_to_the_later_bucket() {
        let start = Timestamp::from_unix_seconds(1_800);
        assert_eq!(Bucket::of(start).index(), 2);
        assert_eq!(
            Bucket::of(Timestamp::from_unix_nanos(start.unix_nanos() - 1)).index(),
            1
        );
        assert_eq!(Bucket::of(Timestamp::from_unix_seconds(-1)).index(), -1);
        assert_eq!(Bucket::of(start).start(), start);
    }
}
