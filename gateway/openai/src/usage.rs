//! Token usage as OpenAI clients read it, and its translation from and to disjoint buckets.

use serde::{Deserialize, Serialize};
use units::{Receipt, TokenBuckets, Tokens};

/// Usage of one answer. OpenAI counts cached tokens inside `prompt_tokens` and reasoning tokens
/// inside `completion_tokens`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached ones included.
    pub prompt_tokens: u64,
    /// Output tokens, reasoning included.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Parts of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptDetails>,
    /// Parts of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionDetails>,
    /// The receipt, sent by Moegate's own workers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moegate: Option<Receipt>,
}

/// Parts of the input tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptDetails {
    /// Read from a cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Written to a cache, where a provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
}

/// Parts of the output tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionDetails {
    /// Spent on hidden reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Usage for clients from disjoint buckets; unknown buckets count as nothing here, the ledger
    /// keeps them unknown.
    pub fn from_buckets(tokens: &TokenBuckets) -> Self {
        let get = |t: Option<Tokens>| t.map_or(0, Tokens::get);
        let cached = get(tokens.cache_read);
        let written = get(tokens.cache_write);
        let reasoning = get(tokens.output_reasoning);
        let prompt = get(tokens.input_uncached)
            .saturating_add(cached)
            .saturating_add(written);
        let completion = get(tokens.output_text).saturating_add(reasoning);
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: tokens.cache_read.map(|_| PromptDetails {
                cached_tokens: cached,
                cache_write_tokens: tokens.cache_write.map(Tokens::get),
            }),
            completion_tokens_details: tokens.output_reasoning.map(|_| CompletionDetails {
                reasoning_tokens: reasoning,
            }),
            moegate: None,
        }
    }

    /// Disjoint buckets of a provider that counts as OpenAI does. Parts that the provider does not
    /// mention are known to be none; parts larger than their whole are cut to it.
    pub fn buckets(&self) -> TokenBuckets {
        let details = self.prompt_tokens_details.unwrap_or_default();
        let cached = details.cached_tokens.min(self.prompt_tokens);
        let rest = self.prompt_tokens.saturating_sub(cached);
        let written = details.cache_write_tokens.unwrap_or(0).min(rest);
        let reasoning = self
            .completion_tokens_details
            .unwrap_or_default()
            .reasoning_tokens
            .min(self.completion_tokens);
        TokenBuckets {
            input_uncached: Some(Tokens::new(rest.saturating_sub(written))),
            cache_read: Some(Tokens::new(cached)),
            cache_write: Some(Tokens::new(written)),
            output_text: Some(Tokens::new(
                self.completion_tokens.saturating_sub(reasoning),
            )),
            output_reasoning: Some(Tokens::new(reasoning)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_and_reasoning_tokens_are_counted_once() {
        let usage: Usage = serde_json::from_str(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":80},
            "completion_tokens_details":{"reasoning_tokens":30}}"#,
        )
        .unwrap();
        let buckets = usage.buckets();
        assert_eq!(buckets.input_uncached, Some(Tokens::new(20)));
        assert_eq!(buckets.cache_read, Some(Tokens::new(80)));
        assert_eq!(buckets.output_text, Some(Tokens::new(20)));
        assert_eq!(buckets.total(), Some(Tokens::new(150)));
        assert_eq!(Usage::from_buckets(&buckets).total_tokens, 150);
    }
}
