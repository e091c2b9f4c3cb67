//! Token counts in five disjoint buckets, so that no token is ever priced twice.

use serde::{Deserialize, Serialize};

/// A count of tokens.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Tokens(u64);

impl Tokens {
    /// No tokens, as a known count.
    pub const ZERO: Self = Self(0);

    /// Wraps a count.
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The count.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Sum, cut at the largest count.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The five disjoint token buckets of one attempt. `None` is unknown, which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBuckets {
    /// Input tokens that were computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_uncached: Option<Tokens>,
    /// Input tokens that came from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Tokens>,
    /// Input tokens that were written to a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Tokens>,
    /// Output tokens the client sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_text: Option<Tokens>,
    /// Output tokens spent on hidden reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_reasoning: Option<Tokens>,
}

impl TokenBuckets {
    /// No tokens, and that is known.
    pub const NONE_USED: Self = Self {
        input_uncached: Some(Tokens::ZERO),
        cache_read: Some(Tokens::ZERO),
        cache_write: Some(Tokens::ZERO),
        output_text: Some(Tokens::ZERO),
        output_reasoning: Some(Tokens::ZERO),
    };

    /// All input tokens; `None` when the computed ones are unknown.
    pub fn input(&self) -> Option<Tokens> {
        let rest = [self.cache_read, self.cache_write];
        self.input_uncached
            .map(|t| rest.into_iter().flatten().fold(t, Tokens::saturating_add))
    }

    /// All output tokens; `None` when the visible ones are unknown.
    pub fn output(&self) -> Option<Tokens> {
        self.output_text.map(|t| {
            self.output_reasoning
                .into_iter()
                .fold(t, Tokens::saturating_add)
        })
    }

    /// Input and output together; `None` when either is unknown.
    pub fn total(&self) -> Option<Tokens> {
        Some(self.input()?.saturating_add(self.output()?))
    }
}
