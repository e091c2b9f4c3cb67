//! The error object: `{"error":{"message","type","param","code"}}`, all four always present.

use serde::{Deserialize, Serialize};

use crate::RequestError;

/// The `type` of an error, as OpenAI clients know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is wrong.
    InvalidRequestError,
    /// Nobody knows who is calling.
    AuthenticationError,
    /// The caller may not do this.
    PermissionError,
    /// Too much for now; try later.
    RateLimitError,
    /// The budget is spent; trying again does not help.
    InsufficientQuota,
    /// The service failed.
    ServerError,
}

/// An error of the API with its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// What went wrong, for a person; never holds prompt text or secrets.
    pub message: String,
    /// The kind.
    pub kind: ErrorKind,
    /// The field that is wrong.
    pub param: Option<String>,
    /// A stable word for programs.
    pub code: Option<String>,
    /// When to try again, in milliseconds, where that is known.
    pub retry_after_ms: Option<u64>,
    /// Whether trying again can help; sent as `x-should-retry`.
    pub should_retry: Option<bool>,
}

impl ApiError {
    /// An error with a status, a kind, a code and a message.
    pub fn new(status: u16, kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            kind,
            param: None,
            code: Some(code.to_owned()),
            retry_after_ms: None,
            should_retry: None,
        }
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when to try again, in milliseconds.
    #[must_use]
    pub fn with_retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self.should_retry = Some(true);
        self
    }

    /// Says that trying again does not help.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.should_retry = Some(false);
        self
    }

    /// The body of the answer.
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorObject {
                message: self.message.clone(),
                kind: self.kind,
                param: self.param.clone(),
                code: self.code.clone(),
            },
        }
    }

    /// The body as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body()).unwrap_or_default()
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::Json(_) => {
                Self::new(400, ErrorKind::InvalidRequestError, "invalid_json", message)
            }
            RequestError::Value { param, .. } => Self::new(
                400,
                ErrorKind::InvalidRequestError,
                "invalid_value",
                message,
            )
            .with_param(param),
        }
    }
}

/// The JSON body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorObject,
}

/// The four fields every error carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// What went wrong, for a person.
    pub message: String,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: ErrorKind,
    /// The field that is wrong, or null.
    pub param: Option<String>,
    /// A stable word for programs, or null.
    pub code: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_fields_are_there() {
        let error = ApiError::new(404, ErrorKind::InvalidRequestError, "model_not_found", "no");
        assert_eq!(
            String::from_utf8(error.to_json()).unwrap(),
            r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
        );
    }
}
