//! A chat request, parsed and checked once at the border.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a body is no valid chat request. [`crate::ApiError`] is made from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is no JSON, or a field has the wrong type.
    #[error("the body is not a chat request: {0}")]
    Json(String),
    /// A field has a value that is not allowed.
    #[error("{param}: {why}")]
    Value {
        /// Path of the field, such as `messages[0].role`.
        param: String,
        /// What is wrong and what is expected.
        why: String,
    },
}

/// `POST /v1/chat/completions`. Fields that Moegate does not read itself stay in `extra` and reach
/// remote experts unchanged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ChatRequest {
    /// `auto`, an expert id, or `workflow/<name>`.
    #[serde(default)]
    pub model: String,
    /// The conversation, oldest first; at least one message.
    #[serde(default)]
    pub messages: Vec<Message>,
    /// Server-sent events instead of one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What a stream carries besides text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// Upper bound of output tokens, the older name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// Upper bound of output tokens, the newer name; wins over `max_tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<i64>,
    /// Number of answers; only 1 is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus mass, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Ask for log probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// How many alternatives per position, 0 to 20; needs `logprobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<i64>,
    /// The form of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Up to 16 string pairs; `scenario` and `task` are read by Moegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Everything else, passed on as it came.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

/// String pairs of a request.
pub type Metadata = BTreeMap<String, String>;

/// Options of a streamed answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOptions {
    /// Send one last chunk with the usage.
    #[serde(default)]
    pub include_usage: bool,
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Plain text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of a given schema.
    JsonSchema {
        /// Name, schema and strictness as the client gave them.
        json_schema: Value,
    },
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions of the application, newer name.
    Developer,
    /// Instructions of the application.
    System,
    /// The person or program that asks.
    User,
    /// An earlier answer.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The result of a function call, older form.
    Function,
}

/// One turn of the conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said; absent where an assistant only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Everything else, passed on as it came.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

/// The content of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// One text.
    Text(String),
    /// Several parts.
    Parts(Vec<ContentPart>),
}

/// A part of a content: text, or something else that is passed on as it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContentPart {
    /// `text`, `image_url`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text` part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, Value>,
}

/// The text of a message without copying where it is one piece.
pub type UserText<'a> = std::borrow::Cow<'a, str>;

impl Content {
    /// The text of the content, its parts joined by newlines.
    pub fn text(&self) -> UserText<'_> {
        match self {
            Self::Text(text) => UserText::Borrowed(text),
            Self::Parts(parts) => {
                let mut texts = parts.iter().filter_map(|p| p.text.as_deref());
                match (texts.next(), texts.next()) {
                    (None, _) => UserText::Borrowed(""),
                    (Some(one), None) => UserText::Borrowed(one),
                    (Some(one), Some(two)) => {
                        let mut joined = format!("{one}\n{two}");
                        for text in texts {
                            joined.push('\n');
                            joined.push_str(text);
                        }
                        UserText::Owned(joined)
                    }
                }
            }
        }
    }
}

impl ChatRequest {
    /// Parses and checks a body. Nesting is bounded by serde_json's limit of 128.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let text = std::str::from_utf8(body).map_err(|e| {
            RequestError::Json(format!("invalid UTF-8 at byte {}", e.valid_up_to()))
        })?;
        let request: Self =
            serde_json::from_str(text).map_err(|e| RequestError::Json(e.to_string()))?;
        request.check()?;
        Ok(request)
    }

    /// Checks what types alone cannot say.
    pub fn check(&self) -> Result<(), RequestError> {
        let wrong = |param: &str, why: &str| {
            Err(RequestError::Value {
                param: param.to_owned(),
                why: why.to_owned(),
            })
        };
        if self.model.is_empty() {
            return wrong("model", "is required: `auto` or an id of GET /v1/models");
        }
        if self.messages.is_empty() {
            return wrong("messages", "must hold at least one message");
        }
        let empty = |m: &Message| {
            m.content.as_ref().is_none_or(|c| match c {
                Content::Text(text) => text.is_empty(),
                Content::Parts(parts) => parts.is_empty(),
            })
        };
        if let Some(at) = self
            .messages
            .iter()
            .position(|m| m.role == Role::User && empty(m))
        {
            return wrong(&format!("messages[{at}].content"), "must not be empty");
        }
        for (param, value) in [
            ("max_tokens", self.max_tokens),
            ("max_completion_tokens", self.max_completion_tokens),
        ] {
            if value.is_some_and(|v| !(1..=1_000_000).contains(&v)) {
                return wrong(param, "must be between 1 and 1000000");
            }
        }
        if self.n.is_some_and(|n| n != 1) {
            return wrong("n", "only 1 is served");
        }
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            return wrong("temperature", "must be between 0 and 2");
        }
        if self.top_p.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return wrong("top_p", "must be between 0 and 1");
        }
        if self.top_logprobs.is_some_and(|k| !(0..=20).contains(&k)) {
            return wrong("top_logprobs", "must be between 0 and 20");
        }
        if self.top_logprobs.is_some() && self.logprobs != Some(true) {
            return wrong("top_logprobs", "needs logprobs: true");
        }
        if self.stream_options.is_some() && self.stream != Some(true) {
            return wrong("stream_options", "needs stream: true");
        }
        if let Some(metadata) = &self.metadata {
            if metadata.len() > 16 {
                return wrong("metadata", "holds more than 16 pairs");
            }
            if metadata.iter().any(|(k, v)| k.len() > 64 || v.len() > 512) {
                return wrong("metadata", "keys hold at most 64 bytes, values at most 512");
            }
        }
        Ok(())
    }

    /// Is the answer to be streamed?
    pub fn streams(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    /// Did the client ask for the usage chunk of a stream?
    pub fn wants_usage_chunk(&self) -> bool {
        self.stream_options.is_some_and(|o| o.include_usage)
    }

    /// The bound of output tokens the client set.
    pub fn output_bound(&self) -> Option<u64> {
        self.max_completion_tokens
            .or(self.max_tokens)
            .and_then(|v| u64::try_from(v).ok())
    }

    /// A pair of `metadata`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.get(key).map(String::as_str)
    }

    /// The text of the last message of the user; empty where there is none.
    pub fn last_user_text(&self) -> UserText<'_> {
        self.messages
            .iter()
            .rev()
            .find(|m| m.role == Role::User)
            .and_then(|m| m.content.as_ref())
            .map_or(UserText::Borrowed(""), Content::text)
    }
}

#[cfg(test)]
mod tests;
