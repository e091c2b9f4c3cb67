//! Why a request is not let in now, and what the client is told.

use openai_api::{ApiError, ErrorKind};
use units::Nanos;

use super::rate_headers::{RateHeaders, span};

/// A request that is not let in. Nothing was reserved for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason:?} of the {whose}")]
pub struct Refusal {
    /// Whose limit it is.
    pub whose: Whose,
    /// Which limit.
    pub reason: Reason,
    /// The `x-ratelimit-*` headers that go with the 429.
    pub rate: RateHeaders,
}

/// Whose limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The tenant's.
    Tenant,
    /// The key's or subject's own.
    Key,
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
        })
    }
}

/// Which limit refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Too many requests this minute.
    Requests {
        /// Requests per minute.
        limit: u64,
        /// A request is let in after exactly this time, if no other comes first.
        retry_after: Nanos,
    },
    /// Too many tokens this minute.
    Tokens {
        /// Tokens per minute.
        limit: u64,
        /// So many tokens are there after exactly this time, if nobody takes them first.
        retry_after: Nanos,
    },
    /// More tokens than a whole minute's worth.
    TooManyTokens {
        /// Tokens per minute.
        limit: u64,
    },
    /// Too many requests at the same time.
    Concurrency {
        /// Requests at the same time.
        limit: u64,
    },
    /// The month's budget is spent.
    BudgetExhausted,
    /// The request may cost more than the whole month's budget.
    BudgetTooSmall,
    /// Requests under way hold what is left of the budget.
    BudgetReserved,
}

/// When to come back where only another request's end can help.
const SHORTLY_MS: u64 = 250;

impl Reason {
    /// A stable word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests { .. } => "requests",
            Self::Tokens { .. } => "tokens",
            Self::TooManyTokens { .. } => "too_many_tokens",
            Self::Concurrency { .. } => "concurrency",
            Self::BudgetExhausted => "budget_exhausted",
            Self::BudgetTooSmall => "budget_too_small",
            Self::BudgetReserved => "budget_reserved",
        }
    }

    /// When trying again can help; `None` where it cannot. Milliseconds, rounded up.
    pub fn retry_after_ms(self) -> Option<u64> {
        match self {
            Self::Requests { retry_after, .. } | Self::Tokens { retry_after, .. } => {
                Some(retry_after.get().div_ceil(1_000_000))
            }
            Self::Concurrency { .. } | Self::BudgetReserved => Some(SHORTLY_MS),
            Self::TooManyTokens { .. } | Self::BudgetExhausted | Self::BudgetTooSmall => None,
        }
    }

    /// What matters most comes last: a limit that no waiting mends, then the longest wait.
    pub(super) fn weight(self) -> u64 {
        match self {
            Self::BudgetExhausted => u64::MAX,
            Self::BudgetTooSmall => u64::MAX.saturating_sub(1),
            Self::TooManyTokens { .. } => u64::MAX.saturating_sub(2),
            Self::Requests { retry_after, .. } | Self::Tokens { retry_after, .. } => {
                retry_after.get().min(u64::MAX.saturating_sub(3)).max(1)
            }
            Self::Concurrency { .. } | Self::BudgetReserved => 0,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let whose = refusal.whose;
        let rate = |code, message: String| Self::new(429, ErrorKind::RateLimitError, code, message);
        let quota =
            |code, message: String| Self::new(429, ErrorKind::InsufficientQuota, code, message);
        let error = match refusal.reason {
            Reason::Requests { limit, retry_after } => rate(
                "rate_limit_exceeded",
                format!(
                    "this {whose} may send {limit} requests per minute; try again in {}",
                    span(retry_after)
                ),
            ),
            Reason::Tokens { limit, retry_after } => rate(
                "rate_limit_exceeded",
                format!(
                    "this {whose} may use {limit} tokens per minute; try again in {}",
                    span(retry_after)
                ),
            ),
            Reason::TooManyTokens { limit } => rate(
                "request_too_large",
                format!(
                    "this request may use more than the {limit} tokens per minute of this {whose}"
                ),
            ),
            Reason::Concurrency { limit } => rate(
                "concurrency_limit_exceeded",
                format!("this {whose} may have {limit} requests at the same time"),
            ),
            Reason::BudgetExhausted => quota(
                "insufficient_quota",
                format!("the monthly budget of this {whose} is spent"),
            ),
            Reason::BudgetTooSmall => quota(
                "insufficient_quota",
                format!("this request may cost more than the monthly budget of this {whose}"),
            ),
            Reason::BudgetReserved => rate(
                "budget_reserved",
                format!("requests under way hold the rest of the monthly budget of this {whose}"),
            ),
        };
        match refusal.reason.retry_after_ms() {
            Some(ms) => error.with_retry_after_ms(ms),
            None => error.without_retry(),
        }
    }
}
