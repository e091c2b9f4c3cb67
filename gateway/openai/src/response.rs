//! Answers: whole (`chat.completion`) and in chunks (`chat.completion.chunk`).

use serde::{Deserialize, Serialize};

use crate::Usage;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// `chatcmpl-…`.
    pub id: String,
    /// `chat.completion`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// The expert that answered.
    pub model: String,
    /// The answers; one.
    pub choices: Vec<Choice>,
    /// Token usage, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Version of what answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
}

/// One answer of a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its place.
    pub index: u32,
    /// What is said.
    pub message: ResponseMessage,
    /// Log probabilities, null unless asked for.
    #[serde(default)]
    pub logprobs: Option<Logprobs>,
    /// Why it ended.
    pub finish_reason: Option<FinishReason>,
}

/// The message of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseMessage {
    /// `assistant`.
    pub role: String,
    /// The text, null where only tools are called.
    pub content: Option<String>,
    /// A refusal, null otherwise.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Everything else a remote expert says.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was complete.
    Stop,
    /// The bound of output tokens was reached.
    Length,
    /// Tools are called.
    ToolCalls,
    /// A filter cut it.
    ContentFilter,
    /// A function is called, older form.
    FunctionCall,
}

/// Log probabilities of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logprobs {
    /// One entry per position; an encoder expert has one, its label.
    pub content: Option<Vec<TokenLogprob>>,
    /// Null.
    #[serde(default)]
    pub refusal: Option<Vec<TokenLogprob>>,
}

/// The log probability of one token (or of one label).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its UTF-8 bytes.
    pub bytes: Option<Vec<u8>>,
    /// The most probable alternatives, best first.
    pub top_logprobs: Vec<TopLogprob>,
}

/// An alternative at a position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopLogprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its UTF-8 bytes.
    pub bytes: Option<Vec<u8>>,
}

/// A piece of a streamed answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatChunk {
    /// The same in all chunks of an answer.
    pub id: String,
    /// `chat.completion.chunk`.
    pub object: String,
    /// Unix seconds.
    pub created: i64,
    /// The expert that answers.
    pub model: String,
    /// The pieces; empty in the usage chunk.
    pub choices: Vec<ChunkChoice>,
    /// Null in all chunks but the last, where the client asked for usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Version of what answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_fingerprint: Option<String>,
}

/// A piece of one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkChoice {
    /// Its place.
    pub index: u32,
    /// What is new.
    pub delta: Delta,
    /// Log probabilities, null unless asked for.
    #[serde(default)]
    pub logprobs: Option<Logprobs>,
    /// Why it ended, null before the end.
    pub finish_reason: Option<FinishReason>,
}

/// What is new in a chunk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// `assistant`, in the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// More text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Everything else a remote expert says.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl ChatResponse {
    /// The value of `object`.
    pub const OBJECT: &'static str = "chat.completion";
}

impl ChatChunk {
    /// The value of `object`.
    pub const OBJECT: &'static str = "chat.completion.chunk";
}
