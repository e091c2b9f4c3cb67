//! What a client is told when a plugin has no answer.

use openai_api::{ApiError, ErrorKind};
use plugin_host::CallError;
use plugin_package::Manifest;

/// The error for the client, with plugin, version and code.
pub(super) fn told(why: &CallError, manifest: &Manifest) -> ApiError {
    let (status, kind) = match why {
        CallError::Limit(_) | CallError::Trap(_) => (502, ErrorKind::ServerError),
        CallError::Internal(_) => (500, ErrorKind::ServerError),
        CallError::Deadline(_) => (504, ErrorKind::ServerError),
        CallError::Busy(_) => (429, ErrorKind::RateLimitError),
        CallError::Cancelled => (499, ErrorKind::InvalidRequestError),
        CallError::Refused { code, .. } => match code.as_str() {
            "invalid" => (400, ErrorKind::InvalidRequestError),
            "denied" => (403, ErrorKind::PermissionError),
            "budget" => (429, ErrorKind::InsufficientQuota),
            "timeout" => (504, ErrorKind::ServerError),
            _ => (502, ErrorKind::ServerError),
        },
    };
    let code = match why {
        CallError::Refused { code, .. } => code.as_str(),
        other => other.code(),
    };
    let message = format!("plugin {} {}: {why}", manifest.name, manifest.version);
    let error = ApiError::new(status, kind, code, message);
    match why {
        CallError::Busy(_) => error.with_retry_after_ms(250),
        CallError::Refused { code, .. } if code == "budget" => error.without_retry(),
        _ => error,
    }
}

/// The status the pool sees: what is the request's fault is over, what is full is tried again, and for the rest the
/// next expert is asked, since the same call would end in the same way.
pub(super) fn pool_status(error: &ApiError) -> u16 {
    match error.status {
        400 => 400,
        429 if error.code.as_deref() == Some("plugin_busy") => 429,
        _ => 500,
    }
}
