//! What an attempt used, in integers. Never money: prices belong to the ledger.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, Nanos, TokenBuckets};

/// A stored name that stands for no variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is unknown")]
pub struct UnknownName {
    /// Which enumeration was meant.
    pub kind: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored and serialised name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|v| v.as_str() == text)
                    .ok_or_else(|| UnknownName { kind: $kind, text: text.chars().take(40).collect() })
            }
        }
    };
}

named!(
    /// Why an attempt was made.
    Purpose, "purpose" {
        /// The first try at the chosen expert.
        Serve = "serve",
        /// The same expert again.
        Retry = "retry",
        /// The next-best expert.
        Fallback = "fallback",
        /// A second try beside a slow first one.
        Hedge = "hedge",
        /// A try whose answer nobody sees.
        Shadow = "shadow",
        /// Judging another answer.
        Judge = "judge",
        /// The gate's own work.
        Gate = "gate",
    }
);

named!(
    /// How an attempt ended.
    AttemptStatus, "attempt status" {
        /// A whole answer.
        Ok = "ok",
        /// The expert failed or could not be reached.
        Failed = "failed",
        /// The expert refused for load.
        Overloaded = "overloaded",
        /// The deadline passed.
        TimedOut = "timed_out",
        /// The client went away.
        Cancelled = "cancelled",
        /// The stream broke after its first byte.
        Broken = "broken",
    }
);

/// What one attempt used. Unknown meters are `None`; zero is a known zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The attempt this is about.
    pub attempt: AttemptId,
    /// Why the attempt was made.
    pub purpose: Purpose,
    /// How it ended.
    pub status: AttemptStatus,
    /// Tokens in five disjoint buckets.
    #[serde(default)]
    pub tokens: TokenBuckets,
    /// Device time that is this attempt's share of its batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_ns: Option<Nanos>,
    /// Time in the worker's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_ns: Option<Nanos>,
    /// CPU time of a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<Nanos>,
    /// Fuel of a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// From the start of the attempt to its first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ns: Option<Nanos>,
    /// From the start of the attempt to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ns: Option<Nanos>,
}

impl Receipt {
    /// A receipt that knows nothing yet but who it is for.
    pub fn unknown(attempt: AttemptId, purpose: Purpose, status: AttemptStatus) -> Self {
        Self {
            attempt,
            purpose,
            status,
            tokens: TokenBuckets::default(),
            device_ns: None,
            queue_ns: None,
            cpu_ns: None,
            fuel: None,
            first_token_ns: None,
            total_ns: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse::<Purpose>(), Ok(*purpose));
        }
        for status in AttemptStatus::ALL {
            assert_eq!(status.as_str().parse::<AttemptStatus>(), Ok(*status));
        }
        assert!("serv".parse::<Purpose>().is_err());
    }
}
