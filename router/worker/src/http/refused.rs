//! The one place where what goes wrong becomes a status, headers and the error object.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use openai_api::{ApiError, ErrorKind, RequestError};

use crate::job::{Failure, Refusal};

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refused(ApiError);

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// What a client waits while the worker restarts.
const RESTART_MS: u64 = 1_000;

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        Self(error.into())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full { retry_after_ms } => {
                busy("overloaded", "the queue is full", retry_after_ms)
            }
            Refusal::TimedOut => late(),
            Refusal::Unavailable { retry_after_ms } => unavailable(retry_after_ms),
            Refusal::Stopping => busy("stopping", "the worker is stopping", RESTART_MS),
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TimedOut => late(),
            Failure::Expert => broken("the expert failed"),
            Failure::Unavailable { retry_after_ms } => unavailable(retry_after_ms),
        }
    }
}

/// 400: a field of the request, or a header, is wrong.
pub(crate) fn wrong(code: &str, param: &str, message: impl Into<String>) -> Refused {
    let error = ApiError::new(400, ErrorKind::InvalidRequestError, code, message);
    error.with_param(param).into()
}

/// 404: nobody here has that id.
pub(crate) fn no_such_model(id: &str) -> Refused {
    let id: String = id.chars().take(80).collect();
    let message = format!("the model {id:?} is not hosted here");
    ApiError::new(
        404,
        ErrorKind::InvalidRequestError,
        "model_not_found",
        message,
    )
    .with_param("model")
    .into()
}

/// 413 or 408: the body does not come as it should.
pub(crate) fn body(status: u16, code: &str, message: impl Into<String>) -> Refused {
    ApiError::new(status, ErrorKind::InvalidRequestError, code, message).into()
}

/// 504: the deadline passed.
pub(crate) fn late() -> Refused {
    let message = "the deadline passed before the expert could answer";
    ApiError::new(504, ErrorKind::ServerError, "deadline_exceeded", message)
        .without_retry()
        .into()
}

/// 503: the expert cannot be used for now.
pub(crate) fn unavailable(retry_after_ms: u64) -> Refused {
    busy(
        "expert_unavailable",
        "the expert is failing; it is tried again later",
        retry_after_ms,
    )
}

/// 500: the worker or its expert failed.
pub(crate) fn broken(message: &str) -> Refused {
    ApiError::new(500, ErrorKind::ServerError, "expert_failed", message).into()
}

fn busy(code: &str, message: &str, retry_after_ms: u64) -> Refused {
    ApiError::new(503, ErrorKind::ServerError, code, message)
        .with_retry_after_ms(retry_after_ms)
        .into()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = self.0;
        let status =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static("application/json");
        let mut response =
            (status, [(header::CONTENT_TYPE, json)], error.to_json()).into_response();
        let headers = response.headers_mut();
        if let Some(ms) = error.retry_after_ms {
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1_000).into());
            headers.insert(RETRY_AFTER_MS, ms.into());
        }
        if let Some(retry) = error.should_retry {
            let word = if retry { "true" } else { "false" };
            headers.insert(SHOULD_RETRY, HeaderValue::from_static(word));
        }
        response
    }
}
