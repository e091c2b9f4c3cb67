//! The errors the API itself raises, with their codes.

use openai_api::{ApiError, ErrorKind};

/// The service failed in a way that says nothing to a client.
pub fn internal() -> ApiError {
    ApiError::new(
        500,
        ErrorKind::ServerError,
        "internal_error",
        "the gateway failed",
    )
}

/// No such path.
pub fn unknown_path() -> ApiError {
    ApiError::new(
        404,
        ErrorKind::InvalidRequestError,
        "unknown_url",
        "no such path",
    )
}

/// The path exists, the method does not.
pub fn wrong_method() -> ApiError {
    ApiError::new(
        405,
        ErrorKind::InvalidRequestError,
        "method_not_allowed",
        "this path does not take this method",
    )
}

/// A model that does not exist, or that the caller may not even know of.
pub fn unknown_model(model: &str) -> ApiError {
    let model: String = model.chars().take(80).collect();
    ApiError::new(
        404,
        ErrorKind::InvalidRequestError,
        "model_not_found",
        format!("the model {model:?} does not exist; GET /v1/models lists those you may use"),
    )
    .with_param("model")
}

/// A model that exists but is not the caller's to use.
pub fn forbidden_model(model: &str) -> ApiError {
    ApiError::new(
        403,
        ErrorKind::PermissionError,
        "model_not_allowed",
        format!("this key may not use the model {model:?}"),
    )
    .with_param("model")
}

/// A declared scenario that the tenant does not have.
pub fn unknown_scenario() -> ApiError {
    ApiError::new(
        400,
        ErrorKind::InvalidRequestError,
        "unknown_scenario",
        "metadata.scenario names no scenario of this tenant",
    )
    .with_param("metadata.scenario")
}

/// A tag that is none.
pub fn bad_tag(why: &str) -> ApiError {
    ApiError::new(400, ErrorKind::InvalidRequestError, "bad_tag", why).with_param("metadata")
}

/// A task that no expert of the caller has.
pub fn unknown_task() -> ApiError {
    ApiError::new(
        400,
        ErrorKind::InvalidRequestError,
        "unknown_task",
        "metadata.task names no task of an expert that this key may use",
    )
    .with_param("metadata.task")
}

/// The body is larger than the configuration allows.
pub fn too_large(bound: usize) -> ApiError {
    ApiError::new(
        413,
        ErrorKind::InvalidRequestError,
        "request_too_large",
        format!("the body is larger than {bound} bytes"),
    )
}

/// The body is said to be no JSON.
pub fn unsupported_type() -> ApiError {
    ApiError::new(
        415,
        ErrorKind::InvalidRequestError,
        "unsupported_media_type",
        "the body must be JSON: send `Content-Type: application/json`",
    )
}

/// The body is compressed.
pub fn unsupported_encoding() -> ApiError {
    ApiError::new(
        415,
        ErrorKind::InvalidRequestError,
        "unsupported_media_type",
        "the body must not be compressed: leave `Content-Encoding` out",
    )
}

/// The body did not come in time.
pub fn slow_body() -> ApiError {
    ApiError::new(
        408,
        ErrorKind::InvalidRequestError,
        "request_timeout",
        "the body came too slowly",
    )
}

/// The body broke off.
pub fn broken_body() -> ApiError {
    ApiError::new(
        400,
        ErrorKind::InvalidRequestError,
        "invalid_body",
        "the body broke off",
    )
}

/// No expert can take the request now.
pub fn no_expert(retry_after_ms: u64) -> ApiError {
    ApiError::new(
        503,
        ErrorKind::ServerError,
        "no_expert_available",
        "no expert can answer now; try again",
    )
    .with_retry_after_ms(retry_after_ms)
}

/// No expert answered before the deadline.
pub fn deadline() -> ApiError {
    ApiError::new(
        504,
        ErrorKind::ServerError,
        "deadline_exceeded",
        "no expert answered in time",
    )
}

/// The caller's experts cannot serve what the request asks.
pub fn no_candidate() -> ApiError {
    ApiError::new(
        403,
        ErrorKind::PermissionError,
        "no_expert_allowed",
        "no expert that this key may use can serve this request",
    )
}

/// The journal cannot be written, so no answer may be given.
pub fn not_recorded() -> ApiError {
    ApiError::new(
        503,
        ErrorKind::ServerError,
        "ledger_unavailable",
        "the request cannot be recorded now; try again",
    )
    .with_retry_after_ms(1_000)
}

/// No such request of this tenant.
pub fn unknown_request() -> ApiError {
    ApiError::new(
        404,
        ErrorKind::InvalidRequestError,
        "request_not_found",
        "request_id names no request of this tenant",
    )
    .with_param("request_id")
}

/// The expert failed and no other could take over.
pub fn expert_failed() -> ApiError {
    ApiError::new(
        502,
        ErrorKind::ServerError,
        "expert_failed",
        "the expert failed; try again",
    )
    .with_retry_after_ms(250)
}

/// The expert refuses the request without saying why in a form that can be passed on.
pub fn refused_by_expert() -> ApiError {
    ApiError::new(
        400,
        ErrorKind::InvalidRequestError,
        "refused_by_expert",
        "the expert refuses this request",
    )
}

/// The expert failed in mid-stream.
pub fn broken_stream() -> ApiError {
    ApiError::new(
        502,
        ErrorKind::ServerError,
        "stream_broken",
        "the answer broke off",
    )
}

/// Every code that the gateway itself sends.
const OWN_CODES: &[&str] = &[
    "internal_error",
    "unknown_url",
    "method_not_allowed",
    "model_not_found",
    "model_not_allowed",
    "unknown_scenario",
    "request_too_large",
    "request_timeout",
    "invalid_body",
    "invalid_json",
    "invalid_value",
    "invalid_feedback",
    "unsupported_media_type",
    "no_expert_available",
    "deadline_exceeded",
    "no_expert_allowed",
    "ledger_unavailable",
    "request_not_found",
    "role_missing",
    "expert_failed",
    "refused_by_expert",
    "stream_broken",
    "missing_credentials",
    "invalid_credentials",
    "expired",
    "not_yet_valid",
    "revoked",
    "rate_limit_exceeded",
    "concurrency_limit_exceeded",
    "insufficient_quota",
    "budget_reserved",
    "unsupported_capability",
    "context_length_exceeded",
    "cost_limit_exceeded",
    "unknown_task",
];

/// Is this one of the gateway's own codes, fit for a label?
pub fn is_own(code: &str) -> bool {
    OWN_CODES.contains(&code)
}
