//! What an answer says it used, as a receipt. What it does not say stays unknown.

use openai_api::{CompletionDetails, PromptDetails, Usage};
use serde::Deserialize;
use units::{AttemptId, AttemptStatus, Purpose, Receipt, TokenBuckets, Tokens};

/// The `usage` object of an answer, read leniently: a field of a strange form counts as absent.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct SaidUsage {
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptParts>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionParts>,
    #[serde(default)]
    moegate: Option<Receipt>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct PromptParts {
    #[serde(default, deserialize_with = "lenient")]
    cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct CompletionParts {
    #[serde(default, deserialize_with = "lenient")]
    reasoning_tokens: Option<u64>,
}

/// More tokens than any answer has: ten times the longest context there is. Who says more is not believed.
const MOST_TOKENS: u64 = 10_000_000;

/// A whole number of tokens that an answer can have; any other number counts as absent.
fn lenient<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(d)?;
    Ok(number
        .and_then(|n| n.as_u64())
        .filter(|count| *count <= MOST_TOKENS))
}

impl SaidUsage {
    /// Reads the text of a `usage` object; `null` and what is no such object give nothing.
    pub(crate) fn read(json: &str) -> Option<Self> {
        serde_json::from_str::<Option<Self>>(json).ok().flatten()
    }

    /// Did the expert say anything that counts?
    pub(crate) fn is_known(&self) -> bool {
        self.moegate.is_some() || self.prompt_tokens.is_some() || self.completion_tokens.is_some()
    }

    /// The same without a receipt: only workers of ours are believed to have one.
    pub(crate) fn of_remote(self) -> Self {
        Self {
            moegate: None,
            ..self
        }
    }

    /// The receipt of an attempt: the worker's own where it sent one.
    pub(crate) fn receipt(
        &self,
        attempt: AttemptId,
        purpose: Purpose,
        status: AttemptStatus,
    ) -> Receipt {
        match self.moegate {
            Some(receipt) => Receipt {
                attempt,
                purpose,
                status,
                ..receipt
            },
            None => Receipt {
                tokens: self.buckets(),
                ..Receipt::unknown(attempt, purpose, status)
            },
        }
    }

    fn buckets(&self) -> TokenBuckets {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens_details.unwrap_or_default();
        let usage = Usage {
            prompt_tokens: self.prompt_tokens.unwrap_or(0),
            completion_tokens: self.completion_tokens.unwrap_or(0),
            total_tokens: 0,
            prompt_tokens_details: Some(PromptDetails {
                cached_tokens: prompt.cached_tokens.unwrap_or(0),
                cache_write_tokens: prompt.cache_write_tokens,
            }),
            completion_tokens_details: Some(CompletionDetails {
                reasoning_tokens: completion.reasoning_tokens.unwrap_or(0),
            }),
            moegate: None,
        };
        let known = usage.buckets();
        TokenBuckets {
            input_uncached: known
                .input_uncached
                .filter(|_| self.prompt_tokens.is_some()),
            cache_read: known.cache_read.filter(|_| self.prompt_tokens.is_some()),
            cache_write: known.cache_write.filter(|_| self.prompt_tokens.is_some()),
            output_text: known
                .output_text
                .filter(|_| self.completion_tokens.is_some()),
            output_reasoning: known
                .output_reasoning
                .filter(|_| self.completion_tokens.is_some()),
        }
    }
}

/// The receipt of an attempt that told no usage, from the pieces of text that were seen: one piece
/// is one token, as stream servers send them. No piece gives an unknown count, not zero.
pub(crate) fn from_pieces(
    pieces: u64,
    attempt: AttemptId,
    purpose: Purpose,
    status: AttemptStatus,
) -> Receipt {
    let mut receipt = Receipt::unknown(attempt, purpose, status);
    receipt.tokens.output_text = (pieces > 0).then(|| Tokens::new(pieces));
    receipt
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Nanos;

    fn receipt(json: &str) -> Receipt {
        let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
        SaidUsage::read(json)
            .unwrap()
            .receipt(attempt, Purpose::Retry, AttemptStatus::Ok)
    }

    #[test]
    fn buckets_are_disjoint_whatever_a_provider_says() {
        let tokens = receipt(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":80,"audio_tokens":null},
            "completion_tokens_details":{"reasoning_tokens":30},"cost":0.1}"#,
        )
        .tokens;
        assert_eq!(tokens.input_uncached, Some(Tokens::new(20)));
        assert_eq!(tokens.cache_read, Some(Tokens::new(80)));
        assert_eq!(tokens.output_text, Some(Tokens::new(20)));
        assert_eq!(tokens.total(), Some(Tokens::new(150)));
    }

    #[test]
    fn unknown_is_not_zero() {
        let tokens = receipt(
            r#"{"completion_tokens":0,"prompt_tokens":-3,"prompt_tokens_details":null,
            "completion_tokens_details":{"reasoning_tokens":null}}"#,
        )
        .tokens;
        assert_eq!(tokens.input(), None);
        assert_eq!(tokens.output(), Some(Tokens::ZERO));
        assert!(SaidUsage::read("null").is_none());
        assert!(SaidUsage::read("7").is_none());
        assert!(!SaidUsage::read("{}").unwrap().is_known());
        assert_eq!(
            from_pieces(
                0,
                AttemptId::from_uuid(uuid::Uuid::nil()),
                Purpose::Serve,
                AttemptStatus::Cancelled
            )
            .tokens,
            TokenBuckets::default()
        );
    }

    #[test]
    fn absurd_counts_are_unknown() {
        let tokens = receipt(
            r#"{"prompt_tokens":4000000000000000000,"completion_tokens":7,
            "prompt_tokens_details":{"cached_tokens":18446744073709551615}}"#,
        )
        .tokens;
        assert_eq!((tokens.input(), tokens.cache_read), (None, None));
        assert_eq!(tokens.output(), Some(Tokens::new(7)));
        let most = format!(r#"{{"prompt_tokens":{MOST_TOKENS},"completion_tokens":0}}"#);
        assert_eq!(
            receipt(&most).tokens.input(),
            Some(Tokens::new(MOST_TOKENS))
        );
    }

    #[test]
    fn a_remote_has_no_receipt_of_its_own() {
        let json = r#"{"prompt_tokens":9,"completion_tokens":9,"moegate":{
            "attempt":"00000000-0000-0000-0000-0000000000ff","purpose":"serve","status":"ok",
            "tokens":{"input_uncached":1},"device_ns":500}}"#;
        let said = SaidUsage::read(json).unwrap().of_remote();
        let attempt = AttemptId::from_uuid(uuid::Uuid::from_u128(1));
        let receipt = said.receipt(attempt, Purpose::Serve, AttemptStatus::Ok);
        assert_eq!(receipt.tokens.total(), Some(Tokens::new(18)));
        assert_eq!(receipt.device_ns, None);
    }

    #[test]
    fn a_worker_tells_its_own_receipt() {
        let own = receipt(
            r#"{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18,"moegate":{
            "attempt":"00000000-0000-0000-0000-0000000000ff","purpose":"serve","status":"ok",
            "tokens":{"input_uncached":12,"output_text":3},"device_ns":500,"queue_ns":20}}"#,
        );
        assert_eq!(own.device_ns, Some(Nanos::new(500)));
        assert_eq!(own.tokens.total(), Some(Tokens::new(15)));
        assert_eq!(own.purpose, Purpose::Retry);
        assert_eq!(own.attempt.uuid(), uuid::Uuid::from_u128(1));
    }
}
